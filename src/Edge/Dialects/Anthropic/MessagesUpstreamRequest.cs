using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Anthropic;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Edge.Dialects.Anthropic;

/// <summary>A Messages request on its way to providers that speak the same.</summary>
/// <param name="headers">The client's that belong to it.</param>
internal sealed class MessagesUpstreamRequest(MessagesRequest request, bool isCount, IReadOnlyList<KeyValuePair<string, string>> headers) : IUpstreamRequest
{
    private readonly Lazy<DroppedFields<MessagesRequest>> _dropped = new(() =>
    {
        // Nobody else can read what another provider has signed.
        var own = request.HasForeignThinking ? request.WithoutForeignThinking() : request;
        return new(own, own.Body, body => Read(body, isCount));
    });

    public string Format => isCount ? AnthropicDialect.CountFormat : WireFormats.Messages;

    public bool Stream => request.Stream;

    public IReadOnlyList<KeyValuePair<string, string>> HeadersFor(CostBound bound) => bound.Unpriced.Any(static field => field.Field == MessagesBetas.Header)
        ? [.. headers.Select(static header => header.Key == MessagesBetas.Header ? new(header.Key, MessagesBetas.WithoutWindows(header.Value)) : header)
            .Where(static header => header.Value.Length > 0)]
        : headers;

    public UpstreamBody BodyFor(Route route, CostBound bound)
    {
        var sent = _dropped.Value.For(route.Channel, bound);
        return isCount ? sent.ForUpstream(route.UpstreamModel, null) : sent.ForUpstream(route.UpstreamModel, bound.LoweredCap, bound.Searches);
    }

    public string? AddedField(Channel channel) => null;

    public IUpstreamRequest? WithoutWhatIsSealed(in UpstreamError refusal) =>
        refusal.IsAboutSignature && request.WithoutSignedThinking() is { } without ? new MessagesUpstreamRequest(without, isCount, headers) : null;

    private static MessagesRequest Read(ReadOnlyMemory<byte> body, bool isCount) => MessagesRequest.TryRead(body, isCount, out var read, out var error)
        ? read
        : throw new InvalidOperationException($"The request cannot be read without fields that it can be sent without: {error.Message}");
}
