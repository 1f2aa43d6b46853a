using Microsoft.Extensions.Logging;

namespace OrleansGateway.Edge.Http;

/// <summary>What runs out of time, or has been silent for too long. Called from the watchdog's timer, never twice at once.</summary>
internal interface IWatched
{
    /// <summary>The limit that was set last, or the total one, has passed. Called again at each tick until the request ends.</summary>
    void TimedOut(bool isTotal);

    /// <summary>The time that was set for a sign of life has come.</summary>
    void KeepAlive();

    /// <summary>The gateway is about to stop: what never ends by itself should now.</summary>
    void GatewayWillStop()
    {
    }

    /// <summary>The gateway stops and has waited long enough.</summary>
    void GatewayStopping();
}

/// <summary>The limits of one running request, in ms of the watchdog's coarse clock. Setting one costs a write to memory.</summary>
internal sealed class TimeLimits(Watchdog watchdog, IWatched watched, long totalAtMs)
{
    private long _limitAtMs = long.MaxValue;
    private long _totalAtMs = totalAtMs;
    private long _keepAliveAtMs = long.MaxValue;

    public LinkedListNode<TimeLimits>? Node { get; set; }

    /// <summary>Sets the limit of what is waited for next, in place of the one before.</summary>
    public void Limit(long ms) => Volatile.Write(ref _limitAtMs, watchdog.NowMs + ms);

    public void NoLimit() => Volatile.Write(ref _limitAtMs, long.MaxValue);

    /// <summary>Brings the end of the request's whole time nearer.</summary>
    public void LimitTotal(long ms) => Volatile.Write(ref _totalAtMs, Math.Min(Volatile.Read(ref _totalAtMs), watchdog.NowMs + ms));

    /// <summary>Lifts the end of the whole time: what is left has limits of its own.</summary>
    public void NoTotal() => Volatile.Write(ref _totalAtMs, long.MaxValue);

    public void KeepAliveIn(long ms) => Volatile.Write(ref _keepAliveAtMs, watchdog.NowMs + ms);

    public void NoKeepAlive() => Volatile.Write(ref _keepAliveAtMs, long.MaxValue);

    public bool IsDue(long nowMs) =>
        Volatile.Read(ref _limitAtMs) <= nowMs || Volatile.Read(ref _totalAtMs) <= nowMs || Volatile.Read(ref _keepAliveAtMs) <= nowMs;

    public void GatewayStopping(bool isOver)
    {
        if (isOver)
        {
            watched.GatewayStopping();
        }
        else
        {
            watched.GatewayWillStop();
        }
    }

    public void Tick(long nowMs)
    {
        if (Volatile.Read(ref _totalAtMs) <= nowMs)
        {
            watched.TimedOut(isTotal: true);
        }
        else if (Volatile.Read(ref _limitAtMs) <= nowMs)
        {
            watched.TimedOut(isTotal: false);
        }
        else if (Volatile.Read(ref _keepAliveAtMs) <= nowMs)
        {
            watched.KeepAlive();
        }
    }
}

/// <summary>One timer for the limits of all running requests: a timer for each read would cost more than the read.</summary>
internal sealed partial class Watchdog : IDisposable
{
    /// <summary>How late a limit may be noticed, ms.</summary>
    public const int TickMs = 100;

    private readonly Lock _lock = new();
    private readonly LinkedList<TimeLimits> _all = [];
    private readonly List<TimeLimits> _due = [];
    private readonly TimeProvider _time;
    private readonly ILogger<Watchdog> _logger;
    private readonly long _startedAt;
    private readonly ITimer _timer;
    private long _nowMs;
    private int _isTicking;

    public Watchdog(TimeProvider time, ILogger<Watchdog> logger)
    {
        _time = time;
        _logger = logger;
        _startedAt = time.GetTimestamp();
        _timer = time.CreateTimer(static state => ((Watchdog)state!).Tick(), this, TimeSpan.FromMilliseconds(TickMs), TimeSpan.FromMilliseconds(TickMs));
    }

    /// <summary>A clock that is up to a tick late and costs nothing to read, ms.</summary>
    public long NowMs => Volatile.Read(ref _nowMs);

    public TimeLimits Start(IWatched watched, long totalMs)
    {
        var limits = new TimeLimits(this, watched, NowMs + totalMs);
        lock (_lock)
        {
            limits.Node = _all.AddLast(limits);
        }

        return limits;
    }

    public void End(TimeLimits limits)
    {
        lock (_lock)
        {
            if (limits.Node is { } node)
            {
                _all.Remove(node);
                limits.Node = null;
            }
        }
    }

    /// <summary>Tells everything that is watched that the gateway stops.</summary>
    /// <param name="isOver">Whether it has waited long enough; else it begins to wait.</param>
    public void StopAll(bool isOver)
    {
        TimeLimits[] all;
        lock (_lock)
        {
            all = [.. _all];
        }

        foreach (var limits in all)
        {
            limits.GatewayStopping(isOver);
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Tick()
    {
        if (Interlocked.Exchange(ref _isTicking, 1) == 1)
        {
            return;
        }

        try
        {
            TickAll();
        }
        finally
        {
            _due.Clear();
            Volatile.Write(ref _isTicking, 0);
        }
    }

    private void TickAll()
    {
        var nowMs = (long)_time.GetElapsedTime(_startedAt).TotalMilliseconds;
        Volatile.Write(ref _nowMs, nowMs);
        lock (_lock)
        {
            for (var node = _all.First; node is not null; node = node.Next)
            {
                if (node.Value.IsDue(nowMs))
                {
                    _due.Add(node.Value);
                }
            }
        }

        foreach (var limits in _due)
        {
            try
            {
                limits.Tick(nowMs);
            }
            catch (Exception bug)
            {
                // Thrown on, it would end the process, or at least the other requests' limits. This one is called again at the next tick.
                LogBug(_logger, bug);
            }
        }
    }

    [LoggerMessage(1310, LogLevel.Error, "A request could not be told that its time is over")]
    private static partial void LogBug(ILogger logger, Exception bug);
}
