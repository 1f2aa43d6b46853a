using Orleans;
using Orleans.Runtime;

namespace OrleansGateway.Tests.Engine;

/// <summary>One life of a grain: its beginning and its end, its queue of requests and which of them may run.</summary>
internal sealed class Activation(TestEngine engine, GrainClass grainClass, GrainId grainId) : IGrainContext
{
    private static readonly Action<object?> BeginAction = static self => _ = ((Activation)self!).BeginAsync();
    private static readonly Action<object?> PumpAction = static self => ((Activation)self!).Pump();

    private readonly ActivationScheduler _scheduler = new(engine.Scheduler);
    private readonly TaskCompletionSource _ended = new();
    private readonly List<Request> _waiting = [];
    private readonly List<GrainTimer> _timers = [];
    private State _state = State.Activating;

    /// <summary>Whether OnActivateAsync or OnDeactivateAsync runs: no request starts then.</summary>
    private bool _isChanging = true;
    private bool _wasValid;
    private IGrainBase? _grain;
    private CancellationTokenSource? _activating;
    private DeactivationReason _reason;
    private long _endingSince;
    private int _running;
    private Request? _blocking;
    private bool _isPumpQueued;
    private long _lastUsed = engine.Time.GetTimestamp();

    private enum State
    {
        Activating,
        Valid,
        Deactivating,
        Invalid,
    }

    public TestEngine Engine => engine;

    public GrainId GrainId => grainId;

    public object? GrainInstance => _grain;

    public IServiceProvider ActivationServices => engine.Services;

    public Task Deactivated => _ended.Task;

    /// <summary>How long nobody has used it; zero while it is busy.</summary>
    public TimeSpan IdleTime =>
        _state == State.Valid && _running == 0 && _waiting.Count == 0 ? engine.Time.GetElapsedTime(_lastUsed) : TimeSpan.Zero;

    GrainReference IGrainContext.GrainReference => throw new NotSupportedException();

    ActivationId IGrainContext.ActivationId => throw new NotSupportedException();

    GrainAddress IGrainContext.Address => throw new NotSupportedException();

    IGrainLifecycle IGrainContext.ObservableLifecycle => throw new NotSupportedException();

    IWorkItemScheduler IGrainContext.Scheduler => throw new NotSupportedException();

    /// <summary>Queues the first turn, before any other.</summary>
    public void Start() => _scheduler.StartTurn(BeginAction, this);

    /// <summary>Queues a request, under the engine's lock; <see cref="Signal"/> then runs it.</summary>
    public void Receive(Request request)
    {
        if (_state != State.Invalid)
        {
            _waiting.Add(request);
        }
    }

    /// <summary>Queues a turn that does what is to be done.</summary>
    public void Signal()
    {
        lock (engine.Lock)
        {
            if (_isPumpQueued)
            {
                return;
            }

            _isPumpQueued = true;
        }

        _scheduler.StartTurn(PumpAction, this);
    }

    public void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default)
    {
        CancellationTokenSource? activating;
        lock (engine.Lock)
        {
            if (_state is State.Deactivating or State.Invalid)
            {
                return;
            }

            _wasValid = _state == State.Valid;
            _state = State.Deactivating;
            _reason = deactivationReason;
            _endingSince = engine.Time.GetTimestamp();
            activating = _activating;
        }

        activating?.Cancel();
        Signal();
    }

    public IGrainTimer AddTimer(Func<CancellationToken, Task> callback, GrainTimerCreationOptions options)
    {
        var timer = new GrainTimer(this, callback, options);
        lock (engine.Lock)
        {
            _timers.Add(timer);
        }

        return timer;
    }

    public void Remove(GrainTimer timer)
    {
        lock (engine.Lock)
        {
            _timers.Remove(timer);
        }
    }

    public object? GetTarget() => _grain;

    public object? GetComponent(Type componentType) => throw new NotSupportedException();

    public bool Equals(IGrainContext? other) => ReferenceEquals(this, other);

    void IGrainContext.SetComponent<TComponent>(TComponent? value)
        where TComponent : class => throw new NotSupportedException();

    void IGrainContext.ReceiveMessage(object message) => throw new NotSupportedException();

    void IGrainContext.Activate(Dictionary<string, object>? requestContext, CancellationToken cancellationToken) => throw new NotSupportedException();

    void IGrainContext.Rehydrate(IRehydrationContext context) => throw new NotSupportedException();

    void IGrainContext.Migrate(Dictionary<string, object>? requestContext, CancellationToken cancellationToken) => throw new NotSupportedException();

    private async Task BeginAsync()
    {
        using var activating = new CancellationTokenSource(TestEngine.Limit, engine.Time);
        bool isEnding;
        lock (engine.Lock)
        {
            _activating = activating;
            isEnding = _state != State.Activating;
        }

        try
        {
            if (!isEnding)
            {
                (_grain, var states) = grainClass.Construct(this);
                foreach (var state in states)
                {
                    await state.ReadStateAsync(activating.Token);
                }

                await _grain.OnActivateAsync(activating.Token).WaitAsync(activating.Token);
            }
        }
        catch (Exception exception)
        {
            engine.Log.ActivationFailed(grainId, exception);
            Deactivate(new DeactivationReason(DeactivationReasonCode.ActivationFailed, exception, "It could not be activated."));
        }

        lock (engine.Lock)
        {
            _activating = null;
            _isChanging = false;
            _state = _state == State.Activating ? State.Valid : _state;
        }

        Signal();
    }

    /// <summary>The turn that starts every request that may start, and the end of the activation when it is due.</summary>
    private void Pump()
    {
        lock (engine.Lock)
        {
            _isPumpQueued = false;
        }

        while (TakeNext() is { } request)
        {
            _ = RunAsync(request);
        }

        if (TryBeginEnd())
        {
            _ = EndAsync();
        }
    }

    private async Task RunAsync(Request request)
    {
        var run = request.RunAsync(this);
        var isLater = !run.IsCompleted;
        await run;
        lock (engine.Lock)
        {
            _running--;
            _blocking = _blocking == request ? null : _blocking;
            _lastUsed = request.KeepsAlive ? engine.Time.GetTimestamp() : _lastUsed;
        }

        if (isLater)
        {
            // In a turn of its own: this one may be inside another request's, which completed what this one awaited.
            Signal();
        }
    }

    /// <summary>Takes the first request that may start now out of the queue; null when there is none.</summary>
    private Request? TakeNext()
    {
        lock (engine.Lock)
        {
            var next = _isChanging ? -1 : _waiting.FindIndex(MayStart);
            if (next < 0)
            {
                return null;
            }

            var request = _waiting[next];
            _waiting.RemoveAt(next);
            _running++;
            _blocking ??= request.Interleaves ? null : request;
            return request;
        }
    }

    /// <summary>While requests of an ending activation still run, its timers go on; calls wait for the next activation.</summary>
    private bool MayStart(Request request) =>
        (_state == State.Valid || (_state == State.Deactivating && _running > 0 && request is GrainTimer))
        && (_blocking is null || request.Interleaves || grainClass.IsReentrant);

    private bool TryBeginEnd()
    {
        lock (engine.Lock)
        {
            if (_isChanging || _state != State.Deactivating || _running > 0)
            {
                return false;
            }

            _isChanging = true;
            return true;
        }
    }

    private async Task EndAsync()
    {
        GrainTimer[] timers;
        lock (engine.Lock)
        {
            timers = [.. _timers];
        }

        foreach (var timer in timers)
        {
            timer.Dispose();
        }

        var left = TestEngine.Limit - engine.Time.GetElapsedTime(_endingSince);
        using var deactivating = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, engine.Time);
        if (_wasValid)
        {
            try
            {
                await _grain!.OnDeactivateAsync(_reason, deactivating.Token).WaitAsync(deactivating.Token);
            }
            catch (Exception exception)
            {
                engine.Log.DeactivationFailed(grainId, exception);
            }
        }

        Leave();
        _ended.SetResult();
    }

    /// <summary>Leaves the directory, then hands the calls that wait to the next activation, or fails them as this one failed.</summary>
    private void Leave()
    {
        lock (engine.Lock)
        {
            engine.Remove(this);
            _state = State.Invalid;
        }

        foreach (var call in _waiting.OfType<Call>())
        {
            if (_reason.Exception is { } exception)
            {
                call.Fail(exception);
            }
            else
            {
                engine.Send(grainId, call);
            }
        }
    }
}
