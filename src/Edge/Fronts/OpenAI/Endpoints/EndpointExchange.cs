using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI.Endpoints;

namespace OrleansGateway.Edge.Fronts.OpenAI.Endpoints;

/// <summary>A request to one of OpenAI's endpoints.</summary>
/// <param name="isKept">Whether the answer is kept for a repeat of the request, whole.</param>
internal sealed class EndpointExchange(EndpointRequest request, IFront front, bool isKept) : IExchange
{
    private const string EventsType = "text/event-stream";

    public RequestFacts Facts => request;

    public IUpstreamRequest Request { get; } = new EndpointUpstreamRequest(request, isKept);

    public IStreamForm StreamForm { get; } = request is SpeechRequest { Stream: false } speech ? new BytesForm(speech.SoundType) : front;

    /// <summary>Sound may begin as events do: speech is events only where those were asked for, and where it says so.</summary>
    public bool MayBeEvents(Call call) =>
        request.Stream || (request is SpeechRequest && EndpointUpstreamRequest.IsSoldByTokens(call.Bound) && call.AnswerType == EventsType);

    /// <summary>Speech by the character: what it costs does not depend on what comes.</summary>
    public bool PassesBytes(Call call) => request is SpeechRequest { Stream: false } && !EndpointUpstreamRequest.IsSoldByTokens(call.Bound);

    public string WholeType(Call call) => request.Form switch
    {
        AnswerForm.Json => "application/json",

        // The provider's, as far as it is one of text or of sound: nothing else is made of it. Events do not say which sound they bring.
        AnswerForm.Text => (call.AnswerType == "text/vtt" ? "text/vtt" : "text/plain") + "; charset=utf-8",
        _ when request is SpeechRequest speech && call.AnswerType == EventsType => speech.SoundType,
        _ => call.AnswerType is { } type && type.StartsWith("audio/", StringComparison.Ordinal) ? type : "application/octet-stream",
    };

    public Conversation? Converse(out ApiError error)
    {
        error = Refusals.NotHere(request.Model, "its providers have nothing like it");
        return null;
    }

    public StreamCodec OpenStream(Call call)
    {
        var reader = new EndpointStreamReader(request, EndpointWholeCodec.KindOf(request));
        return request is CompletionRequest completion ? new CompletionStreamCodec(call, completion, reader) : new EndpointStreamCodec(call, request, reader);
    }

    public IWholeCodec OpenWhole(Call call) => new EndpointWholeCodec(call, request);

    public IAnswerWriter OpenWriter(Call call) => throw new NotSupportedException("Nothing is translated for this endpoint.");
}
