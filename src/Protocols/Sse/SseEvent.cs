using System.Buffers;

namespace OrleansGateway.Protocols.Sse;

/// <summary>One event of a stream. Its memory belongs to the splitter and lasts until the next call to it.</summary>
public readonly struct SseEvent
{
    internal SseEvent(ReadOnlyMemory<byte> raw, ReadOnlyMemory<byte> data, ReadOnlyMemory<byte> type, bool hasData, bool isTerminated)
    {
        Raw = raw;
        Data = data;
        Type = type;
        HasData = hasData;
        IsTerminated = isTerminated;
    }

    /// <summary>The event's lines as they came, without the blank line and the last line's end.</summary>
    public ReadOnlyMemory<byte> Raw { get; }

    /// <summary>The values of its <c>data</c> lines, joined by LF.</summary>
    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>The value of its last <c>event</c> line, empty without one.</summary>
    public ReadOnlyMemory<byte> Type { get; }

    /// <summary>False for what clients never see as an event: comments (keep-alives) and lone other fields.</summary>
    public bool HasData { get; }

    /// <summary>True for a keep-alive: it does not show that the provider makes progress.</summary>
    public bool IsComment => !HasData;

    /// <summary>Whether it is one <c>data</c> line and nothing else.</summary>
    public bool IsDataAlone => Raw.Span.StartsWith("data:"u8) && Raw.Length - Data.Length is 5 or 6;

    /// <summary>False for the last event of a stream that ended without the blank line.</summary>
    public bool IsTerminated { get; }

    /// <summary>The event with other data, and nothing beside it.</summary>
    public SseEvent WithData(ReadOnlyMemory<byte> data) => new(default, data, default, hasData: true, IsTerminated);

    /// <summary>Writes the event untouched, ended by a blank line whether it came with one or not.</summary>
    public void WriteTo(IBufferWriter<byte> writer)
    {
        writer.Write(Raw.Span);
        writer.Write("\n\n"u8);
    }
}

/// <summary>What <see cref="SseSplitter.TryRead"/> found.</summary>
public enum SseRead
{
    /// <summary>An event.</summary>
    Event,

    /// <summary>Nothing complete: more input is needed.</summary>
    NeedMore,

    /// <summary>The input is complete and all of it was read.</summary>
    End,

    /// <summary>An event longer than the bound. Nothing further can be read.</summary>
    TooLarge,
}
