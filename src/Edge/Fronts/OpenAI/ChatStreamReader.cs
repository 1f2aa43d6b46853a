using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A Chat Completions stream, metered and mended. What becomes of its chunks, its heirs say.</summary>
internal abstract class ChatStreamReader : StreamCodec
{
    private readonly ChatMender? _mender;
    private readonly PooledBytes _mended = new(0);
    private readonly PooledBytes? _sealed;

    protected ChatStreamReader(Call call, ChatRequest request, bool mends)
        : base(call)
    {
        Request = request;
        _mender = mends ? new ChatMender(call.Running.RequestId) : null;
        _sealed = request.HasAudioOutput ? new PooledBytes(0) : null;
        Meter = new ChatStreamMeter(request.Choices)
        {
            FallbackId = "chatcmpl-" + call.Running.RequestId,
            FallbackCreatedSeconds = call.Running.Time.GetUtcNow().ToUnixTimeSeconds(),
        };
    }

    public override Metered Metered => new(
        ChatWholeCodec.WithSearches(Call, Request, Meter.Usage(Call.Bound.EstimatedInputTokens), Meter.SearchCalls), Meter.HasOutput, Meter.ServiceTier);

    public override bool HasOutput => Meter.HasOutput;

    public override long EstimatedOutputTokens => Meter.EstimatedOutputTokens;

    public override long LeastOutputTokens => Meter.LeastOutputTokens;

    public override bool AllChoicesEnded => Meter.AllChoicesEnded;

    public override bool HasEnded => Meter.HasEnded;

    protected ChatRequest Request { get; }

    protected ChatStreamMeter Meter { get; }

    protected bool Mends => _mender is not null;

    public override void Sent()
    {
        if (HeldBytes == 0)
        {
            Meter.Sent();
        }
    }

    public override void Dispose()
    {
        _mended.Dispose();
        _sealed?.Dispose();
    }

    protected override AnswerRead Read(in SseEvent sseEvent, PooledBytes? events)
    {
        _mended.Clear();
        var read = _mender?.Mend(sseEvent.Data.Span, _mended) == true ? sseEvent.WithData(_mended.Memory) : sseEvent;
        if (_sealed is not null)
        {
            _sealed.Clear();
            read = ChatSounds.Replace(read.Data.Span, Call.SealId, _sealed) ? read.WithData(_sealed.Memory) : read;
        }

        var chunk = Meter.Read(read.Data.Span);
        switch (chunk.Kind)
        {
            case ChatPayloadKind.Choices or ChatPayloadKind.Other:
                Pass(chunk, read, events);
                return AnswerRead.Part;
            case ChatPayloadKind.UsageOnly or ChatPayloadKind.Empty:
                return AnswerRead.Part;
            case ChatPayloadKind.Done:
                return AnswerRead.End;
            case ChatPayloadKind.Error:
                return AnswerRead.Error;
            default:
                return AnswerRead.Malformed;
        }
    }

    /// <summary>Takes a chunk that clients may see.</summary>
    protected abstract void Pass(in ChatChunk chunk, in SseEvent sseEvent, PooledBytes? events);
}
