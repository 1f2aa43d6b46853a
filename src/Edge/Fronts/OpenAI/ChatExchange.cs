using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A Chat Completions request.</summary>
internal sealed class ChatExchange(ChatRequest request, IFront front) : IExchange
{
    public RequestFacts Facts => request;

    public IUpstreamRequest Request { get; } = new ChatUpstreamRequest(request);

    public IStreamForm StreamForm => front;

    public Conversation? Converse(out ApiError error) => throw new NotImplementedException();

    public IStreamCodec OpenStream(Call call) =>
        request.Stream ? new ChatStreamCodec(call, request, call.Route!.Channel.Mend) : new ChatAssemblyCodec(call, request);

    public IWholeCodec OpenWhole(Call call) => request.Stream ? new ChatSplitCodec(call, request) : new ChatWholeCodec(call);

    public IAnswerWriter OpenWriter(Call call) => throw new NotImplementedException();
}
