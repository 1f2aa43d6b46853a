using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Http;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>
/// Step 6 of an answer that is not streamed: reads all of it. None of it goes out before its settlement, whatever its size.
/// </summary>
internal sealed class WholeLoop(Call call, EdgeOptions options) : IAttempt
{
    private readonly RunningRequest _running = call.Running;
    private readonly IWholeCodec _codec = call.Exchange.OpenWhole(call);
    private readonly PooledBytes _body = new(4096);
    private readonly PooledBytes _written = new(256);

    public Metered Metered => _codec.Metered.CappedAt(call.Bound.TotalOutputTokensMax);

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
                if (_body.Length > options.MaxAnswerBytes)
                {
                    return AttemptEnd.Unreadable;
                }
            }
        }
        catch (Exception exception) when (AttemptEnd.IsBroken(exception))
        {
            // All of it may be there, and only its end was not seen any more.
            return _codec.Read(_body.Memory) is { Outcome: AttemptOutcome.Completed } whole ? whole : AttemptEnd.BrokenBy(exception, _running);
        }

        return _codec.Read(_body.Memory);
    }

    public ReadOnlyMemory<byte> Rest(AttemptOutcome outcome, long chargedNanos)
    {
        _codec.Write(_written, Metered.Usage, chargedNanos);
        return _written.Memory;
    }

    public void Dispose()
    {
        _codec.Dispose();
        _body.Dispose();
        _written.Dispose();
    }
}
