namespace OrleansGateway.Grains.Accounts;

/// <summary>A message that looks again after each batch that was sent after it had come.</summary>
internal abstract class Waiter
{
    /// <summary>Nanos of reserve that it needs; 0 if it only needs the epoch confirmed.</summary>
    public required long Amount { get; init; }

    /// <summary>The first batch after which it may look.</summary>
    public required long BatchNumber { get; init; }

    public required TimeSpan Since { get; init; }

    /// <summary>Looks again. True if that decided it.</summary>
    public abstract bool TryDecide();

    public abstract void GiveUp(bool isOver);
}

/// <param name="decide">The answer, or null to wait for another batch.</param>
/// <param name="giveUp">The answer when the activation is over (true) or patience is (false).</param>
internal sealed class Waiter<T>(Func<T?> decide, Func<bool, T> giveUp) : Waiter
    where T : class
{
    private readonly TaskCompletionSource<T> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Answer => _answer.Task;

    public override bool TryDecide()
    {
        if (decide() is not { } answer)
        {
            return false;
        }

        _answer.TrySetResult(answer);
        return true;
    }

    public override void GiveUp(bool isOver) => _answer.TrySetResult(giveUp(isOver));
}

/// <summary>The messages that wait for batches, in the order of their arrival.</summary>
internal sealed class Waiters
{
    private readonly List<Waiter> _waiters = [];

    public int Count => _waiters.Count;

    public void Add(Waiter waiter) => _waiters.Add(waiter);

    /// <summary>What they need of the reserve, in all and at most one of them, nanos.</summary>
    public (Int128 All, long Largest) Wanted()
    {
        Int128 all = 0;
        var largest = 0L;
        foreach (var waiter in _waiters)
        {
            all += waiter.Amount;
            largest = Math.Max(largest, waiter.Amount);
        }

        return (all, largest);
    }

    /// <summary>A batch was answered: those that came before it was sent look again.</summary>
    public void LookAgain(long batchNumber) =>
        RemoveWhere(waiter => waiter.BatchNumber <= batchNumber && waiter.TryDecide());

    public void EndPatience(TimeSpan now, TimeSpan patience) => RemoveWhere(waiter =>
    {
        var isOver = now - waiter.Since > patience;
        if (isOver)
        {
            waiter.GiveUp(isOver: false);
        }

        return isOver;
    });

    /// <summary>The activation is over.</summary>
    public void GiveUp()
    {
        foreach (var waiter in _waiters)
        {
            waiter.GiveUp(isOver: true);
        }

        _waiters.Clear();
    }

    /// <summary>Keeps the order, and those that come meanwhile.</summary>
    private void RemoveWhere(Func<Waiter, bool> isDone)
    {
        var kept = 0;
        for (var i = 0; i < _waiters.Count; i++)
        {
            var waiter = _waiters[i];
            if (!isDone(waiter))
            {
                _waiters[kept++] = waiter;
            }
        }

        _waiters.RemoveRange(kept, _waiters.Count - kept);
    }
}
