using System.Collections.Immutable;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Dialects.OpenAI;

/// <summary>A Chat Completions request on its way to providers.</summary>
internal sealed class ChatUpstreamRequest(ChatRequest request) : IUpstreamRequest
{
    /// <summary>The request as channels get it that leave out some of its fields.</summary>
    private readonly List<(ImmutableArray<string> Names, ChatRequest Request)> _without = [];

    public string Format => WireFormats.Chat;

    public bool Stream => request.Stream;

    public UpstreamBody BodyFor(Route route, CostBound bound) => RequestFor(route.Channel, bound).ForUpstream(new UpstreamChanges
    {
        Model = route.UpstreamModel,
        MaxOutputTokens = bound.LoweredCap,
        OutputLimitField = route.Channel.MaxTokensField switch
        {
            MaxTokensField.MaxTokens => OutputLimitField.MaxTokens,
            MaxTokensField.MaxCompletionTokens => OutputLimitField.MaxCompletionTokens,
            _ => OutputLimitField.None,
        },
        WithoutStreamOptions = !route.Channel.SupportsStreamUsage,
        Thinking = route.Channel.Provider.Traits.ThinkingField switch
        {
            ThinkingField.Thinking => ThinkingForm.Type,
            ThinkingField.EnableThinking => ThinkingForm.Flag,
            _ => ThinkingForm.Effort,
        },
    });

    public string? AddedField(Channel channel) => request.LacksStreamOptions && channel.SupportsStreamUsage ? "stream_options" : null;

    private ChatRequest RequestFor(Channel channel, CostBound bound)
    {
        if (channel.DropParams.IsEmpty && bound.Unpriced.Count == 0)
        {
            return request;
        }

        foreach (var (names, made) in _without)
        {
            if (names.SequenceEqual(channel.DropParams))
            {
                return made;
            }
        }

        var without = (bound.Unpriced.Count == 0 ? request : WithoutUnpriced(bound)).Without(channel.DropParams);
        _without.Add((channel.DropParams, without));
        return without;
    }

    private ChatRequest WithoutUnpriced(CostBound bound) =>
        ChatRequest.TryRead(UnpricedFields.Remove(request.Body, bound.Unpriced), ChatRequest.MaxChoicesLimit, out var without, out var error)
            ? without
            : throw new InvalidOperationException($"The request cannot be read without fields that it can be sent without: {error.Code}.");
}
