using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Anthropic;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Edge.Dialects.Anthropic;

/// <summary>A request of another protocol as a Messages request.</summary>
internal sealed class TranslatedMessages(Conversation conversation, RequestFacts facts) : IUpstreamRequest
{
    public string Format => WireFormats.Messages;

    public bool Stream => facts.Stream;

    public UpstreamBody BodyFor(Route route, CostBound bound)
    {
        // The protocol wants a limit even where the client has none.
        var cap = bound.LoweredCap ?? facts.MaxOutputTokens ?? (int)Math.Min(bound.OutputTokensMax, int.MaxValue);
        var body = MessagesBody.Write(conversation, route.UpstreamModel, cap, facts.Stream);
        var dropped = route.Channel.DropParams;
        return new(dropped.IsEmpty ? body : JsonMembers.Without(body, name => dropped.Contains(name)));
    }

    public string? AddedField(Channel channel) => null;

    public IUpstreamRequest? WithoutWhatIsSealed(in UpstreamError refusal) =>
        refusal.IsAboutSignature && conversation.WithoutSignatures(Format) is { } without ? new TranslatedMessages(without, facts) : null;
}
