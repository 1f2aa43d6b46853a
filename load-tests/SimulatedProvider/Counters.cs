namespace OrleansGateway.SimulatedProvider;

/// <summary>Counts of chat requests since the start.</summary>
/// <param name="Requests">Received.</param>
/// <param name="Completed">Answered whole.</param>
/// <param name="Failed">Answered with an error.</param>
/// <param name="Broken">Cut by the provider, as it was told to.</param>
/// <param name="ClientGone">Cut by the client.</param>
/// <param name="Running">Being answered now, the waiting ones included.</param>
/// <param name="Waiting">Held by <see cref="SimulatedProviderHost.Stall"/> now.</param>
/// <param name="RunningMax">The most that were being answered at a time.</param>
public sealed record SimulatedProviderStats(
    long Requests, long Completed, long Failed, long Broken, long ClientGone, long Running, long Waiting, long RunningMax);

internal sealed class Counters
{
    private readonly long[] _outcomes = new long[Enum.GetValues<ExchangeOutcome>().Length];
    private long _requests;
    private long _running;
    private long _runningMax;
    private long _waiting;

    public void Begin()
    {
        Interlocked.Increment(ref _requests);
        var running = Interlocked.Increment(ref _running);
        for (var most = Volatile.Read(ref _runningMax); running > most; most = Volatile.Read(ref _runningMax))
        {
            Interlocked.CompareExchange(ref _runningMax, running, most);
        }
    }

    public void End(ExchangeOutcome outcome)
    {
        Interlocked.Increment(ref _outcomes[(int)outcome]);
        Interlocked.Decrement(ref _running);
    }

    public void BeginWait() => Interlocked.Increment(ref _waiting);

    public void EndWait() => Interlocked.Decrement(ref _waiting);

    public SimulatedProviderStats Read() => new(
        Volatile.Read(ref _requests), Of(ExchangeOutcome.Completed), Of(ExchangeOutcome.Failed), Of(ExchangeOutcome.Broken),
        Of(ExchangeOutcome.ClientGone), Volatile.Read(ref _running), Volatile.Read(ref _waiting), Volatile.Read(ref _runningMax));

    private long Of(ExchangeOutcome outcome) => Volatile.Read(ref _outcomes[(int)outcome]);
}
