using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

/// <summary>How a hold ended that has its row. Money in nanos.</summary>
internal readonly record struct ClosedHold(ClosedBy By, long Charge, long Shortfall)
{
    /// <summary>As its row says.</summary>
    public static ClosedHold Of(LedgerEntry charge) => new(charge.ClosedBy ?? ClosedBy.Settlement, -charge.Amount, charge.Shortfall);
}

/// <summary>The holds that got their rows of late, so that a late message does not revive one.</summary>
internal sealed class ClosedHolds(TimeSpan memory)
{
    private readonly Dictionary<string, ClosedHold> _byId = new(StringComparer.Ordinal);
    private readonly Queue<(TimeSpan At, string Id)> _oldestFirst = new();

    public bool TryGet(string holdId, out ClosedHold closed) => _byId.TryGetValue(holdId, out closed);

    public bool IsEmpty => _byId.Count == 0;

    public void Remember(string holdId, ClosedHold closed, TimeSpan now)
    {
        if (_byId.TryAdd(holdId, closed))
        {
            _oldestFirst.Enqueue((now, holdId));
        }

        Forget(now);
    }

    public void Forget(TimeSpan now)
    {
        while (_oldestFirst.TryPeek(out var oldest) && now - oldest.At > memory)
        {
            _byId.Remove(_oldestFirst.Dequeue().Id);
        }
    }
}
