using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>Reads a Chat Completions stream: meters it, mends it, and says how it ended. What becomes of its chunks, its heirs say.</summary>
internal abstract class ChatStreamReader : IStreamCodec
{
    private readonly Call _call;
    private readonly ChatMender? _mender;
    private readonly PooledBytes _mended = new(0);
    private readonly PooledBytes? _sealed;

    protected ChatStreamReader(Call call, ChatRequest request, bool mends)
    {
        _call = call;
        Request = request;
        _mender = mends ? new ChatMender(call.Running.RequestId) : null;
        _sealed = request.HasAudioOutput ? new PooledBytes(0) : null;
        Meter = new ChatStreamMeter(request.Choices)
        {
            FallbackId = "chatcmpl-" + call.Running.RequestId,
            FallbackCreatedSeconds = call.Running.Time.GetUtcNow().ToUnixTimeSeconds(),
        };
    }

    public Metered Metered => new(
        ChatWholeCodec.WithSearches(_call, Request, Meter.Usage(_call.Bound.EstimatedInputTokens), Meter.SearchCalls), Meter.HasOutput, Meter.ServiceTier);

    public bool HasOutput => Meter.HasOutput;

    public long EstimatedOutputTokens => Meter.EstimatedOutputTokens;

    public long LeastOutputTokens => Meter.LeastOutputTokens;

    public bool AllChoicesEnded => Meter.AllChoicesEnded;

    public bool HasEnded => Meter.HasEnded;

    public abstract long HeldBytes { get; }

    public AttemptEnd End { get; private set; }

    protected ChatRequest Request { get; }

    protected ChatStreamMeter Meter { get; }

    protected bool Mends => _mender is not null;

    public bool Take(in SseEvent sseEvent, PooledBytes? events)
    {
        _mended.Clear();
        var read = _mender?.Mend(sseEvent.Data.Span, _mended) == true ? sseEvent.WithData(_mended.Memory) : sseEvent;
        if (_sealed is not null)
        {
            _sealed.Clear();
            read = ChatSounds.Replace(read.Data.Span, _call.SealId, _sealed) ? read.WithData(_sealed.Memory) : read;
        }

        var chunk = Meter.Read(read.Data.Span);
        switch (chunk.Kind)
        {
            case ChatPayloadKind.Choices or ChatPayloadKind.Other:
                Pass(chunk, read, events);
                return true;
            case ChatPayloadKind.UsageOnly or ChatPayloadKind.Empty:
                return true;
            case ChatPayloadKind.Error or ChatPayloadKind.Malformed when Meter.AllChoicesEnded:
                // The answer itself is whole; what is missing is its usage at most.
                End = AttemptEnd.Completed;
                return false;
            case ChatPayloadKind.Done:
                End = Meter.AllChoicesEnded || Meter.HasOutput ? AttemptEnd.Completed : AttemptEnd.Unreadable;
                return false;
            case ChatPayloadKind.Error:
                End = AttemptEnd.Failed(OpenAIDialect.ReadErrorOf(_call.Route!.Channel, 200, sseEvent.Data.Span));
                return false;
            default:
                End = AttemptEnd.Unreadable;
                return false;
        }
    }

    public void Sent()
    {
        if (HeldBytes == 0)
        {
            Meter.Sent();
        }
    }

    public abstract void WriteEnd(PooledBytes events, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos);

    public virtual void Dispose()
    {
        _mended.Dispose();
        _sealed?.Dispose();
    }

    /// <summary>Takes a chunk that clients may see.</summary>
    protected abstract void Pass(in ChatChunk chunk, in SseEvent sseEvent, PooledBytes? events);

    /// <summary>The charge, if it is to be shown.</summary>
    protected long? ShownCost(long chargedNanos) => _call.Admitted.ShowCost ? chargedNanos : null;
}
