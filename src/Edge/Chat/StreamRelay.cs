using System.Buffers;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Idempotency;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Chat;

/// <summary>
/// Step 6 of a stream: passes events on as they come, meters them, and holds back what ends the response: from the chunk that
/// ends its last choice on.
/// </summary>
internal sealed class StreamRelay : IRelay
{
    private const int ReadBytes = 8 * 1024;

    /// <summary>Why a response ended at a length limit that the client did not set: a comment, which no client takes for output.</summary>
    private static ReadOnlySpan<byte> ExhaustedNotice => ": og_notice: the account's money does not cover more output; top up to continue\n\n"u8;

    private readonly ChatCall _call;
    private readonly EdgeOptions _options;
    private readonly ClientStream _client;
    private readonly ChatStreamMeter _meter;
    private readonly SseSplitter _splitter = new();
    private readonly PooledBytes _events = new(4096);
    private readonly PooledBytes _heldBack = new(1024);
    private readonly ChatEdits _edits;
    private Relayed _end;

    public StreamRelay(ChatCall call, ClientStream client, EdgeOptions options)
    {
        _call = call;
        _client = client;
        _options = options;
        _meter = new ChatStreamMeter(call.Request.Choices)
        {
            FallbackId = "chatcmpl-" + call.RequestId,
            FallbackCreatedSeconds = call.Time.GetUtcNow().ToUnixTimeSeconds(),
        };
        _edits = new ChatEdits
        {
            ModelJson = PublicModel.JsonFor(call),
            Usage = call.Request.IncludeUsage ? UsageEdit.Null : UsageEdit.Remove,
        };
    }

    public Metered Metered => new(_meter.Usage(_call.Request.EstimatedInputTokens), _meter.HasOutput);

    /// <summary>Reads the provider's stream to its end, or as far as it gets.</summary>
    public async ValueTask<Relayed> RunAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        if (answer.Content.Headers.ContentType?.MediaType != "text/event-stream")
        {
            return Relayed.Unusable();
        }

        _client.Begin();
        var idleMs = _call.Route!.Channel.Times.IdleMs;
        _call.WaitFor(Waiting.Provider, idleMs);
        try
        {
            await using var stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
            while (true)
            {
                var read = await stream.ReadAsync(_splitter.GetMemory(ReadBytes), cancellationToken);
                if (read == 0)
                {
                    _splitter.Complete();
                }
                else
                {
                    _splitter.Advance(read);
                }

                if (await PassOnAsync(read == 0))
                {
                    return _end;
                }
            }
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or OperationCanceledException)
        {
            return BrokenBy(exception);
        }
    }

    public async ValueTask CompleteAsync(bool isExhausted, long chargedNanos, AnswerCache answers)
    {
        // The buffer that events are passed on with is empty here: what is held back goes out with what follows it.
        if (isExhausted)
        {
            _events.Write(ExhaustedNotice);
            _meter.WriteLengthEnd(_events, _edits.ModelJson, _call.Request.IncludeUsage);
        }
        else
        {
            _events.Write(_heldBack.Span);
        }

        if (_call.Request.IncludeUsage)
        {
            _meter.WriteUsageEvent(_events, _edits.ModelJson, Metered.Usage, _call.Admitted.ShowCost ? chargedNanos : null);
        }

        _events.Write(ChatStreamFrames.Done);
        await _client.SendAsync(_events.Memory);
    }

    public ValueTask CutAsync(Refusal refusal) => _client.CutAsync(refusal);

    public void Dispose()
    {
        _splitter.Dispose();
        _events.Dispose();
        _heldBack.Dispose();
    }

    /// <summary>Passes on all events that are there, in one write.</summary>
    /// <returns>Whether the stream has ended.</returns>
    private async ValueTask<bool> PassOnAsync(bool isLast)
    {
        var ended = PassEvents(out var progressed);
        if (_events.Length > 0)
        {
            _call.ClientGotOutput |= _meter.HasOutput && !_call.IsClientGone;
            await _client.SendAsync(_events.Memory);
            _events.Clear();
        }

        if (!ended && progressed)
        {
            // Comments are no progress: a provider that only keeps its connection alive is a provider that is silent.
            _call.WaitFor(Waiting.Provider, _meter.AllChoicesEnded ? _options.UsageTimeoutMs : _call.Route!.Channel.Times.IdleMs);
        }

        if (!ended && isLast)
        {
            _end = _meter.AllChoicesEnded ? new Relayed(RelayEnd.Completed) : Relayed.BrokenOff();
            return true;
        }

        return ended || (progressed && !await CoverAsync());
    }

    private bool PassEvents(out bool progressed)
    {
        progressed = false;
        while (true)
        {
            switch (_splitter.TryRead(out var sseEvent))
            {
                case SseRead.TooLarge:
                    _end = Relayed.Unusable();
                    return true;
                case not SseRead.Event:
                    return false;
            }

            if (!sseEvent.HasData)
            {
                continue;
            }

            progressed = true;
            if (!PassEvent(sseEvent))
            {
                return true;
            }
        }
    }

    /// <returns>False when the stream ends with this event; <see cref="_end"/> says how.</returns>
    private bool PassEvent(in SseEvent sseEvent)
    {
        var chunk = _meter.Read(sseEvent.Data.Span);
        if (_call.FirstByteMs < 0)
        {
            _call.FirstByteMs = _call.ElapsedMs;
        }

        switch (chunk.Kind)
        {
            case ChatPayloadKind.Choices or ChatPayloadKind.Other:
                if (!_call.IsClientGone)
                {
                    chunk.WriteEvent(_meter.AllChoicesEnded ? _heldBack : _events, sseEvent, _edits);
                }

                return true;
            case ChatPayloadKind.UsageOnly or ChatPayloadKind.Empty:
                return true;
            case ChatPayloadKind.Error or ChatPayloadKind.Malformed when _meter.AllChoicesEnded:
                // The answer itself is whole; what is missing is its usage at most.
                _end = new Relayed(RelayEnd.Completed);
                return false;
            case ChatPayloadKind.Done:
                _end = _meter.AllChoicesEnded || _meter.HasOutput ? new Relayed(RelayEnd.Completed) : Relayed.Unusable();
                return false;
            case ChatPayloadKind.Error:
                _end = new Relayed(
                    RelayEnd.ProviderFailed, UpstreamError.Read(200, sseEvent.Data.Span, Forwarder.Secrets(_call.Route!.Channel)));
                return false;
            default:
                _end = Relayed.Unusable();
                return false;
        }
    }

    /// <summary>Reports the cost and makes sure that what is held covers it.</summary>
    private async ValueTask<bool> CoverAsync()
    {
        if (_call.IsClientGone && _meter.EstimatedOutputTokens > _call.Route!.Channel.OnClientGone.MaxTokens)
        {
            _end = new Relayed(RelayEnd.Stopped);
            return false;
        }

        var usage = Metered.Usage.ToUsage();
        var cost = PriceArithmetic.Charge(_call.Bound.Price, usage);
        while (true)
        {
            switch (_call.Hold!.Report(cost, usage))
            {
                case HoldState.Covered:
                    return true;
                case HoldState.Growing:
                    await _call.Hold.GrownAsync();
                    continue;
                case HoldState.Exhausted when _meter.AllChoicesEnded:
                    // Nothing more is produced; the settlement takes what there is.
                    return true;
                case HoldState.Exhausted:
                    _end = new Relayed(RelayEnd.Exhausted);
                    return false;
                default:
                    _end = new Relayed(RelayEnd.Stopped);
                    return false;
            }
        }
    }

    private Relayed BrokenBy(Exception exception)
    {
        // A provider that told no usage in time, or broke off after its last choice, has still answered in full.
        var isComplete = _meter.AllChoicesEnded && _call.Stopped == StopReason.None;
        return isComplete ? new Relayed(RelayEnd.Completed) : Forwarder.Broken(_call, exception);
    }
}
