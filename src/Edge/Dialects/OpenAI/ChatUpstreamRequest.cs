using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Dialects.OpenAI;

/// <summary>A Chat Completions request on its way to providers.</summary>
internal sealed class ChatUpstreamRequest(ChatRequest request) : IUpstreamRequest
{
    private readonly DroppedFields<ChatRequest> _dropped = Kept(request);

    public string Format => WireFormats.Chat;

    public bool Stream => request.Stream;

    public UpstreamBody BodyFor(Route route, CostBound bound) => Opened(_dropped.For(route.Channel, bound)).ForUpstream(new UpstreamChanges
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

    /// <summary>What the client asks to have kept is not: all customers of a channel are one account to its provider. Labels are refused without.</summary>
    private static DroppedFields<ChatRequest> Kept(ChatRequest request)
    {
        var kept = request.AsksToStore ? Read(JsonMembers.Without(request.Body, static name => name is "store" or "metadata")) : request;
        return new(kept, kept.Body, Read);
    }

    /// <summary>The request with the provider's own ids: whoever chose the route has looked at the customer's.</summary>
    private static ChatRequest Opened(ChatRequest request) => request.Held.Count == 0 ? request : request.WithHeldIds(HeldId.Open);

    private static ChatRequest Read(ReadOnlyMemory<byte> body) => ChatRequest.TryRead(body, ChatRequest.MaxChoicesLimit, out var read, out var error)
        ? read
        : throw new InvalidOperationException($"The request cannot be read without fields that it can be sent without: {error.Code}.");
}
