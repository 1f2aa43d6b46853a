using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI.Endpoints;

namespace OrleansGateway.Edge.Fronts.OpenAI.Endpoints;

/// <summary>A request to one of OpenAI's endpoints.</summary>
internal sealed class EndpointExchange(EndpointRequest request, IFront front) : IExchange
{
    public RequestFacts Facts => request;

    public IUpstreamRequest Request { get; } = new EndpointUpstreamRequest(request);

    public IStreamForm StreamForm => front;

    public bool MayBeEvents => request.Stream;

    public string WholeType(Call call) => request.Form switch
    {
        AnswerForm.Json => "application/json",

        // The provider's, as far as it is one of text or of sound: nothing else is made of it.
        AnswerForm.Text => (call.AnswerType == "text/vtt" ? "text/vtt" : "text/plain") + "; charset=utf-8",
        _ => call.AnswerType is { } type && type.StartsWith("audio/", StringComparison.Ordinal) ? type : "application/octet-stream",
    };

    public Conversation? Converse(out ApiError error)
    {
        error = Refusals.NotHere(request.Model, "its providers have nothing like it");
        return null;
    }

    public IStreamCodec OpenStream(Call call) =>
        request is CompletionRequest completion ? new CompletionStreamCodec(call, completion) : new EndpointStreamCodec(call, request);

    public IWholeCodec OpenWhole(Call call) => new EndpointWholeCodec(call, request);

    public IAnswerWriter OpenWriter(Call call) => throw new NotSupportedException("Nothing is translated for this endpoint.");
}
