using System.Buffers;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Http;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>
/// Step 6 of an answer that is bytes and whose cost its request tells: passes them on as they come, but for the last, which wait for the
/// settlement. Until the first have gone out it is as any whole answer.
/// </summary>
internal sealed class BytesLoop(Call call) : IAttempt
{
    private const int ReadBytes = 8 * 1024;

    /// <summary>How many have to be there before the first go out: a provider's error may come as an answer.</summary>
    private const int FirstBytes = 8 * 1024;
    private const int HeldBytes = 2 * 1024;

    private readonly RunningRequest _running = call.Running;
    private readonly IWholeCodec _codec = call.OpenWhole();
    private PooledBytes _held = new(FirstBytes + ReadBytes);
    private PooledBytes _passed = new(FirstBytes + ReadBytes);
    private bool _isRead;

    public Metered Metered => _isRead ? _codec.Metered : default;

    public async ValueTask<AttemptEnd> RunAsync(AnswerBody answer, CancellationToken cancellationToken)
    {
        try
        {
            while (await answer.ReadAsync(_held.GetMemory(ReadBytes), cancellationToken) is var read and > 0)
            {
                call.GotByte();
                _held.Advance(read);
                if (_held.Length >= FirstBytes && await PassOnAsync() is { } unreadable)
                {
                    return unreadable;
                }

                _running.WaitFor(Waiting.Provider, call.Route!.Channel.Times.IdleMs);
            }
        }
        catch (Exception exception) when (AttemptEnd.IsBroken(exception))
        {
            return AttemptEnd.BrokenBy(exception, _running);
        }

        return Read();
    }

    public ReadOnlyMemory<byte> Rest(AttemptOutcome outcome, long chargedNanos) => _held.Memory;

    public void Dispose()
    {
        _codec.Dispose();
        _held.Dispose();
        _passed.Dispose();
    }

    private AttemptEnd Read()
    {
        if (_isRead)
        {
            return AttemptEnd.Completed;
        }

        var end = _codec.Read(_held.Memory);
        _isRead = end.Outcome == AttemptOutcome.Completed;
        return end;
    }

    private async ValueTask<AttemptEnd?> PassOnAsync()
    {
        if (Read() is { Outcome: not AttemptOutcome.Completed } unreadable)
        {
            return unreadable;
        }

        // The two change places: what is sent is not written to meanwhile.
        var passed = _held.Length - HeldBytes;
        (_held, _passed) = (_passed, _held);
        _held.Clear();
        _held.Write(_passed.Span[passed..]);
        call.Client.Use(new BytesForm(call.Exchange.WholeType(call)));
        call.ClientGotOutput |= !_running.IsClientGone;
        await call.Client.SendEventsAsync(_passed.Memory[..passed]);
        return null;
    }
}
