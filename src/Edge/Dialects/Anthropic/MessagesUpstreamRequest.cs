using System.Collections.Immutable;
using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Anthropic;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Edge.Dialects.Anthropic;

/// <summary>A Messages request on its way to providers that speak the same.</summary>
/// <param name="headers">The client's that belong to it.</param>
internal sealed class MessagesUpstreamRequest(MessagesRequest request, bool isCount, IReadOnlyList<KeyValuePair<string, string>> headers) : IUpstreamRequest
{
    private readonly Lazy<MessagesRequest> _own = new(() => request.HasForeignThinking ? request.WithoutForeignThinking() : request);

    /// <summary>The request as channels get it that leave out some of its fields.</summary>
    private readonly List<(ImmutableArray<string> Names, MessagesRequest Request)> _without = [];

    public string Format => isCount ? AnthropicDialect.CountFormat : WireFormats.Messages;

    public bool Stream => request.Stream;

    public IReadOnlyList<KeyValuePair<string, string>> Headers => headers;

    public UpstreamBody BodyFor(Route route, CostBound bound) =>
        RequestFor(route.Channel, bound).ForUpstream(route.UpstreamModel, isCount ? null : bound.LoweredCap);

    public string? AddedField(Channel channel) => null;

    private MessagesRequest RequestFor(Channel channel, CostBound bound)
    {
        if (channel.DropParams.IsEmpty && bound.Unpriced.Count == 0)
        {
            return _own.Value;
        }

        foreach (var (names, made) in _without)
        {
            if (names.SequenceEqual(channel.DropParams))
            {
                return made;
            }
        }

        var own = _own.Value;
        var without = own.Without(bound.Unpriced.Count == 0 ? own.Body : UnpricedFields.Remove(own.Body, bound.Unpriced), channel.DropParams);
        _without.Add((channel.DropParams, without));
        return without;
    }
}
