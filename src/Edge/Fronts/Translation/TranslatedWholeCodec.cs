using System.Buffers;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Fronts.Translation;

/// <summary>A whole answer of a provider whose protocol is not the client's, or that the client wanted streamed.</summary>
internal sealed class TranslatedWholeCodec : IWholeCodec
{
    private readonly Call _call;
    private readonly IAnswerReader _reader;
    private readonly IAnswerWriter _writer;
    private readonly AnswerMeter _meter;
    private readonly PooledBytes _events = new(4096);

    public TranslatedWholeCodec(Call call, IAnswerReader reader, IAnswerWriter writer)
    {
        (_call, _reader, _writer, _meter) = (call, reader, writer, new AnswerMeter(writer));
        _writer.To = _events;
    }

    public Metered Metered
    {
        get
        {
            var metered = new Metered(_meter.Usage(_reader.Reported, _call.Bound.EstimatedInputTokens), _meter.HasOutput, _reader.ServiceTier);
            return _call.IsOwnProtocol ? metered : metered.Translated();
        }
    }

    public AttemptEnd Read(ReadOnlyMemory<byte> answer)
    {
        var read = _reader.ReadWhole(answer.Span, _meter);
        if (_reader.HasJustReported ?? true)
        {
            _meter.Reported();
        }

        return read switch
        {
            AnswerRead.End => AttemptEnd.Completed,
            AnswerRead.Error => AttemptEnd.Failed(_call.Dialect.ReadError(200, answer.Span, _call.Route!.Channel)),
            _ => AttemptEnd.Unreadable,
        };
    }

    public void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos)
    {
        long? cost = _call.Admitted.ShowCost ? chargedNanos : null;
        if (outcome == AttemptOutcome.Completed)
        {
            written.Write(_events.Span);
            _writer.WriteEnd(written, new AnswerTotals(usage, CostNanos: cost));
            return;
        }

        // Nothing of it is given: another one, of nothing.
        using var none = _call.Exchange.OpenWriter(_call);
        none.WriteEnd(written, new AnswerTotals(usage, EndsAtLength: true, IsForMoney: outcome == AttemptOutcome.Exhausted, cost));
    }

    public void Dispose()
    {
        _writer.Dispose();
        _events.Dispose();
    }
}
