namespace OrleansGateway.Grains.Accounts;

/// <summary>Messages about one hold (key, movement) are handled one at a time, in the order of their arrival; others interleave.</summary>
internal sealed class Turns
{
    private readonly Dictionary<string, Queue<TaskCompletionSource>?> _busy = new(StringComparer.Ordinal);

    /// <summary>Whether a message about it is being handled or waits to be.</summary>
    public bool IsBusy(string subject) => _busy.ContainsKey(subject);

    /// <summary>Completes when every earlier message about it is answered.</summary>
    public Task EnterAsync(string subject)
    {
        if (_busy.TryAdd(subject, null))
        {
            return Task.CompletedTask;
        }

        var queue = _busy[subject] ??= new Queue<TaskCompletionSource>();
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        queue.Enqueue(turn);
        return turn.Task;
    }

    public void Leave(string subject)
    {
        if (_busy[subject] is { Count: > 0 } queue)
        {
            queue.Dequeue().SetResult();
        }
        else
        {
            _busy.Remove(subject);
        }
    }
}
