using System.Buffers;

namespace OrleansGateway.Protocols.Exchange;

/// <summary>A request's body as it goes to a provider: pieces of the client's body and the few changes between them.</summary>
public sealed class UpstreamBody
{
    /// <param name="segments">The pieces, in order; they live as long as the request.</param>
    public UpstreamBody(params ReadOnlyMemory<byte>[] segments)
    {
        Segments = segments;
        foreach (var segment in segments)
        {
            Length += segment.Length;
        }
    }

    /// <summary>The body's pieces in order. They share the client's body.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Segments { get; }

    /// <summary>Length of the whole in bytes.</summary>
    public long Length { get; }

    /// <summary>Writes the whole.</summary>
    public void WriteTo(IBufferWriter<byte> writer)
    {
        foreach (var segment in Segments)
        {
            writer.Write(segment.Span);
        }
    }
}
