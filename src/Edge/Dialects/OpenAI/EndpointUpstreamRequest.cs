using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI.Endpoints;

namespace OrleansGateway.Edge.Dialects.OpenAI;

/// <summary>A request to one of OpenAI's endpoints on its way to providers.</summary>
/// <param name="isKept">Whether the answer is kept for a repeat of the request, whole.</param>
internal sealed class EndpointUpstreamRequest(EndpointRequest request, bool isKept) : IUpstreamRequest
{
    private bool _asksForEvents;

    public string Format => request.Format;

    public bool Stream => request.Stream;

    public string ContentType => request.ContentType;

    public string Accept => request.Stream ? "text/event-stream" : request.Form == AnswerForm.Json ? "application/json" : "*/*";

    public UpstreamBody BodyFor(Route route, CostBound bound)
    {
        // Only events tell what speech used, and they cannot be kept.
        _asksForEvents = request is SpeechRequest { Stream: false } && !isKept && route.Channel.SupportsStreamUsage && IsSoldByTokens(bound);
        return request.ForUpstream(new EndpointChanges(
            route.UpstreamModel, bound.LoweredCap, route.Channel.SupportsStreamUsage, route.Channel.DropParams, _asksForEvents));
    }

    /// <summary>Whether an answer costs by what comes.</summary>
    public static bool IsSoldByTokens(CostBound bound) => bound.CoverFor(1) > bound.CoverFor(0) || bound.Price.Base[Unit.Input] > 0;

    public string? AddedField(Channel channel) =>
        _asksForEvents ? "stream_format"
        : request is CompletionRequest { LacksStreamOptions: true } && channel.SupportsStreamUsage ? "stream_options" : null;
}
