using System.Buffers;
using OrleansGateway.Edge.Fronts.Translation;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Gemini;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Fronts.Gemini;

/// <summary>
/// A stream for a client that asked for one: its responses pass through under the model's name as it was asked for. Held back is what begins
/// with the response that ends the last candidate.
/// </summary>
/// <param name="end">Writes the end of a stream that is cut.</param>
internal sealed class GeminiStreamCodec(Call call, GeminiAnswerReader reader, GeminiFraming framing, GeminiAnswerWriter end)
    : MeteredStreamCodec(call, reader)
{
    private readonly byte[] _modelJson = JsonBytes.Quote(call.Facts.Model);
    private readonly PooledBytes _heldBack = new(1024);
    private bool _hasUnsent;

    public override long HeldBytes => _heldBack.Length;

    public override void Sent()
    {
        if (_hasUnsent)
        {
            framing.Sent();
            _hasUnsent = false;
        }
    }

    public override void WriteEnd(PooledBytes events, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos)
    {
        if (outcome != AttemptOutcome.Completed)
        {
            var running = Enumerable.Range(0, Call.Facts.Choices).Where(choice => (EndedChoices & (UInt128.One << choice)) == 0);
            end.WriteCut(events, IsFirst(events), running, Call.Totals(outcome, usage, chargedNanos));
            return;
        }

        WriteHeldBack(events);
        framing.WriteEnd(events, IsFirst(events));
    }

    public override void Dispose() => _heldBack.Dispose();

    protected override AnswerRead Read(in SseEvent sseEvent, PooledBytes? events)
    {
        var read = base.Read(sseEvent, events);
        if (read != AnswerRead.Part || events is null || sseEvent.Data.Span.Trim(" \t\r\n"u8).IsEmpty)
        {
            return read;
        }

        if (AllChoicesEnded)
        {
            _heldBack.Write(_heldBack.Length > 0 ? Separator : default);
            reader.WriteRead(_heldBack, sseEvent.Data.Span, _modelJson, inOneLine: !framing.IsArray, Metered.CappedAt(Call.Bound.TotalOutputTokensMax).Usage);
            return read;
        }

        // Another candidate has begun, if anything was held back.
        WriteHeldBack(events);
        framing.WriteStart(events, IsFirst(events));
        reader.WriteRead(events, sseEvent.Data.Span, _modelJson, inOneLine: !framing.IsArray, default);
        framing.WriteStop(events);
        _hasUnsent = true;
        return read;
    }

    /// <summary>What stands between two responses.</summary>
    private ReadOnlySpan<byte> Separator => framing.IsArray ? "\n,"u8 : "\n\ndata: "u8;

    private void WriteHeldBack(PooledBytes events)
    {
        if (_heldBack.Length > 0)
        {
            framing.WriteStart(events, IsFirst(events));
            events.Write(_heldBack.Span);
            framing.WriteStop(events);
            _heldBack.Clear();
            _hasUnsent = true;
        }
    }

    /// <summary>Whether no response was written before: what was dropped unsent was none.</summary>
    private bool IsFirst(PooledBytes events) => !framing.HasBegun && events.Length == 0;
}
