namespace OrleansGateway.Grains.Accounts;

/// <summary>Messages about one hold are handled one at a time, in the order of their arrival; others interleave.</summary>
internal sealed class HoldTurns
{
    private readonly Dictionary<string, Queue<TaskCompletionSource>?> _busy = new(StringComparer.Ordinal);

    /// <summary>Completes when every earlier message about the hold is answered.</summary>
    public Task EnterAsync(string holdId)
    {
        if (_busy.TryAdd(holdId, null))
        {
            return Task.CompletedTask;
        }

        var queue = _busy[holdId] ??= new Queue<TaskCompletionSource>();
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        queue.Enqueue(turn);
        return turn.Task;
    }

    public void Leave(string holdId)
    {
        if (_busy[holdId] is { Count: > 0 } queue)
        {
            queue.Dequeue().SetResult();
        }
        else
        {
            _busy.Remove(holdId);
        }
    }
}
