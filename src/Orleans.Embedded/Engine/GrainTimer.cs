using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>A grain's timer, and the request of its tick: there is never more than one.</summary>
internal sealed class GrainTimer : Request, IGrainTimer
{
    private readonly Activation _activation;
    private readonly Func<CancellationToken, Task> _callback;
    private readonly GrainTimerCreationOptions _options;
    private readonly CancellationTokenSource _disposed = new();
    private readonly ITimer _timer;
    private TimeSpan _dueTime;
    private TimeSpan _period;
    private bool _changed;

    // 1 from when it fires to the end of the tick.
    private int _firing;

    public GrainTimer(Activation activation, Func<CancellationToken, Task> callback, GrainTimerCreationOptions options)
    {
        _activation = activation;
        _callback = callback;
        _options = options;
        _timer = activation.Runtime.CreateTimer(static timer => ((GrainTimer)timer!).Fire(), this);
    }

    public override bool Interleaves => _options.Interleave;

    public override bool KeepsAlive => _options.KeepAlive;

    public override async Task InvokeAsync(Grain grain)
    {
        _changed = false;
        try
        {
            await _callback(_disposed.Token);
        }
        catch (Exception exception)
        {
            _activation.Runtime.Log.TimerFailed(exception, _activation);
            _activation.EndIfInconsistent(exception);
        }

        Volatile.Write(ref _firing, 0);
        if (!_disposed.IsCancellationRequested)
        {
            _timer.Change(_changed ? _dueTime : _period, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>A tick has no caller.</summary>
    public override void Complete(Task outcome)
    {
    }

    public void Change(TimeSpan dueTime, TimeSpan period)
    {
        Validate(dueTime, nameof(dueTime));
        Validate(period, nameof(period));
        _changed = true;
        _dueTime = dueTime;
        _period = period;

        // While a tick waits or runs, the new times hold from its end.
        if (Volatile.Read(ref _firing) == 0 && !_disposed.IsCancellationRequested)
        {
            _timer.Change(dueTime, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose()
    {
        if (_disposed.IsCancellationRequested)
        {
            return;
        }

        try
        {
            _disposed.Cancel();
        }
        catch (AggregateException exception)
        {
            _activation.Runtime.Log.TimerFailed(exception, _activation);
        }

        _timer.Dispose();
        _activation.Forget(this);
    }

    private static void Validate(TimeSpan time, string name)
    {
        const long MaxMs = 0xfffffffe;
        var timeMs = (long)time.TotalMilliseconds;
        ArgumentOutOfRangeException.ThrowIfLessThan(timeMs, -1, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(timeMs, MaxMs, name);
    }

    private void Fire()
    {
        // Change may set the timer again in the moment it fires; the tick is queued once all the same.
        if (Interlocked.Exchange(ref _firing, 1) == 0)
        {
            _activation.TryReceive(this);
        }
    }
}
