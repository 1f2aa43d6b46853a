using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Http;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>Step 6 of a stream: passes events on as they come, and sees that what is held covers them.</summary>
internal sealed class StreamLoop(Call call, EdgeOptions options, AnswerBodies answers) : IAttempt
{
    private const int ReadBytes = 8 * 1024;

    /// <summary>How much may come before any content without being passed on: until then another channel may be tried.</summary>
    private const int UnsentBytesMax = 16 * 1024;

    private readonly RunningRequest _running = call.Running;
    private readonly Client _client = call.Client;
    private readonly StreamCodec _codec = call.OpenStream();
    private readonly SseSplitter _splitter = new();
    private readonly PooledBytes _events = new(4096);
    private readonly AnswerRoom _room = answers.Open(call.Order.Caller);
    private AttemptEnd _end = AttemptEnd.Completed;
    private bool _hasContent;
    private bool _isCut;

    /// <summary>The most output that can have been made, or that the client gets, tokens.</summary>
    private long _outputTokensMax = call.Bound.TotalOutputTokensMax;

    /// <summary>Output so far that what is held covers, tokens.</summary>
    private long _coveredTokens;

    public Metered Metered => _isCut ? _codec.Metered.CutAt(_outputTokensMax) : _codec.Metered.CappedAt(_outputTokensMax);

    /// <summary>Reads the provider's stream to its end, or as far as it gets.</summary>
    public async ValueTask<AttemptEnd> RunAsync(AnswerBody answer, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                var read = await answer.ReadAsync(_splitter.GetMemory(ReadBytes), cancellationToken);
                if (read == 0)
                {
                    _splitter.Complete();
                }
                else
                {
                    _splitter.Advance(read);
                }

                if (await PassOnAsync(read == 0, cancellationToken))
                {
                    return _end;
                }
            }
        }
        catch (Exception exception) when (AttemptEnd.IsBroken(exception))
        {
            // A provider that told no usage in time, or broke off after its last choice, has still answered in full.
            var isComplete = _codec.AllChoicesEnded && _running.Stopped == StopReason.None;
            return isComplete ? AttemptEnd.Completed : AttemptEnd.BrokenBy(exception, _running);
        }
    }

    public ReadOnlyMemory<byte> Rest(AttemptOutcome outcome, long chargedNanos)
    {
        // An answer without content is in the buffer still; what was held back goes out with what follows it.
        _codec.WriteEnd(_events, outcome, Metered.Usage, chargedNanos);
        return _events.Memory;
    }

    public void Dispose()
    {
        _codec.Dispose();
        _splitter.Dispose();
        _events.Dispose();
        _room.Dispose();
    }

    /// <summary>Passes on all events that are there, in one write.</summary>
    /// <returns>Whether the stream has ended.</returns>
    private async ValueTask<bool> PassOnAsync(bool isLast, CancellationToken cancellationToken)
    {
        var ended = PassEvents(out var progressed);
        if (_room.IsFull(_codec.HeldBytes) && await _room.GrowAsync(_codec.HeldBytes, cancellationToken) is { } noRoom)
        {
            // What a provider sends after the end of a stream does not spoil it.
            _end = call.Facts.Stream && _codec.AllChoicesEnded ? AttemptEnd.Completed : noRoom;
            return true;
        }

        if (!ended && progressed && !await CoverAsync())
        {
            return true;
        }

        _hasContent |= _codec.HasOutput || _codec.AllChoicesEnded;
        if (_events.Length > (_hasContent ? 0 : UnsentBytesMax))
        {
            call.ClientGotOutput |= _codec.HasOutput && !_running.IsClientGone;
            await _client.SendEventsAsync(_events.Memory);
            _events.Clear();
            _codec.Sent();
        }

        if (!ended && progressed)
        {
            // Comments are no progress: a provider that only keeps its connection alive is a provider that is silent. Until there is content
            // it is one that has not begun.
            _running.WaitFor(
                Waiting.Provider,
                _codec.HasEnded ? options.UsageTimeoutMs : _hasContent ? call.Route!.Channel.Times.IdleMs : call.FirstByteLeftMs);
        }

        if (!ended && isLast)
        {
            _end = _codec.AllChoicesEnded ? AttemptEnd.Completed : AttemptEnd.BrokenOff;
            return true;
        }

        return ended;
    }

    private bool PassEvents(out bool progressed)
    {
        progressed = false;
        while (true)
        {
            switch (_splitter.TryRead(out var sseEvent))
            {
                case SseRead.TooLarge:
                    _end = AttemptEnd.Unreadable;
                    return true;
                case not SseRead.Event:
                    return false;
            }

            if (!sseEvent.HasData)
            {
                continue;
            }

            progressed = true;
            if (!_codec.Take(sseEvent, _running.IsClientGone ? null : _events))
            {
                _end = _codec.End;
                return true;
            }

            if (_codec.HasOutput)
            {
                call.GotByte();
            }
        }
    }

    /// <summary>Reports how far the answer has come and makes sure that what is held covers the most that it can cost so far.</summary>
    private async ValueTask<bool> CoverAsync()
    {
        if (_running.IsClientGone && _codec.EstimatedOutputTokens > call.Route!.Channel.OnClientGone.MaxTokens)
        {
            _end = AttemptEnd.Stopped;
            return false;
        }

        if (_codec.LeastOutputTokens > _outputTokensMax && !_codec.AllChoicesEnded)
        {
            // The provider does not keep to the cap, or does not count all that it makes against it.
            Cut(AttemptEnd.Capped, _outputTokensMax);
            return false;
        }

        var metered = Metered;
        switch (await call.CoverAsync(metered))
        {
            case HoldState.Covered:
                _coveredTokens = metered.Usage.TotalOutput;
                return true;
            case HoldState.Exhausted when _codec.AllChoicesEnded:
                // Nothing more is produced; the settlement takes what there is.
                return true;
            case HoldState.Exhausted:
                Cut(AttemptEnd.Exhausted, _coveredTokens);
                return false;
            default:
                _end = AttemptEnd.Stopped;
                return false;
        }
    }

    /// <summary>Ends the answer here: what goes beyond is not given away, and not charged, whatever the provider reports of it.</summary>
    private void Cut(AttemptEnd end, long outputTokens)
    {
        (_end, _isCut, _outputTokensMax) = (end, true, outputTokens);
        _events.Clear();
    }
}
