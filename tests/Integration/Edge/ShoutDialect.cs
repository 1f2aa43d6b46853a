using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>How a provider is spoken to that shouts.</summary>
internal sealed class ShoutDialect : IDialect
{
    public string Kind => "shout";

    public HttpRequestMessage Frame(IExchange exchange, Route route, CostBound bound, BodyMemory memory) =>
        new(HttpMethod.Post, new Uri(route.Channel.Provider.BaseUrl!, exchange.Facts.Stream ? "letters" : "words"))
        {
            Content = new BodyContent(exchange.BodyFor(route, bound), memory),
        };

    public UpstreamError ReadError(int status, ReadOnlySpan<byte> body, Channel channel) => new(UpstreamFailure.BadRequest, status, "It is hoarse.");
}
