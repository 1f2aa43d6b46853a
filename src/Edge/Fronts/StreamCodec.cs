using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Fronts;

/// <summary>
/// Reads a provider's stream and writes the client's answer. Reading an event of text allocates nothing. What ends the answer is held back
/// until <see cref="WriteEnd"/>: of a stream from the event that ends its last choice on, else all of it.
/// </summary>
internal abstract class StreamCodec(Call call) : IDisposable
{
    /// <summary>What was counted so far.</summary>
    public abstract Metered Metered { get; }

    /// <summary>Whether any output came.</summary>
    public abstract bool HasOutput { get; }

    /// <summary>Output tokens so far, by the text that came.</summary>
    public abstract long EstimatedOutputTokens { get; }

    /// <summary>Output tokens so far at the least, by any way to count: beyond the request's bound they prove that its cap is not kept.</summary>
    public abstract long LeastOutputTokens { get; }

    /// <summary>Whether the answer is whole as far as it goes: what follows may be missing.</summary>
    public abstract bool AllChoicesEnded { get; }

    /// <summary>Whether nothing but usage can follow.</summary>
    public abstract bool HasEnded { get; }

    /// <summary>What is held back, bytes.</summary>
    public abstract long HeldBytes { get; }

    /// <summary>How the stream ended, once <see cref="Take"/> has said that it did.</summary>
    public AttemptEnd End { get; private set; } = AttemptEnd.Completed;

    protected Call Call => call;

    /// <summary>Takes the next event.</summary>
    /// <param name="events">Gets what goes to the client at once; null when nobody is there to read it.</param>
    /// <returns>False when the stream ends with this event.</returns>
    public bool Take(in SseEvent sseEvent, PooledBytes? events)
    {
        switch (Read(sseEvent, events))
        {
            case AnswerRead.Part:
                return true;
            case AnswerRead.End:
                End = AllChoicesEnded || HasOutput ? AttemptEnd.Completed : AttemptEnd.Unreadable;
                return false;
            case AnswerRead.Error or AnswerRead.Malformed when AllChoicesEnded:
                // The answer itself is whole; what is missing is its usage at most.
                End = AttemptEnd.Completed;
                return false;
            case AnswerRead.Error:
                End = AttemptEnd.Failed(call.Dialect.ReadError(200, sseEvent.Data.Span, call.Route!.Channel));
                return false;
            default:
                End = AttemptEnd.Unreadable;
                return false;
        }
    }

    /// <summary>Says that the client got all that was written for it so far. What is written later may be dropped.</summary>
    public virtual void Sent()
    {
    }

    /// <summary>Writes what ends the client's stream, or the client's whole answer: the request is paid for.</summary>
    /// <param name="outcome">How it ended, as whole or as at its length limit.</param>
    /// <param name="usage">What is charged for.</param>
    /// <param name="chargedNanos">The charge.</param>
    public abstract void WriteEnd(PooledBytes events, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos);

    public abstract void Dispose();

    /// <summary>Reads an event and passes it on.</summary>
    protected abstract AnswerRead Read(in SseEvent sseEvent, PooledBytes? events);
}
