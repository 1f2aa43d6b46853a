namespace Orleans.Embedded;

/// <summary>Runs the turns of one activation, one after the other, as work items of the engine's scheduler.</summary>
internal sealed class ActivationScheduler(Activation activation, TaskScheduler target, int turnsPerWorkItem) : TaskScheduler
{
    private static readonly Action<object?> DrainAction = static self => ((ActivationScheduler)self!).Drain();

    private readonly Lock _lock = new();
    private readonly Queue<Task> _turns = new();
    private bool _draining;

    public override int MaximumConcurrencyLevel => 1;

    public void StartTurn(Action<object?> action, object state) => NewTask(action, state).Start(this);

    protected override void QueueTask(Task task)
    {
        lock (_lock)
        {
            _turns.Enqueue(task);
            if (_draining)
            {
                return;
            }

            _draining = true;
        }

        StartDrain();
    }

    /// <summary>Only inside a turn of this very activation, as on Orleans: what completes a task there continues who awaits it there.</summary>
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) =>
        !taskWasPreviouslyQueued && Activation.Current == activation && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (_lock)
        {
            return _turns.ToArray();
        }
    }

    /// <summary>Makes a task that, like a message, carries nothing of its maker's execution context.</summary>
    private static Task NewTask(Action<object?> action, object state)
    {
        if (ExecutionContext.IsFlowSuppressed())
        {
            return new(action, state, CancellationToken.None, TaskCreationOptions.DenyChildAttach);
        }

        using (ExecutionContext.SuppressFlow())
        {
            return new(action, state, CancellationToken.None, TaskCreationOptions.DenyChildAttach);
        }
    }

    private void StartDrain() => NewTask(DrainAction, this).Start(target);

    private void Drain()
    {
        // An await prefers a synchronization context to the scheduler; a thread that has one must not pass it on to grains.
        var context = SynchronizationContext.Current;
        if (context is not null)
        {
            SynchronizationContext.SetSynchronizationContext(null);
        }

        var outer = Activation.Current;
        Activation.Current = activation;
        var finished = false;
        try
        {
            finished = RunTurns();
        }
        finally
        {
            Activation.Current = outer;
            if (context is not null)
            {
                SynchronizationContext.SetSynchronizationContext(context);
            }
        }

        if (!finished)
        {
            StartDrain();
        }
    }

    /// <summary>Runs turns until none is left (true) or the other activations should have theirs (false).</summary>
    private bool RunTurns()
    {
        for (var n = 0; n < turnsPerWorkItem; n++)
        {
            Task? turn;
            lock (_lock)
            {
                if (!_turns.TryDequeue(out turn))
                {
                    _draining = false;
                    return true;
                }
            }

            TryExecuteTask(turn);
        }

        return false;
    }
}
