using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A Chat Completions request.</summary>
internal sealed class ChatExchange(ChatRequest request) : IExchange
{
    public RequestFacts Facts => request;

    public UpstreamBody BodyFor(Route route, CostBound bound) => RequestFor(route.Channel).ForUpstream(new UpstreamChanges
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

    private ChatRequest RequestFor(Channel channel)
    {
        if (channel.DropParams.IsEmpty)
        {
            return request;
        }

        var body = DroppedParams.Remove(request.Body, channel.DropParams);
        return ChatRequest.TryRead(body, ChatRequest.MaxChoicesLimit, out var without, out var error)
            ? without
            : throw new InvalidOperationException($"The request cannot be read without fields that it can be sent without: {error.Code}.");
    }
}
