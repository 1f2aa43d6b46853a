using System.Buffers;
using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A Chat Completions stream of a provider that speaks the same: its events pass through, changed only where they must be.</summary>
internal sealed class ChatStreamCodec : IStreamCodec
{
    /// <summary>Why a response ended at a length limit that the client did not set: a comment, which no client takes for output.</summary>
    private static ReadOnlySpan<byte> ExhaustedNotice => ": og_notice: the account's money does not cover more output; top up to continue\n\n"u8;

    private readonly Call _call;
    private readonly ChatRequest _request;
    private readonly ChatStreamMeter _meter;
    private readonly PooledBytes _heldBack = new(1024);
    private readonly ChatEdits _edits;

    public ChatStreamCodec(Call call, ChatRequest request)
    {
        _call = call;
        _request = request;
        _meter = new ChatStreamMeter(request.Choices)
        {
            FallbackId = "chatcmpl-" + call.Running.RequestId,
            FallbackCreatedSeconds = call.Running.Time.GetUtcNow().ToUnixTimeSeconds(),
        };
        _edits = ChatEdits.Of(request.Model) with { Usage = request.IncludeUsage ? UsageEdit.Null : UsageEdit.Remove };
    }

    public Metered Metered => new(_meter.Usage(_call.Bound.EstimatedInputTokens), _meter.HasOutput, _meter.ServiceTier);

    public bool HasOutput => _meter.HasOutput;

    public long EstimatedOutputTokens => _meter.EstimatedOutputTokens;

    public long LeastOutputTokens => _meter.LeastOutputTokens;

    public bool AllChoicesEnded => _meter.AllChoicesEnded;

    public bool HasEnded => _meter.HasEnded;

    public AttemptEnd End { get; private set; }

    public bool Take(in SseEvent sseEvent, PooledBytes? events)
    {
        var chunk = _meter.Read(sseEvent.Data.Span);
        switch (chunk.Kind)
        {
            case ChatPayloadKind.Choices or ChatPayloadKind.Other:
                if (events is not null)
                {
                    if (!_meter.AllChoicesEnded && _heldBack.Length > 0)
                    {
                        // Another choice has begun.
                        events.Write(_heldBack.Span);
                        _heldBack.Clear();
                    }

                    chunk.WriteEvent(_meter.AllChoicesEnded ? _heldBack : events, sseEvent, _edits);
                }

                return true;
            case ChatPayloadKind.UsageOnly or ChatPayloadKind.Empty:
                return true;
            case ChatPayloadKind.Error or ChatPayloadKind.Malformed when _meter.AllChoicesEnded:
                // The answer itself is whole; what is missing is its usage at most.
                End = AttemptEnd.Completed;
                return false;
            case ChatPayloadKind.Done:
                End = _meter.AllChoicesEnded || _meter.HasOutput ? AttemptEnd.Completed : AttemptEnd.Unreadable;
                return false;
            case ChatPayloadKind.Error:
                End = AttemptEnd.Failed(OpenAIDialect.ReadErrorOf(_call.Route!.Channel, 200, sseEvent.Data.Span));
                return false;
            default:
                End = AttemptEnd.Unreadable;
                return false;
        }
    }

    public void WriteEnd(PooledBytes events, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos)
    {
        if (outcome != AttemptOutcome.Completed)
        {
            events.Write(outcome == AttemptOutcome.Exhausted ? ExhaustedNotice : default);
            _meter.WriteLengthEnd(events, _edits.ModelJson, _request.IncludeUsage);
        }
        else
        {
            events.Write(_heldBack.Span);
        }

        if (_request.IncludeUsage)
        {
            _meter.WriteUsageEvent(events, _edits.ModelJson, usage, _call.Admitted.ShowCost ? chargedNanos : null);
        }

        events.Write(ChatStreamFrames.Done);
    }

    public void Dispose() => _heldBack.Dispose();
}
