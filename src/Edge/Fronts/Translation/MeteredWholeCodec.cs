using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Fronts.Translation;

/// <summary>Reads a provider's whole answer: meters it and says what it is. What becomes of it, its heirs say.</summary>
/// <param name="next">Gets what the answer says; null for nobody.</param>
internal abstract class MeteredWholeCodec(Call call, IAnswerReader reader, IAnswerEvents? next = null) : IWholeCodec
{
    private readonly AnswerMeter _meter = new(next);

    public virtual Metered Metered => new(_meter.Usage(reader.Reported, call.Bound.EstimatedInputTokens), _meter.HasOutput, reader.ServiceTier);

    public virtual bool MayGoOn => false;

    protected Call Call => call;

    protected ReadOnlyMemory<byte> Answer { get; private set; }

    public AttemptEnd Read(ReadOnlyMemory<byte> answer)
    {
        Answer = answer;
        var read = reader.ReadWhole(answer.Span, _meter);
        if (reader.HasJustReported ?? true)
        {
            _meter.Reported();
        }

        return read switch
        {
            AnswerRead.End => AttemptEnd.Completed,
            AnswerRead.Error => AttemptEnd.Failed(call.Dialect.ReadError(200, answer.Span, call.Route!.Channel)),
            _ => AttemptEnd.Unreadable,
        };
    }

    public abstract void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos);

    public virtual void Dispose()
    {
    }
}
