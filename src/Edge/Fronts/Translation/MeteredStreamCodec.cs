using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Fronts.Translation;

/// <summary>Reads a provider's stream: meters it and says how it ended. What becomes of its events, its heirs say.</summary>
/// <param name="next">Gets what the events say; null for nobody.</param>
internal abstract class MeteredStreamCodec(Call call, IAnswerReader reader, IAnswerEvents? next = null) : IStreamCodec
{
    private readonly AnswerMeter _meter = new(next);
    private TokenUsage? _reported;

    public virtual Metered Metered => new(_meter.Usage(reader.Reported, call.Bound.EstimatedInputTokens), _meter.HasOutput, reader.ServiceTier);

    public bool HasOutput => _meter.HasOutput;

    public long EstimatedOutputTokens => _meter.EstimatedOutputTokens;

    public long LeastOutputTokens => _meter.LeastOutputTokens(reader.Reported);

    public bool AllChoicesEnded => _meter.AllChoicesEnded;

    /// <summary>A protocol whose last event tells the usage has no more to wait for than that.</summary>
    public virtual bool HasEnded => _meter.AllChoicesEnded;

    public abstract long HeldBytes { get; }

    public AttemptEnd End { get; private set; } = AttemptEnd.Completed;

    protected Call Call => call;

    protected IAnswerReader Reader => reader;

    /// <summary>A bit for each choice that has ended.</summary>
    protected UInt128 EndedChoices => _meter.EndedChoices;

    public bool Take(in SseEvent sseEvent, PooledBytes? events)
    {
        var read = Read(sseEvent, events);
        if (reader.HasJustReported ?? (reader.Reported != _reported))
        {
            _meter.Reported();
        }

        _reported = reader.Reported;

        switch (read)
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

    public virtual void Sent()
    {
    }

    public abstract void WriteEnd(PooledBytes events, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos);

    public abstract void Dispose();

    /// <summary>Reads an event and passes it on.</summary>
    protected virtual AnswerRead Read(in SseEvent sseEvent, PooledBytes? events) => reader.Read(sseEvent, _meter);

    /// <summary>What the answer's end tells the client.</summary>
    protected AnswerTotals Totals(AttemptOutcome outcome, in TokenUsage usage, long chargedNanos) => new(
        usage, outcome != AttemptOutcome.Completed, outcome == AttemptOutcome.Exhausted, call.Admitted.ShowCost ? chargedNanos : null);
}
