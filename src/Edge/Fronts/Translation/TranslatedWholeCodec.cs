using System.Buffers;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Fronts.Translation;

/// <summary>A whole answer of a provider whose protocol is not the client's, or that the client wanted streamed.</summary>
internal sealed class TranslatedWholeCodec : MeteredWholeCodec
{
    private readonly IAnswerWriter _writer;
    private readonly PooledBytes _events = new(4096);

    public TranslatedWholeCodec(Call call, IAnswerReader reader, IAnswerWriter writer)
        : base(call, reader, writer)
    {
        _writer = writer;
        _writer.To = _events;
    }

    public override Metered Metered => Call.IsOwnProtocol ? base.Metered : base.Metered.Translated();

    public override void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos)
    {
        var totals = Call.Totals(outcome, usage, chargedNanos);
        if (outcome == AttemptOutcome.Completed)
        {
            written.Write(_events.Span);
            _writer.WriteEnd(written, totals);
            return;
        }

        // Nothing of it is given: another one, of nothing.
        using var none = Call.Exchange.OpenWriter(Call);
        none.WriteEnd(written, totals);
    }

    public override void Dispose()
    {
        _writer.Dispose();
        _events.Dispose();
        base.Dispose();
    }
}
