using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orleans.Embedded;

/// <summary>The beginning and the end of an activation.</summary>
internal sealed partial class Activation
{
    private readonly AsyncServiceScope _scope;
    private readonly TaskCompletionSource _ended = new();
    private readonly List<GrainTimer> _timers = [];
    private State _state = State.Activating;

    // Whether OnActivateAsync or OnDeactivateAsync runs: no request starts then.
    private bool _changing = true;
    private bool _wasValid;
    private Grain? _grain;
    private CancellationTokenSource? _activating;
    private CancellationTokenSource? _deactivating;
    private CancellationTokenRegistration _promptly;
    private DeactivationReason _reason;

    public object? GrainInstance => _grain;

    public IServiceProvider ActivationServices => _scope.ServiceProvider;

    public Task Deactivated => _ended.Task;

    /// <summary>Queues the first turn, before any other.</summary>
    public void Start() => _scheduler.StartTurn(static self => _ = ((Activation)self!).BeginAsync(), this);

    public void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default)
    {
        CancellationTokenSource? activating;
        CancellationTokenSource deactivating;
        lock (_lock)
        {
            if (_state is State.Deactivating or State.Invalid)
            {
                return;
            }

            _wasValid = _state == State.Valid;
            _state = State.Deactivating;
            _reason = deactivationReason;
            activating = _activating;
            _deactivating = deactivating = new(Runtime.Options.DeactivationTimeout, Runtime.Time);
        }

        _promptly = cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), deactivating);
        try
        {
            activating?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // Activation was done already.
        }

        Signal();
    }

    /// <summary>Ends the activation when what left its request says that its state is not the stored one any more.</summary>
    public void EndIfInconsistent(Exception exception)
    {
        if (exception is InconsistentStateException { IsSourceActivation: true } inconsistent)
        {
            inconsistent.IsSourceActivation = false;
            Deactivate(new(DeactivationReasonCode.ApplicationError, inconsistent.Message));
        }
    }

    public IGrainTimer StartTimer(Func<CancellationToken, Task> callback, GrainTimerCreationOptions options)
    {
        var timer = new GrainTimer(this, callback, options);
        lock (_lock)
        {
            if (_state == State.Invalid)
            {
                throw new InvalidOperationException($"Attempt to access an invalid activation: {this}");
            }

            _timers.Add(timer);
        }

        timer.Change(options.DueTime, options.Period);
        return timer;
    }

    public void Forget(GrainTimer timer)
    {
        lock (_lock)
        {
            _timers.Remove(timer);
        }
    }

    private async Task BeginAsync()
    {
        using var timeout = new CancellationTokenSource(Runtime.Options.ActivationTimeout, Runtime.Time);
        bool isEnding;
        lock (_lock)
        {
            _activating = timeout;
            isEnding = _state != State.Activating;
        }

        try
        {
            if (!isEnding)
            {
                (_grain, var states) = _class.Construct(this);
                await Task.WhenAll(states.Select(state => state.ReadStateAsync())).WaitAsync(timeout.Token);
                await _grain.OnActivateAsync(timeout.Token).WaitAsync(timeout.Token);
            }
        }
        catch (Exception exception)
        {
            Runtime.Log.ActivationFailed(exception, this);
            Deactivate(new(DeactivationReasonCode.ActivationFailed, exception, "Failed to activate grain."));
        }

        lock (_lock)
        {
            _activating = null;
            _changing = false;
            if (_state == State.Activating)
            {
                _state = State.Valid;
            }
        }

        Signal();
    }

    private bool TryBeginEnd()
    {
        lock (_lock)
        {
            if (_changing || _state != State.Deactivating || _running > 0)
            {
                return false;
            }

            _changing = true;
            return true;
        }
    }

    private async Task EndAsync()
    {
        StopTimers();
        if (_wasValid)
        {
            try
            {
                await _grain!.OnDeactivateAsync(_reason, _deactivating!.Token).WaitAsync(_deactivating.Token);
            }
            catch (Exception exception)
            {
                Runtime.Log.DeactivationFailed(exception, this);
            }
        }

        PassOnWaiting();
        try
        {
            await DisposeGrainAsync();
            await _scope.DisposeAsync();
        }
        catch (Exception exception)
        {
            Runtime.Log.DeactivationFailed(exception, this);
        }

        _promptly.Dispose();
        _deactivating!.Dispose();
        _ended.TrySetResult();
    }

    private void StopTimers()
    {
        GrainTimer[] timers;
        lock (_lock)
        {
            timers = [.. _timers];
        }

        foreach (var timer in timers)
        {
            timer.Dispose();
        }
    }

    /// <summary>Leaves the directory, then hands the calls that wait to the next activation, or fails them as this one failed.</summary>
    private void PassOnWaiting()
    {
        _class.Remove(this);
        Request? request;
        lock (_lock)
        {
            _state = State.Invalid;
            request = _first;
            _first = _last = null;
        }

        while (request is not null)
        {
            var next = request.Next;
            if (request is Call { IsAbandoned: false } call)
            {
                if (_reason.Exception is { } exception)
                {
                    call.Fail(exception);
                }
                else
                {
                    _class.Forward(Key, call);
                }
            }

            request = next;
        }
    }

    private async ValueTask DisposeGrainAsync()
    {
        switch (_grain)
        {
            case IAsyncDisposable disposable:
                await disposable.DisposeAsync();
                break;
            case IDisposable disposable:
                disposable.Dispose();
                break;
        }
    }
}
