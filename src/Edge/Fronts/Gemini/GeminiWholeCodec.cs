using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Gemini;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Fronts.Gemini;

/// <summary>One response, which passes through under the model's name as it was asked for. It is a stream as well, of one.</summary>
/// <param name="framing">Of a client that asked for a stream; null for one that did not.</param>
/// <param name="end">Writes what a client gets whose money does not cover the response.</param>
internal sealed class GeminiWholeCodec(Call call, GeminiFraming? framing, GeminiAnswerWriter end) : IWholeCodec
{
    private readonly GeminiAnswerReader _reader = new();
    private readonly AnswerMeter _meter = new();
    private ReadOnlyMemory<byte> _answer;

    public Metered Metered => new(_meter.Usage(_reader.Reported, call.Bound.EstimatedInputTokens), _meter.HasOutput, _reader.ServiceTier);

    public AttemptEnd Read(ReadOnlyMemory<byte> answer)
    {
        _answer = answer;
        var read = _reader.ReadWhole(answer.Span, _meter);
        if (_reader.HasJustReported == true)
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

    public void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos)
    {
        if (outcome != AttemptOutcome.Completed)
        {
            var choices = Enumerable.Range(0, call.Facts.Choices);
            end.WriteCut(written, isFirst: true, choices, new AnswerTotals(usage, EndsAtLength: true, IsForMoney: outcome == AttemptOutcome.Exhausted));
            return;
        }

        framing?.WriteStart(written, isFirst: true);
        _reader.WriteRead(written, _answer.Span, JsonBytes.Quote(call.Facts.Model), inOneLine: framing is { IsArray: false });
        framing?.WriteStop(written);
        framing?.WriteEnd(written, isFirst: false);
    }

    public void Dispose()
    {
    }
}
