using System.Buffers;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A stream for a client that asked for one: its events pass through, changed only where they must be.</summary>
internal sealed class ChatStreamCodec(Call call, ChatRequest request, bool mends) : ChatStreamReader(call, request, mends)
{
    private readonly PooledBytes _heldBack = new(1024);
    private ChatEdits _edits = ChatEdits.Of(request.Model) with { Usage = request.IncludeUsage ? UsageEdit.Null : UsageEdit.Remove };

    public override long HeldBytes => _heldBack.Length;

    public override void WriteEnd(PooledBytes events, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos)
    {
        if (outcome != AttemptOutcome.Completed)
        {
            events.Write(outcome == AttemptOutcome.Exhausted ? ChatStreamFrames.ExhaustedNotice : default);
            Meter.WriteLengthEnd(events, _edits.ModelJson, Request.IncludeUsage);
        }
        else
        {
            events.Write(_heldBack.Span);
        }

        if (Request.IncludeUsage)
        {
            Meter.WriteUsageEvent(events, _edits.ModelJson, usage, Call.ShownCost(chargedNanos));
        }

        events.Write(ChatStreamFrames.Done);
    }

    public override void Dispose()
    {
        _heldBack.Dispose();
        base.Dispose();
    }

    protected override void Pass(in ChatChunk chunk, in SseEvent sseEvent, PooledBytes? events)
    {
        if (events is null)
        {
            return;
        }

        if (!Meter.AllChoicesEnded && _heldBack.Length > 0)
        {
            // Another choice has begun.
            events.Write(_heldBack.Span);
            _heldBack.Clear();
        }

        if (Mends && _edits.IdJson.IsEmpty)
        {
            _edits = _edits with { IdJson = Meter.IdJson };
        }

        chunk.WriteEvent(Meter.AllChoicesEnded ? _heldBack : events, sseEvent, _edits);
    }
}
