using System.Collections.Frozen;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.OpenAI.Translation;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A Chat Completions request.</summary>
internal sealed class ChatExchange(ChatRequest request, IFront front) : IExchange
{
    private IReadOnlySet<string> _textTools = FrozenSet<string>.Empty;

    public RequestFacts Facts => request;

    public IUpstreamRequest Request { get; } = new ChatUpstreamRequest(request);

    public IStreamForm StreamForm => front;

    public Conversation? Converse(out ApiError error)
    {
        var conversation = ChatConversation.Read(request.Body, out _textTools, out var refusal);
        error = OpenAIFront.ErrorOf(refusal);
        return conversation;
    }

    public StreamCodec OpenStream(Call call) =>
        request.Stream ? new ChatStreamCodec(call, request, call.Route!.Channel.Mend) : new ChatAssemblyCodec(call, request);

    public IWholeCodec OpenWhole(Call call) => request.Stream ? new ChatSplitCodec(call, request) : new ChatWholeCodec(call, request);

    public IAnswerWriter OpenWriter(Call call) => new ChatAnswerWriter(new ChatAnswerForm
    {
        RequestId = call.Running.RequestId,
        CreatedSeconds = call.Running.Time.GetUtcNow().ToUnixTimeSeconds(),
        Model = request.Model,
        Stream = request.Stream,
        IncludeUsage = request.IncludeUsage,
        ProviderFormat = call.Dialect.TranslatesTo,
        TextTools = _textTools,
    });
}
