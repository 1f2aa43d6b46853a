namespace OrleansGateway.Tests.Simulation.Machine;

/// <summary>One process of the installation: what it runs, until it dies. While it is paused what becomes ready waits.</summary>
internal sealed class SimulatedProcess(SimulatedMachine machine, string name) : TaskScheduler
{
    private readonly Queue<Task> _paused = new();

    public string Name => name;

    public ProcessClock Clock { get; } = new(machine.Clock);

    public bool IsDead { get; private set; }

    public bool IsPaused { get; private set; }

    /// <summary>From now on nothing of it runs, whatever it awaited.</summary>
    public void Die()
    {
        IsDead = true;
        machine.Forget(this);
        _paused.Clear();
    }

    public void Pause() => IsPaused = true;

    /// <summary>Its machine is suspended: its clock stands, too.</summary>
    public void Suspend()
    {
        Pause();
        Clock.Stand();
    }

    public void Continue()
    {
        IsPaused = false;
        Clock.GoOn();
        while (_paused.TryDequeue(out var task))
        {
            QueueTask(task);
        }
    }

    /// <summary>Begins something in this process.</summary>
    public Task<T> Start<T>(Func<Task<T>> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.None, this).Unwrap();

    /// <inheritdoc cref="Start{T}"/>
    public Task Start(Func<Task> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.None, this).Unwrap();

    public void Run(Task task)
    {
        if (IsPaused)
        {
            _paused.Enqueue(task);
        }
        else
        {
            TryExecuteTask(task);
        }
    }

    protected override void QueueTask(Task task)
    {
        if (!IsDead)
        {
            machine.Queue(this, task);
        }
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks() => _paused;
}
