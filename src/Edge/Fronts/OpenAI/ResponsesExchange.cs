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
/// <param name="previous">The response that it goes on from; null of one that begins.</param>
internal sealed class ResponsesExchange(ResponsesRequest request, IFront front, ResponseMemory memory, KeptResponse? previous, TimeProvider time) : IExchange
{
    private readonly ResponsesStreamForm _form = new(front, new ResponsesProgress(Guid.NewGuid().ToString("N"), time.GetUtcNow().ToUnixTimeSeconds(), request.Model));

    private ResponseMemory.Place? _place;
    private byte[]? _echo;

    private IReadOnlyDictionary<string, ResponsesTool> _tools = new Dictionary<string, ResponsesTool>();

    public RequestFacts Facts => request;

    public IUpstreamRequest Request { get; } = new ResponsesUpstreamRequest(request);

    public IStreamForm StreamForm => _form;

    public string? BegunBy => previous?.Channel;

    public Conversation? Converse(out ApiError error)
    {
        var conversation = ResponsesConversation.Read(request.Body, out _tools, out var refusal);
        error = OpenAIFront.ErrorOf(refusal);
        return conversation;
    }

    public void Answered(Call call, ReadOnlyMemory<byte> rest)
    {
        if (_place is not null)
        {
            // Of a stream, the last event has all of it.
            var last = request.Stream ? rest.Span.LastIndexOf("\ndata: "u8) + "\ndata: ".Length : 0;
            memory.Keep(_place, rest.Span[last..], call.Route!.Channel.Name);
        }
    }

    public StreamCodec OpenStream(Call call)
    {
        var progress = Begin(call);
        return new ResponsesStreamCodec(call, new ResponsesAnswerReader { Keeping = progress.Keeping }, progress);
    }

    public IWholeCodec OpenWhole(Call call)
    {
        if (request.Stream)
        {
            return new TranslatedWholeCodec(call, new ResponsesAnswerReader(), OpenWriter(call));
        }

        var progress = Begin(call);
        return new ResponsesWholeCodec(call, new ResponsesAnswerReader { Keeping = progress.Keeping }, progress);
    }

    public IAnswerWriter OpenWriter(Call call) => new ResponsesAnswerWriter(Begin(call, isOurs: true), request.Stream, call.Dialect.TranslatesTo, _tools);

    /// <summary>Each attempt counts its events anew: the client has seen none of the ones before.</summary>
    /// <param name="isOurs">Whether the response is not its provider's own, which repeats the request by itself.</param>
    private ResponsesProgress Begin(Call call, bool isOurs = false)
    {
        _echo ??= isOurs ? ResponsesEcho.Of(request.Body.Span) : null;
        _place ??= request.KeepsAnswer ? memory.Begin(call.Order.Caller.Key.AccountId, request.Input.Span) : null;
        return _form.Progress = new ResponsesProgress(call.Running.RequestId, time.GetUtcNow().ToUnixTimeSeconds(), request.Model)
        {
            Keeping = _place is null ? null : ResponsesKeeping.Of(previous?.Id),
            Echo = _echo ?? ResponsesEcho.Usual,
        };
    }
}
