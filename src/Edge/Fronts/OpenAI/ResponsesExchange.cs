using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Fronts.Translation;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI.Responses;
using OrleansGateway.Protocols.OpenAI.Translation;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A Responses request.</summary>
internal sealed class ResponsesExchange(ResponsesRequest request, IFront front, ResponseMemory memory, TimeProvider time) : IExchange
{
    private readonly ResponsesStreamForm _form = new(front, new ResponsesProgress(Guid.NewGuid().ToString("N"), time.GetUtcNow().ToUnixTimeSeconds(), request.Model));

    /// <summary>What it asks, as long as the request's own memory may be gone when the answer is there.</summary>
    private readonly byte[]? _input = request.KeepsAnswer ? ResponseMemory.InputOf(request.Body) : null;

    private IReadOnlyDictionary<string, ResponsesTool> _tools = new Dictionary<string, ResponsesTool>();

    public RequestFacts Facts => request;

    public IUpstreamRequest Request { get; } = new ResponsesUpstreamRequest(request);

    public IStreamForm StreamForm => _form;

    public Conversation? Converse(out ApiError error)
    {
        var conversation = ResponsesConversation.Read(request.Body, out _tools, out var refusal);
        error = OpenAIFront.ErrorOf(refusal);
        return conversation;
    }

    public void Answered(Call call, ReadOnlyMemory<byte> rest)
    {
        if (!request.KeepsAnswer)
        {
            return;
        }

        // Of a stream, the last event has all of it.
        var last = request.Stream ? rest.Span.LastIndexOf("\ndata: "u8) + "\ndata: ".Length : 0;
        memory.Keep(call.Order.Caller.Key.AccountId, _input, rest[last..]);
    }

    public IStreamCodec OpenStream(Call call) => new ResponsesStreamCodec(call, new ResponsesAnswerReader(), Begin(call));

    public IWholeCodec OpenWhole(Call call) => request.Stream
        ? new TranslatedWholeCodec(call, new ResponsesAnswerReader(), OpenWriter(call))
        : new ResponsesWholeCodec(call, Begin(call));

    public IAnswerWriter OpenWriter(Call call) => new ResponsesAnswerWriter(Begin(call), request.Stream, call.Dialect.TranslatesTo, _tools);

    /// <summary>Each attempt counts its events anew: the client has seen none of the ones before.</summary>
    private ResponsesProgress Begin(Call call) =>
        _form.Progress = new ResponsesProgress(call.Running.RequestId, time.GetUtcNow().ToUnixTimeSeconds(), request.Model);
}
