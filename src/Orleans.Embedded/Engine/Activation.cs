using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>One life of a grain: its queue of requests and which of them may run.</summary>
internal sealed partial class Activation : IGrainContext
{
    private static readonly Action<object?> PumpAction = static self => ((Activation)self!).Pump();

    [ThreadStatic]
    private static Activation? _current;

    private readonly Lock _lock = new();
    private readonly ActivationScheduler _scheduler;
    private readonly GrainClass _class;
    private Request? _first;
    private Request? _last;
    private int _waitingInterleaving;
    private int _running;
    private Request? _blocking;
    private bool _pumpQueued;
    private long _lastUsed;

    public Activation(GrainClass grainClass, string key)
    {
        _class = grainClass;
        Key = key;
        Place = new(this);
        _scheduler = new(this, Runtime.Options.Scheduler, Runtime.Options.TurnsPerWorkItem);
        _scope = Runtime.CreateScope();
        _lastUsed = Runtime.Time.GetTimestamp();
    }

    private enum State
    {
        Activating,
        Valid,
        Deactivating,
        Invalid,
    }

    /// <summary>The activation whose turn this thread runs.</summary>
    public static Activation? Current
    {
        get => _current;
        set => _current = value;
    }

    public string Key { get; }

    public GrainId GrainId => GrainId.Create(_class.GrainType, Key);

    public GrainRuntime Runtime => _class.Runtime;

    /// <summary>Its place in the directory's order.</summary>
    public LinkedListNode<Activation> Place { get; }

    public static Activation Of(IGrainBase grain) =>
        grain.GrainContext as Activation
        ?? throw new InvalidOperationException("Grain was created outside of the Orleans creation process and no runtime was specified.");

    public override string ToString() => $"{_class.Type.Name}/{Key}";

    /// <summary>Queues a request; false when the activation has ended.</summary>
    public bool TryReceive(Request request)
    {
        lock (_lock)
        {
            if (_state == State.Invalid)
            {
                return false;
            }

            Append(request);
            if (_pumpQueued)
            {
                return true;
            }

            _pumpQueued = true;
        }

        _scheduler.StartTurn(PumpAction, this);
        return true;
    }

    /// <summary>Ends the activation if no request came for the collection age.</summary>
    public void CollectIfIdle()
    {
        lock (_lock)
        {
            if (_state != State.Valid || _running > 0 || _first is not null
                || Runtime.Time.GetElapsedTime(_lastUsed) < Runtime.Options.CollectionAge)
            {
                return;
            }
        }

        Deactivate(new(DeactivationReasonCode.ActivationIdle, "This activation has become idle."));
    }

    private void Signal()
    {
        lock (_lock)
        {
            if (_pumpQueued)
            {
                return;
            }

            _pumpQueued = true;
        }

        _scheduler.StartTurn(PumpAction, this);
    }

    /// <summary>The turn that starts every request that may start, and the end of the activation when it is due.</summary>
    private void Pump()
    {
        lock (_lock)
        {
            _pumpQueued = false;
        }

        while (TakeNext() is { } request)
        {
            Run(request);
        }

        if (TryBeginEnd())
        {
            _ = EndAsync();
        }
    }

    private void Run(Request request)
    {
        if (request.IsAbandoned)
        {
            Finish(request, null);
            return;
        }

        var outcome = request.InvokeAsync(_grain!);
        if (outcome.IsCompleted)
        {
            Finish(request, outcome);
        }
        else
        {
            _ = FinishLaterAsync(request, outcome);
        }
    }

    private async Task FinishLaterAsync(Request request, Task outcome)
    {
        await outcome.ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
        Finish(request, outcome);

        // In a turn of its own: this one may be inside another request's, which completed what this one awaited.
        Signal();
    }

    private void Finish(Request request, Task? outcome)
    {
        if (outcome is not null)
        {
            if (outcome.Exception?.InnerException is { } exception)
            {
                EndIfInconsistent(exception);
            }

            request.Complete(outcome);
        }

        lock (_lock)
        {
            _running--;
            if (request.KeepsAlive)
            {
                _lastUsed = Runtime.Time.GetTimestamp();
            }

            if (_blocking is null || _blocking == request)
            {
                _blocking = null;
            }
        }
    }

    /// <summary>Takes the first request that may start now out of the queue; null when there is none.</summary>
    private Request? TakeNext()
    {
        lock (_lock)
        {
            if (_changing)
            {
                return null;
            }

            Request? before = null;
            for (var request = _first; request is not null; before = request, request = request.Next)
            {
                // While requests of an ending activation still run, its timers go on; calls wait for the next activation.
                if (_state != State.Valid && !(request is GrainTimer && _state == State.Deactivating && _running > 0))
                {
                    return null;
                }

                if (MayStart(request))
                {
                    Unlink(request, before);
                    _running++;
                    if (!request.Interleaves)
                    {
                        _blocking ??= request;
                    }

                    return request;
                }

                if (_waitingInterleaving == 0)
                {
                    return null;
                }
            }

            return null;
        }
    }

    private bool MayStart(Request request) =>
        _running == 0 || request.Interleaves || _blocking is null || _class.IsReentrant;

    private void Append(Request request)
    {
        request.Next = null;
        if (_last is null)
        {
            _first = request;
        }
        else
        {
            _last.Next = request;
        }

        _last = request;
        _waitingInterleaving += request.Interleaves ? 1 : 0;
    }

    private void Unlink(Request request, Request? before)
    {
        if (before is null)
        {
            _first = request.Next;
        }
        else
        {
            before.Next = request.Next;
        }

        if (_last == request)
        {
            _last = before;
        }

        request.Next = null;
        _waitingInterleaving -= request.Interleaves ? 1 : 0;
    }
}
