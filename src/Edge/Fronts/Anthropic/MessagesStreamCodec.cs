using OrleansGateway.Edge.Fronts.Translation;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Anthropic;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Fronts.Anthropic;

/// <summary>A stream for a client that asked for one: its events pass through, changed only where they must be.</summary>
internal sealed class MessagesStreamCodec(Call call, MessagesReader reader, string model) : MeteredStreamCodec(call, reader)
{
    private readonly MessagesPassage _passage = new(reader, model, MessagesExchange.IdOf(call));

    public override long HeldBytes => _passage.HeldBytes;

    public override void Sent() => _passage.Sent();

    public override void WriteEnd(PooledBytes events, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos) =>
        _passage.WriteEnd(events, outcome != AttemptOutcome.Completed, outcome == AttemptOutcome.Exhausted, usage);

    public override void Dispose()
    {
    }

    protected override AnswerRead Read(in SseEvent sseEvent, PooledBytes? events)
    {
        var read = base.Read(sseEvent, events);
        if (read is AnswerRead.Part or AnswerRead.End)
        {
            _passage.Pass(sseEvent, events);
        }

        return read;
    }
}
