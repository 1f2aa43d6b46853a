using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Fronts.Translation;

/// <summary>A stream of a provider whose protocol is not the client's.</summary>
internal sealed class TranslatedStreamCodec(Call call, IAnswerReader reader, IAnswerWriter writer) : MeteredStreamCodec(call, reader, writer)
{
    public override Metered Metered => Call.IsOwnProtocol ? base.Metered : base.Metered.Translated();

    public override long HeldBytes => writer.HeldBytes;

    public override void WriteEnd(PooledBytes events, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos) =>
        writer.WriteEnd(events, Call.Totals(outcome, usage, chargedNanos));

    public override void Sent() => writer.Sent();

    public override void Dispose() => writer.Dispose();

    protected override AnswerRead Read(in SseEvent sseEvent, PooledBytes? events)
    {
        writer.To = events;
        return base.Read(sseEvent, events);
    }
}
