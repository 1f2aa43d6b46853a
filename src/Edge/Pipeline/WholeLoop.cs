using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Idempotency;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>
/// Step 6 of an answer that is not streamed: reads all of it. None of it goes out before its settlement, whatever its size.
/// </summary>
internal sealed class WholeLoop(Call call, EdgeOptions options) : IAttempt
{
    private readonly RunningRequest _running = call.Running;
    private readonly IWholeCodec _codec = call.Exchange.OpenWhole(call);
    private readonly PooledBytes _body = new(4096);

    public Metered Metered => _codec.Metered.CappedAt(call.Bound.TotalOutputTokensMax);

    /// <summary>Reads the provider's answer.</summary>
    public async ValueTask<AttemptEnd> RunAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        var idleMs = call.Route!.Channel.Times.IdleMs;
        _running.WaitFor(Waiting.Provider, idleMs);
        try
        {
            await using var stream = await AnswerBody.OpenAsync(answer, cancellationToken);
            if (stream is null)
            {
                return AttemptEnd.Unreadable;
            }

            while (true)
            {
                var memory = _body.GetMemory(4096);
                var read = await AnswerBody.ReadAsync(stream, memory, cancellationToken);
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
            return _codec.Read(_body.Span) is { Outcome: AttemptOutcome.Completed } whole ? whole : AttemptEnd.BrokenBy(exception, _running);
        }

        return _codec.Read(_body.Span);
    }

    public async ValueTask CompleteAsync(AttemptOutcome outcome, long chargedNanos, AnswerCache answers)
    {
        using var edited = new PooledBytes(256);
        var body = _codec.Write(_body.Memory, Metered.Usage, chargedNanos, edited);
        if (call.Order.IdempotencyKey is not null)
        {
            answers.Keep(_running.RequestId, body.Span, chargedNanos);
        }

        await call.Client.SendWholeAsync(body, chargedNanos);
    }

    public void Dispose() => _body.Dispose();
}
