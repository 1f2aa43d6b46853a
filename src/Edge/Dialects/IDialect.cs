using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Edge.Dialects;

/// <summary>A protocol that providers speak: a folder here, and a line where it is added.</summary>
internal interface IDialect
{
    /// <summary>The catalog's <c>kind</c> of the providers that speak it.</summary>
    string Kind { get; }

    /// <summary>Frames a request for a channel afresh: nothing of the client's headers is in it.</summary>
    /// <param name="memory">What the request's body is in; kept while the request is written.</param>
    HttpRequestMessage Frame(IExchange exchange, Route route, CostBound bound, BodyMemory memory);

    /// <summary>Reads an error response.</summary>
    /// <param name="body">May be anything.</param>
    UpstreamError ReadError(int status, ReadOnlySpan<byte> body, Channel channel);
}
