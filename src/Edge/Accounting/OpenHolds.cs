namespace OrleansGateway.Edge.Accounting;

/// <summary>The holds that this edge has to see through, from admission to their settlement's answer. Bounded.</summary>
internal sealed class OpenHolds(int holdsMax)
{
    private readonly Lock _lock = new();

    // Those whose settlement is on its way, with its cost: what a stop may have to leave behind.
    private readonly Dictionary<HoldSession, long> _settling = [];
    private int _count;
    private volatile bool _isStopping;
    private volatile TaskCompletionSource? _empty;

    public bool IsStopping => _isStopping;

    public int Count => Volatile.Read(ref _count);

    /// <summary>Takes a place for a request, if there is one and the edge is not stopping.</summary>
    public bool TryEnter()
    {
        lock (_lock)
        {
            if (_isStopping || _count >= holdsMax)
            {
                return false;
            }

            _count++;
            return true;
        }
    }

    /// <summary>Gives back a place that was taken for a request that was not admitted.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            _count--;
            if (_count > 0)
            {
                return;
            }
        }

        _empty?.TrySetResult();
    }

    public void Settling(HoldSession hold, long costNanos)
    {
        lock (_lock)
        {
            _settling[hold] = costNanos;
        }
    }

    public void Close(HoldSession hold)
    {
        lock (_lock)
        {
            _settling.Remove(hold);
        }

        Leave();
    }

    /// <summary>Admits nothing from now on; ends when no hold is open.</summary>
    public Task StopAsync()
    {
        lock (_lock)
        {
            _isStopping = true;

            // Not RunContinuationsAsynchronously: that would leave the scheduler for the thread pool.
            _empty ??= new TaskCompletionSource();
            return _count == 0 ? Task.CompletedTask : _empty.Task;
        }
    }

    /// <summary>The holds whose settlement is not answered, with what they cost in nanos.</summary>
    public (string HoldId, long CostNanos)[] Unsettled()
    {
        lock (_lock)
        {
            return [.. _settling.Select(settling => (settling.Key.HoldId, settling.Value))];
        }
    }
}
