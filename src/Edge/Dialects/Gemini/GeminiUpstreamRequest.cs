using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Gemini;

namespace OrleansGateway.Edge.Dialects.Gemini;

/// <summary>A request of a client that speaks Gemini, on its way to providers that do.</summary>
/// <param name="isOpen">Whether it goes without signatures, also those that Gemini gave, as far as it can be asked not to check them.</param>
internal sealed class GeminiUpstreamRequest(GeminiRequest request, bool isOpen = false) : IUpstreamRequest
{
    public string Format { get; } = GeminiFormats.Of(request.Method);

    public bool Stream => request.Stream;

    public UpstreamBody BodyFor(Route route, CostBound bound) => Own(route.Channel).ForUpstream(new GeminiChanges
    {
        Model = route.UpstreamModel,
        MaxOutputTokens = bound.LoweredCap,
        Without = request.AsksToStore ? route.Channel.DropParams.Add("store") : route.Channel.DropParams,
        Unpriced = bound.Unpriced,
    });

    public string? AddedField(Channel channel) => null;

    public IUpstreamRequest? WithoutWhatIsSealed(in UpstreamError refusal) =>
        refusal.IsAboutSignature && !isOpen ? new GeminiUpstreamRequest(request, isOpen: true) : null;

    private GeminiRequest Own(Channel channel) =>
        isOpen || request.HasForeignSignatures ? request.WithoutSignatures(isOpen || channel.FillsSignatures, onlyForeign: !isOpen) : request;
}
