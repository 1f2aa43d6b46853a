using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Anthropic;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Fronts.Anthropic;

/// <summary>A whole answer for a client that asked for one: it passes through, changed only where it must be.</summary>
internal sealed class MessagesWholeCodec(Call call, MessagesReader reader) : IWholeCodec
{
    private readonly AnswerMeter _meter = new();
    private ReadOnlyMemory<byte> _answer;

    public Metered Metered => new(_meter.Usage(reader.Reported, call.Bound.EstimatedInputTokens), _meter.HasOutput, reader.ServiceTier);

    public AttemptEnd Read(ReadOnlyMemory<byte> answer)
    {
        _answer = answer;
        var read = reader.ReadWhole(answer.Span, _meter);
        _meter.Reported();
        return read switch
        {
            AnswerRead.End => AttemptEnd.Completed,
            AnswerRead.Error => AttemptEnd.Failed(call.Dialect.ReadError(200, answer.Span, call.Route!.Channel)),
            _ => AttemptEnd.Unreadable,
        };
    }

    public void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos) =>
        MessagesWhole.Write(written, reader, _answer.Span, call.Facts.Model, usage);

    public void Dispose()
    {
    }
}
