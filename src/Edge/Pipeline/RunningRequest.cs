using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>Why a running request is stopped from outside; the first reason counts.</summary>
internal enum StopReason
{
    None,
    ClientGone,
    /// <summary>The client left what was sent to it unread for too long.</summary>
    ClientStalled,
    /// <summary>The hold was closed by its lease.</summary>
    HoldLost,
    /// <summary>The request's whole time is over.</summary>
    TotalTime,
    /// <summary>The gateway stops and has waited long enough.</summary>
    GatewayStopping,
}

/// <summary>What a request waits for, and so what its limit's end means.</summary>
internal enum Waiting { Nothing, Upload, Provider, Client }

/// <summary>One request from its arrival to its last byte: its clock, its limits, and what may stop it.</summary>
internal sealed class RunningRequest : IHoldOwner, IWatched, IDisposable
{
    private readonly Lock _lock = new();
    private readonly HttpContext _context;
    private readonly Watchdog _watchdog;
    private readonly CancellationTokenRegistration _aborted;
    private CancellationTokenSource _attempt = new();
    private bool _attemptTimedOut;
    private StopReason _stop;
    private Waiting _waiting;
    private ClientGonePolicy _onClientGone;
    private PipeReader? _upload;
    private bool _isClientGone;
    private bool _isSettled;
    private bool _isEnded;

    public RunningRequest(HttpContext context, string requestId, IFront front, EdgeOptions options, Watchdog watchdog, TimeProvider time)
    {
        RequestId = requestId;
        Time = time;
        StartedAt = time.GetTimestamp();
        _context = context;
        _watchdog = watchdog;
        Client = new Client(context, this, front, options);
        Limits = watchdog.Start(this, ChannelTimes.MaxTotalMs);
        _aborted = context.RequestAborted.UnsafeRegister(static running => ((RunningRequest)running!).ClientGone(), this);
    }

    public string RequestId { get; }

    public TimeProvider Time { get; }

    public long StartedAt { get; }

    public Client Client { get; }

    public TimeLimits Limits { get; }

    public long ElapsedMs => (long)Time.GetElapsedTime(StartedAt).TotalMilliseconds;

    public StopReason Stopped
    {
        get
        {
            lock (_lock)
            {
                return _stop;
            }
        }
    }

    /// <summary>Whether the settlement is on its way or done.</summary>
    public bool IsSettled
    {
        get
        {
            lock (_lock)
            {
                return _isSettled;
            }
        }
    }

    /// <summary>Whether the client hung up, whatever becomes of the provider's answer.</summary>
    public bool IsClientGone => Volatile.Read(ref _isClientGone);

    /// <summary>Whether the attempt that is over ran into its limit.</summary>
    public bool AttemptTimedOut
    {
        get
        {
            lock (_lock)
            {
                return _attemptTimedOut;
            }
        }
    }

    /// <summary>Limits the time for the whole body; past it, a read is cancelled.</summary>
    public void BeginUpload(PipeReader reader, long ms)
    {
        lock (_lock)
        {
            _upload = reader;
        }

        WaitFor(Waiting.Upload, ms);
    }

    public void EndUpload()
    {
        WaitForNothing();
        lock (_lock)
        {
            // From here on the reader may serve another request.
            _upload = null;
        }
    }

    /// <summary>Begins an attempt with a channel.</summary>
    /// <returns>What ends it from outside: its limit, the client, the account or the total time.</returns>
    public CancellationToken BeginAttempt(Channel channel)
    {
        Limits.LimitTotal(Math.Max(0, channel.Times.TotalMs - ElapsedMs));
        lock (_lock)
        {
            _onClientGone = channel.OnClientGone;
            if (_attemptTimedOut)
            {
                _attempt.Dispose();
                _attempt = new CancellationTokenSource();
                _attemptTimedOut = false;
            }

            if (_stop != StopReason.None)
            {
                _attempt.Cancel();
            }

            return _attempt.Token;
        }
    }

    /// <summary>Says what is waited for from now on, and for how long at most.</summary>
    public void WaitFor(Waiting waiting, long ms)
    {
        _waiting = waiting;
        Limits.Limit(ms);
    }

    public void WaitForNothing()
    {
        _waiting = Waiting.Nothing;
        Limits.NoLimit();
    }

    /// <summary>Says that the provider's part is over: nothing stops the request any more.</summary>
    public void Settling()
    {
        WaitForNothing();
        Limits.NoKeepAlive();
        Limits.NoTotal();
        lock (_lock)
        {
            _isSettled = true;
        }
    }

    public void Stop(StopReason reason)
    {
        CancellationTokenSource attempt;
        lock (_lock)
        {
            if (_stop != StopReason.None || _isSettled)
            {
                return;
            }

            _stop = reason;
            attempt = _attempt;
        }

        Cancel(attempt);
    }

    public void HoldLost() => Stop(StopReason.HoldLost);

    void IWatched.GatewayStopping() => Stop(StopReason.GatewayStopping);

    void IWatched.KeepAlive() => Client.KeepAlive();

    void IWatched.TimedOut(bool isTotal)
    {
        if (_waiting == Waiting.Upload)
        {
            lock (_lock)
            {
                _upload?.CancelPendingRead();
            }
        }
        else if (_waiting == Waiting.Client)
        {
            Stop(isTotal ? StopReason.TotalTime : StopReason.ClientStalled);
            AbortConnection();
        }
        else if (isTotal)
        {
            Stop(StopReason.TotalTime);
        }
        else if (_waiting == Waiting.Provider)
        {
            TimeOutAttempt();
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isEnded = true;
        }

        _watchdog.End(Limits);
        _aborted.Dispose();
        _attempt.Dispose();
        Client.Body.Dispose();
    }

    private void AbortConnection()
    {
        lock (_lock)
        {
            // Once the request has ended, its context serves another one.
            if (!_isEnded)
            {
                _context.Abort();
            }
        }
    }

    private static void Cancel(CancellationTokenSource attempt)
    {
        try
        {
            attempt.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The request ended at the same moment.
        }
    }

    private void TimeOutAttempt()
    {
        CancellationTokenSource attempt;
        lock (_lock)
        {
            if (_attemptTimedOut || _isSettled)
            {
                return;
            }

            _attemptTimedOut = true;
            attempt = _attempt;
        }

        Cancel(attempt);
    }

    private void ClientGone()
    {
        ClientGonePolicy policy;
        lock (_lock)
        {
            _isClientGone = true;
            policy = _onClientGone;
        }

        if (policy.IsDrain)
        {
            // The provider charges anyway: it may finish, within bounds.
            Limits.LimitTotal(policy.MaxMs);
        }
        else
        {
            Stop(StopReason.ClientGone);
        }
    }
}
