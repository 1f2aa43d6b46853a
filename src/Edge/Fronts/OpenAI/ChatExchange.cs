using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;
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

    public IStreamCodec OpenStream(Call call) => new ChatStreamCodec(call, request);

    public IWholeCodec OpenWhole(Call call) => new ChatWholeCodec(call);

    /// <summary>The model's name in answers, JSON: empty leaves the provider's, where the catalog gives the model the same name as its provider.</summary>
    public static ReadOnlyMemory<byte> PublicModel(Call call) =>
        call.Route!.UpstreamModel == call.Bound.Model.Id ? default : JsonBytes.Quote(call.Bound.Model.Id);

    private ChatRequest RequestFor(Channel channel)
    {
        if (channel.DropParams.IsEmpty)
        {
            return request;
        }

        var body = DroppedParams.Remove(request.Body, channel.DropParams);
        return ChatRequest.TryRead(body, ChatRequest.MaxChoicesLimit, out var without, out _) ? without : request;
    }
}
