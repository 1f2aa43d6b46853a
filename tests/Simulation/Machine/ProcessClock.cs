namespace OrleansGateway.Tests.Simulation.Machine;

/// <summary>
/// The clock of one process. Its timestamps stand while its machine is suspended; its time of day is right again when that wakes. Timers
/// go by the simulation's clock, so after a suspension some are early.
/// </summary>
internal sealed class ProcessClock(SimulatedClock clock) : TimeProvider
{
    private TimeSpan _stood;
    private TimeSpan? _standsSince;

    public override long TimestampFrequency => clock.TimestampFrequency;

    public override TimeZoneInfo LocalTimeZone => clock.LocalTimeZone;

    public override long GetTimestamp() => ((_standsSince ?? clock.Now) - _stood).Ticks;

    public override DateTimeOffset GetUtcNow() => clock.GetUtcNow();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        clock.CreateTimer(callback, state, dueTime, period);

    public void Stand() => _standsSince ??= clock.Now;

    public void GoOn()
    {
        _stood += clock.Now - (_standsSince ?? clock.Now);
        _standsSince = null;
    }
}
