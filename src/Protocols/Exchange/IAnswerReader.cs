using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Protocols.Exchange;

/// <summary>What an event of a stream, or a whole answer, turned out to be.</summary>
public enum AnswerRead
{
    /// <summary>A part of the answer, or something that is none of the client's business: more follows.</summary>
    Part,

    /// <summary>The answer's end.</summary>
    End,

    /// <summary>An error in the provider's words.</summary>
    Error,

    /// <summary>Nothing that can be read: the provider has failed.</summary>
    Malformed,
}

/// <summary>
/// Reads one answer in a provider's protocol. It goes on to what <see cref="IAnswerEvents"/> takes; what can be told only at the end is kept
/// here. Reading an event of text allocates nothing.
/// </summary>
public interface IAnswerReader
{
    /// <summary>Reads the next event of a stream.</summary>
    AnswerRead Read(in SseEvent sseEvent, IAnswerEvents events);

    /// <summary>Reads an answer that was not streamed.</summary>
    /// <returns><see cref="AnswerRead.End"/> for an answer that can be read.</returns>
    AnswerRead ReadWhole(ReadOnlySpan<byte> answer, IAnswerEvents events);

    /// <summary>The usage that the provider reported so far; null when it reported none.</summary>
    TokenUsage? Reported { get; }

    /// <summary>
    /// Whether the event that was read last told the usage of all that had come by then; null leaves it to whether <see cref="Reported"/> has
    /// changed.
    /// </summary>
    bool? HasJustReported => null;

    /// <summary>The tier of service that the provider names; null when it names none.</summary>
    string? ServiceTier { get; }
}

/// <summary>What is known of an answer once it is paid for.</summary>
/// <param name="Usage">What is charged for.</param>
/// <param name="EndsAtLength">Whether choices that have not ended do so as at their length limit, whatever else came for them.</param>
/// <param name="IsForMoney">Whether that limit is the account's money, which a client is told where its protocol has a place for it.</param>
/// <param name="CostNanos">The charge to show, nanos; null shows none.</param>
public readonly record struct AnswerTotals(TokenUsage Usage, bool EndsAtLength = false, bool IsForMoney = false, long? CostNanos = null);

/// <summary>
/// Writes one answer in a client's protocol, as a stream or in one piece as the client asked. What ends it, the end of its last choice
/// included, is written by <see cref="WriteEnd"/> alone.
/// </summary>
public interface IAnswerWriter : IAnswerEvents, IDisposable
{
    /// <summary>Where what goes to the client at once is written; null when nobody is there to read it.</summary>
    System.Buffers.IBufferWriter<byte>? To { get; set; }

    /// <summary>What is kept until the end, bytes.</summary>
    long HeldBytes { get; }

    /// <summary>Says that the client got all that was written for it so far. What is written later is dropped where the answer ends at its length limit.</summary>
    void Sent()
    {
    }

    /// <summary>Writes what ends the stream, or the whole answer.</summary>
    void WriteEnd(System.Buffers.IBufferWriter<byte> writer, in AnswerTotals totals);
}
