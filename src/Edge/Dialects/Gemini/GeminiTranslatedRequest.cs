using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Gemini;

namespace OrleansGateway.Edge.Dialects.Gemini;

/// <summary>A request of a client that speaks another protocol: each model gets what it understands.</summary>
/// <param name="isOpen">Whether it goes without signatures, as far as Gemini can be asked not to check them.</param>
internal sealed class GeminiTranslatedRequest(Conversation conversation, RequestFacts facts, bool isOpen = false) : IUpstreamRequest
{
    public string Format => WireFormats.Gemini;

    public bool Stream => conversation.Stream;

    public UpstreamBody BodyFor(Route route, CostBound bound) => new(GeminiConversationWriter.Write(
        conversation,
        new GeminiTarget(route.UpstreamModel, bound.LoweredCap ?? facts.MaxOutputTokens, isOpen || route.Channel.FillsSignatures)));

    public string? AddedField(Channel channel) => null;

    public IUpstreamRequest? WithoutWhatIsSealed(in UpstreamError refusal) =>
        refusal.IsAboutSignature && !isOpen ? new GeminiTranslatedRequest(conversation.WithoutSignatures(Format) ?? conversation, facts, isOpen: true) : null;
}
