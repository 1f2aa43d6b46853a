using Orleans.Runtime;

namespace OrleansGateway.Tests.Engine;

/// <summary>A grain's timer, and the request of its tick: there is never more than one, and the period counts from its end.</summary>
internal sealed class GrainTimer : Request, IGrainTimer
{
    private readonly Activation _activation;
    private readonly Func<CancellationToken, Task> _callback;
    private readonly GrainTimerCreationOptions _options;
    private readonly CancellationTokenSource _disposed = new();
    private readonly ITimer _timer;

    public GrainTimer(Activation activation, Func<CancellationToken, Task> callback, GrainTimerCreationOptions options)
    {
        (_activation, _callback, _options) = (activation, callback, options);
        _timer = activation.Engine.Time.CreateTimer(
            static timer => ((GrainTimer)timer!).Fire(), this, options.DueTime, Timeout.InfiniteTimeSpan);
    }

    public override bool Interleaves => _options.Interleave;

    public override bool KeepsAlive => _options.KeepAlive;

    public override async Task RunAsync(Activation activation)
    {
        try
        {
            await _callback(_disposed.Token);
        }
        catch (Exception exception)
        {
            activation.Engine.Log.TimerFailed(activation.GrainId, exception);
        }

        if (!_disposed.IsCancellationRequested)
        {
            _timer.Change(_options.Period, Timeout.InfiniteTimeSpan);
        }
    }

    public void Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException();

    public void Dispose()
    {
        if (!_disposed.IsCancellationRequested)
        {
            _disposed.Cancel();
            _timer.Dispose();
            _activation.Remove(this);
        }
    }

    private void Fire()
    {
        lock (_activation.Engine.Lock)
        {
            _activation.Receive(this);
        }

        _activation.Signal();
    }
}
