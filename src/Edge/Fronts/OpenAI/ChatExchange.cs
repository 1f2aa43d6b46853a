using System.Collections.Immutable;
using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A Chat Completions request.</summary>
internal sealed class ChatExchange(ChatRequest request) : IExchange
{
    /// <summary>The request as channels get it that leave out some of its fields.</summary>
    private readonly List<(ImmutableArray<string> Names, ChatRequest Request)> _without = [];

    public RequestFacts Facts => request;

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
    });

    public string? AddedField(Channel channel) => request.LacksStreamOptions && channel.SupportsStreamUsage ? "stream_options" : null;

    public IStreamCodec OpenStream(Call call) =>
        request.Stream ? new ChatStreamCodec(call, request, call.Route!.Channel.Mend) : new ChatAssemblyCodec(call, request);

    public IWholeCodec OpenWhole(Call call) => request.Stream ? new ChatSplitCodec(call, request) : new ChatWholeCodec(call);

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
