using OrleansGateway.Tests.Shared;

namespace OrleansGateway.Tests.Simulation.Machine;

/// <summary>The virtual clock. The time of day can be set forward by itself, as by an operator or after a leap.</summary>
internal sealed class SimulatedClock : TimeProvider
{
    private readonly FakeTimeProvider _clock = new();

    /// <summary>By how much the time of day has been set forward; durations do not see it.</summary>
    public TimeSpan UtcAhead { get; set; }

    public override long TimestampFrequency => _clock.TimestampFrequency;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>Since the simulation began.</summary>
    public TimeSpan Now => TimeSpan.FromTicks(_clock.GetTimestamp());

    public TimeSpan? NextDue => _clock.NextDue;

    public override long GetTimestamp() => _clock.GetTimestamp();

    public override DateTimeOffset GetUtcNow() => _clock.GetUtcNow() + UtcAhead;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        _clock.CreateTimer(callback, state, dueTime, period);

    public void Advance(TimeSpan time) => _clock.Advance(time);
}
