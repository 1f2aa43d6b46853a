using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

/// <summary>
/// One account's books in memory: its row, its keys, and the holds that its money backs. Synchronous, and told the time:
/// what it knows of the ledger is what was committed.
/// </summary>
internal sealed class HoldBook(TimeSpan closedHoldMemory)
{
    private const int BlockRequests = 4;
    private const int BlockPartOfFree = 8;

    private readonly Dictionary<string, Key> _keys = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Hold> _holds = new(StringComparer.Ordinal);
    private readonly ClosedHolds _closed = new(closedHoldMemory);
    private Funds _funds;

    /// <summary>The batch in the making or on its way; null if there is none.</summary>
    private BatchBuilder? _batch;

    /// <summary>By how much the reserve was last extended, nanos: below half of it, it is extended again.</summary>
    private long _block;

    /// <summary>What the last request needed, nanos.</summary>
    private long _lastAmount;

    /// <summary>What is committed; null before the account was read, and where there is none.</summary>
    public AccountRow? Row { get; private set; }

    public long Epoch => Row?.Epoch ?? 0;

    /// <summary>Committed money, and what of it the open holds need.</summary>
    public ref readonly Funds Funds => ref _funds;

    /// <summary>The account's own rate and concurrency limits; each key has its own beside them.</summary>
    public RateLimiter Limits { get; } = new();

    public IReadOnlyDictionary<string, Key> Keys => _keys;

    public Dictionary<string, Hold>.ValueCollection Holds => _holds.Values;

    public bool HasClosedHolds => !_closed.IsEmpty;

    /// <summary>What no hold needs of the reserve; what a batch takes away counts as gone, what it brings does not count yet.</summary>
    public long SlackNow => Math.Max(0, _funds.Slack - (_batch?.Funds.ReservedGone ?? 0));

    public bool IsReserveLow => _funds.Free > 0 && SlackNow < _block / 2;

    /// <summary>Takes what an activation has read.</summary>
    public void Load(ActivatedAccount activated, TimeSpan now)
    {
        Row = activated.Account;
        _funds = new Funds { Balance = Row.Balance, Reserved = Row.Reserved, Quarantined = Row.Quarantined, Bonus = Row.Bonus };
        _funds.Check();
        AccountMetrics.Reserve.Add(_funds.Reserved);
        _block = Row.Reserved;
        Limits.Set(Row.Limits, now);
        foreach (var key in activated.Keys)
        {
            _keys.Add(key.Settings.KeyId, new Key(key, now));
        }
    }

    /// <summary>The activation ends: what it had is no longer counted.</summary>
    public void Retire()
    {
        AccountMetrics.Holds.Add(-_holds.Count);
        AccountMetrics.Reserve.Add(-_funds.Reserved);
    }

    public Key? FindKey(string keyId) => _keys.GetValueOrDefault(keyId);

    public void SetKey(KeySettings settings, TimeSpan now)
    {
        if (_keys.TryGetValue(settings.KeyId, out var key))
        {
            key.Set(settings, now);
        }
        else
        {
            _keys.Add(settings.KeyId, new Key(new KeyRow(settings, KeySpend.None), now));
        }
    }

    public Hold? Find(string holdId) => _holds.GetValueOrDefault(holdId);

    /// <summary>Whether a hold is neither closed, let go nor on its way into the ledger.</summary>
    public bool IsOpen(Hold hold) => hold.Closing is null && _holds.ContainsKey(hold.Id);

    public bool TryGetClosed(string holdId, out ClosedHold closed) => _closed.TryGet(holdId, out closed);

    public void RememberClosed(string holdId, ClosedHold closed, TimeSpan now) => _closed.Remember(holdId, closed, now);

    public void ForgetClosed(TimeSpan now) => _closed.Forget(now);

    /// <summary>Makes a hold of an amount that slack covers.</summary>
    public Hold Admit(AdmitRequest request, Key key, long amount, TimeSpan now)
    {
        var hold = new Hold(request.HoldId, key)
        {
            PriceId = request.PriceId,
            Model = request.Model,
            Endpoint = request.Endpoint,
            ClientAddress = request.ClientAddress,
            EstimatedTokens = request.EstimatedTokens,
            MayBeIdempotent = request.IdempotencyKey is not null,
        };
        key.Limits.Take(request.EstimatedTokens, now);
        Limits.Take(request.EstimatedTokens, now);
        Open(hold);
        GrowOwn(hold, amount);
        return hold;
    }

    /// <summary>Makes a presented hold, with nothing to back it yet.</summary>
    public Hold Adopt(Ticket ticket)
    {
        var hold = new Hold(ticket.HoldId, FindKey(ticket.KeyId))
        {
            PriceId = ticket.PriceId,
            Model = ticket.Model,
            Endpoint = ticket.Endpoint,
            ClientAddress = ticket.ClientAddress,
            MayBeIdempotent = true,
        };
        hold.ServedAs(ticket);
        Open(hold);
        return hold;
    }

    /// <summary>Backs what is missing of a presented total out of quarantine, while that lasts.</summary>
    public void Inherit(Hold hold, long total)
    {
        var inheritable = _batch is { EndsQuarantine: true } ? 0 : _funds.Quarantined - _funds.Inherited;
        var part = Math.Min(Math.Max(0, total - hold.Total), inheritable);
        hold.Inherited += part;
        _funds.Inherited += part;
        if (hold.Key is not null)
        {
            hold.Key.Held += part;
        }
    }

    /// <summary>Backs a hold with so much more of the reserve.</summary>
    public void GrowOwn(Hold hold, long amount)
    {
        Invariant.Holds(amount >= 0 && amount <= SlackNow);
        hold.Own += amount;
        _funds.Own += amount;
        if (amount > 0)
        {
            _lastAmount = amount;
        }

        if (hold.Key is not null)
        {
            hold.Key.Held += amount;
        }
    }

    /// <summary>Closes a hold that has its row now.</summary>
    /// <param name="usedTokens">What the limits count in the place of the estimate.</param>
    public void Close(Hold hold, ClosedHold outcome, Int128 usedTokens, TimeSpan now)
    {
        Drop(hold);
        _closed.Remember(hold.Id, outcome, now);
        hold.Key?.Limits.Correct(hold.EstimatedTokens, usedTokens, now);
        Limits.Correct(hold.EstimatedTokens, usedTokens, now);
    }

    /// <summary>Lets a hold go; what backed it serves others.</summary>
    public void Drop(Hold hold)
    {
        _holds.Remove(hold.Id);
        _funds.Own -= hold.Own;
        _funds.Inherited -= hold.Inherited;
        Limits.Running--;
        if (hold.Key is not null)
        {
            hold.Key.Held -= hold.Total;
            hold.Key.Limits.Running--;
        }

        AccountMetrics.Holds.Add(-1);
    }

    /// <summary>Begins the next batch with what is committed; it counts from now on.</summary>
    public BatchBuilder StartBatch(DateTimeOffset utcNow, bool endsQuarantine)
    {
        Invariant.Holds(_batch is null);
        _batch = new BatchBuilder(Row!, _funds, utcNow) { EndsQuarantine = endsQuarantine };
        return _batch;
    }

    /// <summary>The batch was answered, or never will be.</summary>
    public void EndBatch() => _batch = null;

    /// <summary>Has a batch extend the reserve by a block where that is low, or less than is wanted.</summary>
    /// <param name="wanted">What waits for it, nanos.</param>
    /// <param name="largest">The largest part of that, nanos.</param>
    public void ExtendReserve(BatchBuilder batch, Int128 wanted, long largest)
    {
        ref var funds = ref batch.Funds;
        if (funds.Free == 0 || (wanted <= funds.Slack && funds.Slack >= _block / 2))
        {
            return;
        }

        // Rounded up: what is free is never too little for a block.
        var partOfFree = (funds.Free - 1) / BlockPartOfFree + 1;
        var block = Int128.Max((Int128)Math.Max(largest, _lastAmount) * BlockRequests, partOfFree);
        batch.Block = (long)Int128.Min(funds.Free, Int128.Max(block, wanted - funds.Slack));
        funds.ExtendReserve(batch.Block);
    }

    /// <summary>A batch is in the ledger: puts what it changed into memory and answers its operations.</summary>
    public void Commit(BatchBuilder batch)
    {
        Take(batch, batch.Batch!);
        if (batch.Block > 0)
        {
            _block = batch.Block;
        }

        if (batch.EndsQuarantine)
        {
            OwnInherited();
        }

        foreach (var (key, spend) in batch.Spends)
        {
            key.Spend = spend;
        }

        foreach (var operation in batch.Operations)
        {
            operation.Committed();
        }

        _funds.Check();
    }

    private void Take(BatchBuilder batch, AccountBatch sent)
    {
        AccountMetrics.Reserve.Add(sent.ReservedDelta);
        Row = Row! with
        {
            Version = sent.IsReadOnly ? Row.Version : Row.Version + 1,
            Seq = Row.Seq + sent.Entries.Length,
            Balance = sent.BalanceAfter,
            Reserved = sent.ReservedAfter,
            Quarantined = sent.QuarantinedAfter,
            Bonus = sent.BonusAfter,
            Status = batch.Status ?? Row.Status,
            Limits = batch.Limits ?? Row.Limits,
        };
        _funds.Balance = Row.Balance;
        _funds.Reserved = Row.Reserved;
        _funds.Quarantined = Row.Quarantined;
        _funds.Bonus = Row.Bonus;
    }

    private void OwnInherited()
    {
        _funds.Own += _funds.Inherited;
        _funds.Inherited = 0;
        foreach (var hold in _holds.Values)
        {
            hold.Own += hold.Inherited;
            hold.Inherited = 0;
        }
    }

    private void Open(Hold hold)
    {
        _holds.Add(hold.Id, hold);
        Limits.Running++;
        if (hold.Key is not null)
        {
            hold.Key.Limits.Running++;
        }

        AccountMetrics.Holds.Add(1);
    }
}
