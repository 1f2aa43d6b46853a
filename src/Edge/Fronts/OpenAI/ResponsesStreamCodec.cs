using System.Buffers;
using OrleansGateway.Edge.Fronts.Translation;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI.Responses;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A stream of a provider that speaks Responses: its events pass through, the last after the settlement.</summary>
internal sealed class ResponsesStreamCodec(Call call, ResponsesAnswerReader reader, ResponsesProgress progress) : MeteredStreamCodec(call, reader)
{
    /// <summary>What comes before any content: until then another channel may be tried.</summary>
    private readonly PooledBytes _first = new(0);

    /// <summary>The last event's data.</summary>
    private readonly PooledBytes _last = new(0);

    public override long HeldBytes => _first.Length + _last.Length;

    public override void WriteEnd(PooledBytes events, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos)
    {
        var cost = Call.ShownCost(chargedNanos);
        var isWhole = outcome == AttemptOutcome.Completed && _last.Length > 0;
        if (isWhole)
        {
            using var usageJson = new PooledBytes(256);
            ResponsesUsage.Write(usageJson, reader, _last.Span, usage, cost);
            if (Call.Facts.Stream)
            {
                events.Write(_first.Span);
                reader.WriteEvent(events, _last.Span, progress.ModelJson, usageJson.Memory);
            }
            else
            {
                reader.WriteResponse(events, _last.Span, progress.ModelJson, usageJson.Memory);
            }
        }
        else if (Call.Facts.Stream)
        {
            events.Write(_first.Span);
            progress.WriteCut(events, usage, cost);
        }
        else
        {
            progress.WriteCutResponse(events, usage, cost);
        }
    }

    public override void Dispose()
    {
        _first.Dispose();
        _last.Dispose();
    }

    protected override AnswerRead Read(in SseEvent sseEvent, PooledBytes? events)
    {
        var read = base.Read(sseEvent, events);
        if (read == AnswerRead.Part)
        {
            // An error's number is that of the event that the client gets for it.
            progress.Next = reader.SequenceNumber + 1;
        }

        progress.Id = reader.ResponseId ?? progress.Id;
        if (read == AnswerRead.End)
        {
            _last.Write(sseEvent.Data.Span);
        }
        else if (read == AnswerRead.Part && Call.Facts.Stream && events is not null)
        {
            if (HasOutput && _first.Length > 0)
            {
                events.Write(_first.Span);
                _first.Clear();
            }

            reader.WriteEvent(HasOutput ? events : _first, sseEvent.Data.Span, progress.ModelJson);
        }

        return read;
    }
}
