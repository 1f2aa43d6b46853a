namespace OrleansGateway.Tests.Simulation.Machine;

/// <summary>The one thread that all simulated processes share, and their clock. A seed chooses which ready task of which process runs next.</summary>
/// <param name="slowSteps">One in so many steps the clock goes on although tasks are ready: a slow machine.</param>
internal sealed class SimulatedMachine(int seed, SimulatedClock clock, Trace trace, int slowSteps = 64)
{
    private readonly Random _random = new(seed);
    private readonly PriorityQueue<Action, long> _later = new();
    private readonly List<(SimulatedProcess Process, Task Task)> _ready = [];
    private readonly int _thread = Environment.CurrentManagedThreadId;

    public SimulatedClock Clock => clock;

    /// <summary>How many tasks ran.</summary>
    public long Steps { get; private set; }

    /// <summary>Set when anything was queued from another thread: a continuation had escaped.</summary>
    public bool HasEscaped { get; private set; }

    public void Queue(SimulatedProcess process, Task task)
    {
        if (Environment.CurrentManagedThreadId != _thread)
        {
            HasEscaped = true;
            return;
        }

        _ready.Add((process, task));
    }

    /// <summary>Does something between two steps to come, wherever these are in what they do.</summary>
    public void In(int steps, Action what) => _later.Enqueue(what, Steps + steps);

    /// <summary>Runs one ready task; lets the clock go on to the next timer where there is none.</summary>
    public void Step()
    {
        while (_later.TryPeek(out var what, out var due) && due <= Steps)
        {
            _later.Dequeue();
            what();
        }

        if (_ready.Count == 0 || _random.Next(slowSteps) == 0)
        {
            clock.Advance(clock.NextDue ?? throw new InvalidOperationException("Nothing will ever happen again."));
            return;
        }

        var chosen = _random.Next(_ready.Count);
        var (process, task) = _ready[chosen];
        trace.Chose(chosen, _ready.Count);
        _ready[chosen] = _ready[^1];
        _ready.RemoveAt(_ready.Count - 1);
        Steps++;
        process.Run(task);
    }

    /// <summary>Takes what a process that has died would still have run.</summary>
    public void Forget(SimulatedProcess process) => _ready.RemoveAll(ready => ready.Process == process);
}
