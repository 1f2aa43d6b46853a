using OrleansGateway.Tests.Shared;

namespace OrleansGateway.Tests.Simulation.Machine;

/// <summary>The virtual clock. The time of day can be set by itself, as by an operator or after a leap.</summary>
/// <param name="start">The time of day at the beginning, after that of the fake clock.</param>
internal sealed class SimulatedClock(TimeSpan start) : TimeProvider
{
    private readonly FakeTimeProvider _clock = new();

    /// <summary>By how much the time of day has been set forward, or back; durations do not see it.</summary>
    public TimeSpan UtcAhead { get; set; }

    public override long TimestampFrequency => _clock.TimestampFrequency;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>Since the simulation began.</summary>
    public TimeSpan Now => TimeSpan.FromTicks(_clock.GetTimestamp());

    public TimeSpan? NextDue => _clock.NextDue;

    public override long GetTimestamp() => _clock.GetTimestamp();

    public override DateTimeOffset GetUtcNow() => _clock.GetUtcNow() + start + UtcAhead;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        _clock.CreateTimer(callback, state, dueTime, period);

    public void Advance(TimeSpan time) => _clock.Advance(time);
}
