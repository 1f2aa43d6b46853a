namespace OrleansGateway.Tests.Engine;

/// <summary>Runs the turns of one activation, one after the other, each as a task of the engine's scheduler.</summary>
internal sealed class ActivationScheduler(TaskScheduler target) : TaskScheduler
{
    private static readonly Action<object?> RunNextAction = static self => ((ActivationScheduler)self!).RunNext();

    private readonly Lock _lock = new();
    private readonly Queue<Task> _turns = new();
    private bool _isRunning;

    public override int MaximumConcurrencyLevel => 1;

    public void StartTurn(Action<object?> action, object state) =>
        new Task(action, state, CancellationToken.None, TaskCreationOptions.DenyChildAttach).Start(this);

    protected override void QueueTask(Task task)
    {
        lock (_lock)
        {
            _turns.Enqueue(task);
            if (_isRunning)
            {
                return;
            }

            _isRunning = true;
        }

        StartNext();
    }

    /// <summary>Only inside a turn of this very activation, as on Orleans: what completes a task there continues who awaits it there.</summary>
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) =>
        !taskWasPreviouslyQueued && Current == this && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks() => throw new NotSupportedException();

    private void StartNext() => new Task(RunNextAction, this, CancellationToken.None, TaskCreationOptions.DenyChildAttach).Start(target);

    private void RunNext()
    {
        Task turn;
        lock (_lock)
        {
            turn = _turns.Dequeue();
        }

        TryExecuteTask(turn);
        lock (_lock)
        {
            if (_turns.Count == 0)
            {
                _isRunning = false;
                return;
            }
        }

        StartNext();
    }
}
