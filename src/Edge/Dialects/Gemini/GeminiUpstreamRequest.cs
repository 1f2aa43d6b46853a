using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Gemini;

namespace OrleansGateway.Edge.Dialects.Gemini;

/// <summary>A request of a client that speaks Gemini, on its way to providers that do.</summary>
internal sealed class GeminiUpstreamRequest(GeminiRequest request) : IUpstreamRequest
{
    public string Format { get; } = GeminiFormats.Of(request.Method);

    public bool Stream => request.Stream;

    public UpstreamBody BodyFor(Route route, CostBound bound) => Own(route.Channel).ForUpstream(new GeminiChanges
    {
        Model = route.UpstreamModel,
        MaxOutputTokens = bound.LoweredCap,
        Without = route.Channel.DropParams,
        Unpriced = bound.Unpriced,
    });

    public string? AddedField(Channel channel) => null;

    private GeminiRequest Own(Channel channel) =>
        request.HasForeignSignatures ? request.WithoutForeignSignatures(channel.FillsSignatures) : request;
}
