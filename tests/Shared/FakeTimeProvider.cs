namespace OrleansGateway.Tests.Shared;

/// <summary>A clock that only <see cref="Advance"/> moves. Timers that come due fire on the caller's thread, in the order of their
/// times, those of equal times in the order they were set; never under a lock.</summary>
internal sealed class FakeTimeProvider : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<(long Due, long Order), FakeTimer> _due = [];
    private readonly DateTimeOffset _start = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private long _elapsedTicks;
    private long _order;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>How many timers are set to fire.</summary>
    public int TimersSet
    {
        get
        {
            lock (_lock)
            {
                return _due.Count;
            }
        }
    }

    /// <summary>Until the next timer fires; null when none is set.</summary>
    public TimeSpan? NextDue
    {
        get
        {
            lock (_lock)
            {
                return _due.Count == 0 ? null : TimeSpan.FromTicks(_due.First().Key.Due - _elapsedTicks);
            }
        }
    }

    public override long GetTimestamp() => Interlocked.Read(ref _elapsedTicks);

    public override DateTimeOffset GetUtcNow() => _start.AddTicks(GetTimestamp());

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new FakeTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Moves the clock on, stopping at every timer that comes due on the way, also at those that are set meanwhile.</summary>
    public void Advance(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero);
        var end = GetTimestamp() + time.Ticks;
        while (TakeDue(end) is { } timer)
        {
            timer.Fire();
        }
    }

    private FakeTimer? TakeDue(long end)
    {
        lock (_lock)
        {
            if (_due.Count == 0 || _due.First().Key.Due > end)
            {
                Interlocked.Exchange(ref _elapsedTicks, end);
                return null;
            }

            var (key, timer) = _due.First();
            _due.Remove(key);
            Interlocked.Exchange(ref _elapsedTicks, Math.Max(key.Due, _elapsedTicks));
            timer.Key = null;
            if (timer.Period > TimeSpan.Zero)
            {
                Set(timer, timer.Period);
            }

            return timer;
        }
    }

    private void Set(FakeTimer timer, TimeSpan dueTime)
    {
        if (timer.Key is { } set)
        {
            _due.Remove(set);
            timer.Key = null;
        }

        if (dueTime != Timeout.InfiniteTimeSpan)
        {
            var key = (_elapsedTicks + dueTime.Ticks, _order++);
            timer.Key = key;
            _due.Add(key, timer);
        }
    }

    private sealed class FakeTimer(FakeTimeProvider clock, TimerCallback callback, object? state) : ITimer
    {
        private bool _disposed;

        public (long Due, long Order)? Key { get; set; }

        public TimeSpan Period { get; private set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._lock)
            {
                if (_disposed)
                {
                    return false;
                }

                Period = period;
                clock.Set(this, dueTime);
                return true;
            }
        }

        public void Dispose()
        {
            lock (clock._lock)
            {
                _disposed = true;
                clock.Set(this, Timeout.InfiniteTimeSpan);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
