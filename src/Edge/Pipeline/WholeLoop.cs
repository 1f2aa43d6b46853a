using System.Diagnostics.CodeAnalysis;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Http;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>
/// Step 6 of an answer that is not streamed: reads all of it, and none of it goes out before its settlement. One that is larger than ordinary
/// ones goes out as it comes, but for the members of its root that tell the usage and the model, and its end. Kept whole within the memory that
/// there is for it, whatever its size, is one that is translated or takes another form than its provider gave it, one that is kept for its
/// Idempotency-Key or for the response that goes on from it, and one that is changed in its depth: tool calls that are mended, a
/// provider's own reasons to end, the ids of sound, vectors that become base64.
/// </summary>
/// <param name="keptBytesMax">The largest answer that is kept for its Idempotency-Key.</param>
internal sealed class WholeLoop(Call call, AnswerBodies answers, int keptBytesMax) : IAttempt
{
    private const int ReadBytes = 16 * 1024;

    /// <summary>What of an ordinary answer is read at least at once: its second read finds the end, and needs no larger buffer for that.</summary>
    private const int LeastFree = 512;

    private readonly RunningRequest _running = call.Running;
    private readonly IWholeCodec _codec = call.OpenWhole();
    private readonly AnswerRoom _room = answers.Open(call.Order.Caller);
    private readonly PooledBytes _written = new(256);

    /// <summary>The answer so far; of one that goes out as it comes, the part that came last, and in the end the summary.</summary>
    private readonly PooledBytes _body = new(4096);

    /// <summary>What an answer goes through that goes out as it comes; null of one that is kept.</summary>
    private JsonPassage? _passage;
    private bool _isCovered = true;
    private bool _isTried;
    private bool _isCut;

    public Metered Metered =>
        !_isCovered ? _codec.Metered.CutAt(0) : (_isCut ? _codec.CutMetered : _codec.Metered).CappedAt(call.Bound.TotalOutputTokensMax);

    /// <summary>Reads the provider's answer.</summary>
    public async ValueTask<AttemptEnd> RunAsync(AnswerBody answer, CancellationToken cancellationToken)
    {
        var idleMs = call.Route!.Channel.Times.IdleMs;
        try
        {
            while (true)
            {
                var memory = _body.GetMemory(_passage is null ? LeastFree : ReadBytes);
                var read = await answer.ReadAsync(memory, cancellationToken);
                if (read == 0)
                {
                    break;
                }

                // Blank lines keep a connection alive: they are no progress.
                if (!memory.Span[..read].Trim(" \t\r\n"u8).IsEmpty)
                {
                    call.GotByte();
                    _running.WaitFor(Waiting.Provider, idleMs);
                }

                _body.Advance(read);
                if (await KeepOrPassAsync(cancellationToken) is { } end)
                {
                    return end;
                }
            }
        }
        catch (Exception exception) when (AttemptEnd.IsBroken(exception))
        {
            if (_passage is { IsWhole: false })
            {
                return Cut(AttemptEnd.BrokenBy(exception, _running));
            }

            // All of it may be there, and only its end was not seen any more.
            return _codec.ShowsItsEnd && Read() is { Outcome: AttemptOutcome.Completed } whole
                ? await CoverAsync(whole)
                : AttemptEnd.BrokenBy(exception, _running);
        }

        return _passage is { IsWhole: false } ? Cut(AttemptEnd.BrokenOff) : await CoverAsync(Read());
    }

    public ReadOnlyMemory<byte> Rest(AttemptOutcome outcome, long chargedNanos)
    {
        _codec.Write(_written, outcome, Metered.Usage, chargedNanos);
        if (_passage is null)
        {
            return _written.Memory;
        }

        _body.Clear();
        _passage.WriteRest(_body, _written.Memory);
        return _body.Memory;
    }

    /// <summary>Makes room for what has come, or lets it go on.</summary>
    /// <returns>How the attempt ends by it; null when it goes on.</returns>
    private async ValueTask<AttemptEnd?> KeepOrPassAsync(CancellationToken cancellationToken)
    {
        if (_passage is not null)
        {
            _passage.Take(_body.Span, _written);
        }
        else if (!_room.IsFull(_body.Length))
        {
            return null;
        }
        else if (!TryPass())
        {
            return await _room.GrowAsync(_body.Length, cancellationToken);
        }

        _body.Reset(ReadBytes);
        if (_passage.IsBroken)
        {
            return Cut(AttemptEnd.Unreadable);
        }

        if (_written.Length > 0)
        {
            call.Client.Use(new BytesForm(call.Exchange.WholeType(call)));
            call.ClientGotOutput |= !_running.IsClientGone;
            await call.Client.SendEventsAsync(_written.Memory);
            _written.Reset(ReadBytes);
            _running.WaitFor(Waiting.Provider, call.Route!.Channel.Times.IdleMs);
        }

        return _room.IsFull(_passage.Bytes) && await _room.GrowAsync(_passage.Bytes, cancellationToken) is { } end ? Cut(end) : null;
    }

    /// <summary>Begins to let the answer go on, if it may and its beginning shows that it is one.</summary>
    [MemberNotNullWhen(true, nameof(_passage))]
    private bool TryPass()
    {
        if (_isTried || (call.Order.IdempotencyKey is not null && _body.Length <= keptBytesMax))
        {
            return false;
        }

        _isTried = true;
        var passage = new JsonPassage();
        using var summary = new PooledBytes();
        passage.Take(_body.Span, _written);
        passage.WriteSummary(summary);
        using var beginning = call.OpenWhole();
        if (passage.IsBroken || beginning.Read(summary.Memory).Outcome != AttemptOutcome.Completed || !beginning.MayGoOn)
        {
            _written.Reset(ReadBytes);
            return false;
        }

        _passage = passage;
        return true;
    }

    private AttemptEnd Read()
    {
        if (_passage is not null)
        {
            _body.Clear();
            _passage.WriteSummary(_body);
        }

        return _codec.Read(_body.Memory);
    }

    /// <summary>Ends an answer of which only a part has gone on: it is metered by that.</summary>
    private AttemptEnd Cut(AttemptEnd end)
    {
        Read();
        _isCut = true;
        return end;
    }

    /// <summary>For an answer that was to be streamed only a first part may be held; one that the money does not cover is not given away.</summary>
    private async ValueTask<AttemptEnd> CoverAsync(AttemptEnd end)
    {
        if (end.Outcome != AttemptOutcome.Completed || !call.Facts.Stream)
        {
            return end;
        }

        switch (await call.CoverAsync(Metered))
        {
            case HoldState.Covered:
                return end;
            case HoldState.Exhausted:
                _isCovered = false;
                return AttemptEnd.Exhausted;
            default:
                return AttemptEnd.Stopped;
        }
    }

    public void Dispose()
    {
        _codec.Dispose();
        _body.Dispose();
        _written.Dispose();
        _room.Dispose();
    }
}
