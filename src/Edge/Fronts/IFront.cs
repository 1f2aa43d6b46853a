using System.Buffers;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Edge.Fronts;

/// <summary>How a stream looks to the client beside the answer itself.</summary>
internal interface IStreamForm
{
    /// <summary>Its <c>Content-Type</c>.</summary>
    string ContentType => "text/event-stream; charset=utf-8";

    /// <summary>What keeps the connection of a stream from looking idle; goes between events.</summary>
    ReadOnlyMemory<byte> KeepAlive { get; }

    /// <summary>Whether an error has a place in it; else the connection breaks, so that its client can tell.</summary>
    bool TellsErrors => true;

    /// <summary>Writes an error as the event that ends a stream.</summary>
    void WriteErrorEvent(IBufferWriter<byte> writer, in ApiError error);
}

/// <summary>An answer that is bytes of some type, and nothing else.</summary>
internal sealed class BytesForm(string contentType) : IStreamForm
{
    public string ContentType => contentType;

    public ReadOnlyMemory<byte> KeepAlive => default;

    public bool TellsErrors => false;

    public void WriteErrorEvent(IBufferWriter<byte> writer, in ApiError error) => throw new NotSupportedException("There is no place for it.");
}

/// <summary>A protocol that clients speak: a folder here, and a line where it is added.</summary>
internal interface IFront : IStreamForm
{
    /// <summary>What the protocol makes of an error.</summary>
    FrontError ErrorOf(in ApiError error);

    /// <summary>Adds its routes.</summary>
    void Map(FrontRoutes routes);

    /// <summary>Tells a client how much of its limits is left.</summary>
    void WriteRates(IHeaderDictionary headers, in RateStanding rates, DateTimeOffset now) => RateHeaders.Write(headers, rates);

    /// <summary>Writes an error as the body of a response, JSON.</summary>
    void WriteError(IBufferWriter<byte> writer, in ApiError error);
}

/// <summary>An error in a protocol's terms.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Type">Its class.</param>
/// <param name="Code">Its exact kind, if the protocol has a place for it and there is one.</param>
internal readonly record struct FrontError(int Status, string Type, string? Code);

/// <summary>One of a front's endpoints whose requests are relayed.</summary>
internal interface IRelayedEndpoint
{
    IFront Front { get; }

    /// <summary>Its path, with <c>{…}</c> for what differs: what usage names it by.</summary>
    string Path { get; }

    /// <summary>Reads a request.</summary>
    /// <param name="request">Its path's values, query and headers.</param>
    /// <param name="body">Lives as long as the request.</param>
    /// <param name="error">What is wrong with it, when null is returned.</param>
    IExchange? Read(HttpRequest request, ReadOnlyMemory<byte> body, out ApiError error);
}
