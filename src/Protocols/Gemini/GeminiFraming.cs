using System.Buffers;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>How the responses of one client's stream follow each other: as events, or, without <c>alt=sse</c>, as the items of one JSON array.</summary>
public sealed class GeminiFraming(bool isArray)
{
    /// <summary>Whether they are the items of an array.</summary>
    public bool IsArray => isArray;

    /// <summary>Whether the client has got the first.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Says that the client got what was written.</summary>
    public void Sent() => HasBegun = true;

    /// <summary>Writes what goes before a response.</summary>
    /// <param name="isFirst">Whether it is the stream's first.</param>
    public void WriteStart(IBufferWriter<byte> writer, bool isFirst) => writer.Write(!isArray ? "data: "u8 : isFirst ? "["u8 : ","u8);

    /// <summary>Writes what goes after a response.</summary>
    public void WriteStop(IBufferWriter<byte> writer) => writer.Write(isArray ? "\n"u8 : "\n\n"u8);

    /// <summary>Writes what goes after the last.</summary>
    /// <param name="isFirst">Whether there was none.</param>
    public void WriteEnd(IBufferWriter<byte> writer, bool isFirst) => writer.Write(!isArray ? default : isFirst ? "[]"u8 : "]"u8);
}
