namespace OrleansGateway.Tests.Shared;

/// <summary>Runs tasks on the thread that calls <see cref="RunUntilIdle"/>, in an order that the seed chooses.</summary>
internal sealed class SeededScheduler(int seed) : TaskScheduler
{
    private readonly Random _random = new(seed);
    private readonly List<Task> _ready = [];
    private readonly int _thread = Environment.CurrentManagedThreadId;

    /// <summary>How many tasks ran.</summary>
    public int Steps { get; private set; }

    /// <summary>Set when anything was queued from another thread: a continuation had escaped.</summary>
    public bool Escaped { get; private set; }

    public void RunUntilIdle()
    {
        while (_ready.Count > 0)
        {
            var next = _random.Next(_ready.Count);
            var task = _ready[next];
            _ready.RemoveAt(next);
            Steps++;
            TryExecuteTask(task);
        }
    }

    protected override void QueueTask(Task task)
    {
        if (Environment.CurrentManagedThreadId != _thread)
        {
            Escaped = true;
            return;
        }

        _ready.Add(task);
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks() => _ready;
}
