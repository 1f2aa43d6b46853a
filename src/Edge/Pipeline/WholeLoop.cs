using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Http;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>
/// Step 6 of an answer that is not streamed: reads all of it. None of it goes out before its settlement, whatever its size.
/// </summary>
internal sealed class WholeLoop(Call call, AnswerBodies answers) : IAttempt
{
    private readonly RunningRequest _running = call.Running;
    private readonly IWholeCodec _codec = call.OpenWhole();
    private readonly AnswerRoom _room = answers.Open(call.Order.Caller);
    private readonly PooledBytes _body = new(4096);
    private readonly PooledBytes _written = new(256);

    private bool _isCovered = true;

    public Metered Metered => _isCovered ? _codec.Metered.CappedAt(call.Bound.TotalOutputTokensMax) : _codec.Metered.CutAt(0);

    /// <summary>Reads the provider's answer.</summary>
    public async ValueTask<AttemptEnd> RunAsync(AnswerBody answer, CancellationToken cancellationToken)
    {
        var idleMs = call.Route!.Channel.Times.IdleMs;
        try
        {
            while (true)
            {
                var memory = _body.GetMemory(4096);
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
                if (_room.IsFull(_body.Length) && await _room.GrowAsync(_body.Length, cancellationToken) is { } end)
                {
                    return end;
                }
            }
        }
        catch (Exception exception) when (AttemptEnd.IsBroken(exception))
        {
            // All of it may be there, and only its end was not seen any more.
            return _codec.ShowsItsEnd && _codec.Read(_body.Memory) is { Outcome: AttemptOutcome.Completed } whole
                ? await CoverAsync(whole)
                : AttemptEnd.BrokenBy(exception, _running);
        }

        return await CoverAsync(_codec.Read(_body.Memory));
    }

    public ReadOnlyMemory<byte> Rest(AttemptOutcome outcome, long chargedNanos)
    {
        _codec.Write(_written, outcome, Metered.Usage, chargedNanos);
        return _written.Memory;
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
