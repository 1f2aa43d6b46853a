using System.Buffers;
using OrleansGateway.Edge.Pipeline;

namespace OrleansGateway.Edge.Fronts;

/// <summary>A protocol that clients speak: a folder here, and a line where it is added.</summary>
internal interface IFront
{
    /// <summary>What the protocol makes of an error.</summary>
    FrontError ErrorOf(in ApiError error);

    /// <summary>Adds its routes.</summary>
    void Map(FrontRoutes routes);

    /// <summary>Writes an error as the body of a response, JSON.</summary>
    void WriteError(IBufferWriter<byte> writer, in ApiError error);

    /// <summary>Writes an error as the event that ends a stream.</summary>
    void WriteErrorEvent(IBufferWriter<byte> writer, in ApiError error);

    /// <summary>What keeps the connection of a stream from looking idle; goes between events.</summary>
    ReadOnlyMemory<byte> KeepAlive { get; }
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

    /// <summary>Its path: what usage names it by.</summary>
    string Path { get; }

    /// <summary>Reads a request.</summary>
    /// <param name="body">Lives as long as the request.</param>
    /// <param name="error">What is wrong with it, when null is returned.</param>
    IExchange? Read(ReadOnlyMemory<byte> body, out ApiError error);
}
