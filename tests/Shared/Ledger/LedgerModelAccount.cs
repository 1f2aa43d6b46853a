using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Tests.Shared.Ledger;

/// <summary>The rows of one account, with the constraints of PostgreSQL's schema.</summary>
internal sealed class LedgerModelAccount(string accountId, string name, RateLimits limits, DateTimeOffset createdAt)
{
    private readonly Dictionary<EntryRef, LedgerEntry> _byRef = [];

    public AccountRow Row { get; private set; } = new()
    {
        AccountId = accountId,
        Name = name,
        Status = AccountStatus.Active,
        Limits = limits,
        Epoch = 0,
        Version = 0,
        Seq = 0,
        Balance = 0,
        Reserved = 0,
        Quarantined = 0,
        Bonus = 0,
    };

    public DateTimeOffset CreatedAt { get; } = ToStored(createdAt);

    public DateTimeOffset? ActivatedAt { get; private set; }

    public string? Activation { get; private set; }

    public string? Process { get; private set; }

    public string? EarlierProcess { get; private set; }

    public List<LedgerEntry> Entries { get; } = [];

    public List<UsageRow> Usage { get; } = [];

    public SortedDictionary<string, KeyRow> Keys { get; } = new(StringComparer.Ordinal);

    /// <summary>When and from where each key was last used; by key id.</summary>
    public Dictionary<string, (DateTimeOffset At, string From)> KeyUses { get; } = new(StringComparer.Ordinal);

    /// <summary>By idempotency key.</summary>
    public SortedDictionary<string, IdempotencyRow> Idempotency { get; } = new(StringComparer.Ordinal);

    public LedgerEntry? Find(EntryRef entry) => _byRef.GetValueOrDefault(entry);

    public ActivatedAccount Activate(string activationId, string processId, DateTimeOffset at = default)
    {
        if (Activation != activationId)
        {
            EarlierProcess = Row.Quarantined == 0 ? Process
                : Row.Reserved == 0 || EarlierProcess == Process ? EarlierProcess
                : null;
            Row = Row with
            {
                Epoch = Row.Epoch + 1,
                Version = Row.Version + 1,
                Quarantined = Row.Quarantined + Row.Reserved,
                Reserved = Row.Free / 8,
                Bonus = Math.Min(Row.Bonus, Row.Balance),
            };
            Process = processId;
            Activation = activationId;
            ActivatedAt = ToStored(at);
        }

        return new ActivatedAccount(Row, [.. Keys.Values], EarlierProcess);
    }

    public bool Matches(AccountBatch batch) => Row.Epoch == batch.Epoch && Row.Version == batch.Version;

    /// <summary>What the database refuses, compared with the rows that are there.</summary>
    /// <exception cref="LedgerDataException">A constraint is broken, or the batch claims another row than this.</exception>
    public void Check(AccountBatch batch)
    {
        LedgerChecks.Require(
            Row.Balance + batch.BalanceDelta == batch.BalanceAfter
            && Row.Reserved + batch.ReservedDelta == batch.ReservedAfter
            && Row.Quarantined + batch.QuarantinedDelta == batch.QuarantinedAfter
            && Row.Bonus + batch.BonusDelta == batch.BonusAfter,
            "the row's money is not what the batch claims");
        LedgerChecks.Require(batch.Entries.IsEmpty || batch.Entries[0].Seq == Row.Seq + 1, "the row's seq is not what the batch claims");
        LedgerChecks.Written(batch);
        var refs = new HashSet<EntryRef>();
        foreach (var entry in batch.Entries)
        {
            var key = new EntryRef(entry.Kind, entry.Ref);
            LedgerChecks.Require(refs.Add(key) && !_byRef.ContainsKey(key), "ledger_ref");
        }

        foreach (var write in batch.KeySpends.Where(w => Keys.ContainsKey(w.KeyId) || batch.Keys.Any(k => k.KeyId == w.KeyId)))
        {
            LedgerChecks.Spend(write.Spend);
        }

        CheckIdempotency(batch);
    }

    /// <summary>Commits a batch that matches and was checked.</summary>
    public void Apply(AccountBatch batch)
    {
        if (batch.IsReadOnly)
        {
            return;
        }

        Row = Row with
        {
            Version = Row.Version + 1,
            Seq = Row.Seq + batch.Entries.Length,
            Balance = batch.BalanceAfter,
            Reserved = batch.ReservedAfter,
            Quarantined = batch.QuarantinedAfter,
            Bonus = batch.BonusAfter,
            Status = batch.Status ?? Row.Status,
            Limits = batch.Limits ?? Row.Limits,
        };
        foreach (var entry in batch.Entries)
        {
            var stored = entry with { At = ToStored(entry.At) };
            Entries.Add(stored);
            _byRef.Add(new EntryRef(entry.Kind, entry.Ref), stored);
        }

        Usage.AddRange(batch.Usage.Select(static u => u with { At = ToStored(u.At) }));
        foreach (var each in batch.Keys)
        {
            var settings = each with { ExpiresAt = each.ExpiresAt is { } expires ? ToStored(expires) : null };
            Keys[settings.KeyId] = Keys.TryGetValue(settings.KeyId, out var key)
                ? key with { Settings = settings with { Hash = key.Settings.Hash } }
                : new KeyRow(settings, KeySpend.None);
        }

        foreach (var write in batch.KeySpends)
        {
            if (Keys.TryGetValue(write.KeyId, out var key))
            {
                Keys[write.KeyId] = key with { Spend = write.Spend };
                KeyUses[write.KeyId] = (ToStored(write.UsedAt), write.UsedFrom);
            }
        }

        foreach (var start in batch.IdempotencyStarts)
        {
            Idempotency[start.Key] = start with { At = ToStored(start.At) };
        }

        foreach (var end in batch.IdempotencyEnds)
        {
            if (Idempotency.Values.FirstOrDefault(row => row.HoldId == end.HoldId) is { } row)
            {
                Idempotency[row.Key] = row with { State = end.State, Charge = end.Charge };
            }
        }
    }

    /// <summary>The rules that the rows alone can show.</summary>
    public void Verify()
    {
        LedgerChecks.Require(Row is { Balance: >= 0, Reserved: >= 0, Quarantined: >= 0, Free: >= 0 }, "account_money");
        LedgerChecks.Require(Row.Bonus >= 0 && Row.Bonus <= Row.Balance, "bonus");
        LedgerChecks.Require(Row.Seq == Entries.Count, "seq counts the ledger's rows");
        long balance = 0;
        for (var i = 0; i < Entries.Count; i++)
        {
            balance += Entries[i].Amount;
            LedgerChecks.Require(Entries[i].Seq == i + 1 && Entries[i].BalanceAfter == balance, "the ledger adds up");
        }

        LedgerChecks.Require(Row.Balance == balance, "the balance is the sum of the ledger");
        foreach (var (id, key) in Keys)
        {
            LedgerChecks.Require(key.Spend.TotalNanos == Usage.Where(u => u.KeyId == id).Sum(static u => u.Charge), "a key's spend");
        }
    }

    private void CheckIdempotency(AccountBatch batch)
    {
        if (batch.IdempotencyStarts.IsEmpty && batch.IdempotencyEnds.IsEmpty)
        {
            return;
        }

        var ends = batch.IdempotencyEnds.ToDictionary(static e => e.HoldId, StringComparer.Ordinal);
        var started = batch.IdempotencyStarts.Select(static s => s.Key).ToHashSet(StringComparer.Ordinal);
        var others = Idempotency.Values.Where(row => !started.Contains(row.Key)).ToList();
        var holds = others.Select(static row => row.HoldId).ToHashSet(StringComparer.Ordinal);
        foreach (var start in batch.IdempotencyStarts)
        {
            LedgerChecks.Length(start.Key, 256);
            LedgerChecks.Length(start.HoldId, 128);
            LedgerChecks.Require(holds.Add(start.HoldId), "idempotency_hold");
            var end = ends.GetValueOrDefault(start.HoldId);
            LedgerChecks.Idempotency(end?.State ?? start.State, end?.Charge ?? start.Charge);
        }

        foreach (var end in others.Select(row => ends.GetValueOrDefault(row.HoldId)).OfType<IdempotencyEnd>())
        {
            LedgerChecks.Idempotency(end.State, end.Charge);
        }
    }

    /// <summary>UTC's, in whole microseconds.</summary>
    private static DateTimeOffset ToStored(DateTimeOffset at) => at.ToUniversalTime().AddTicks(-(at.Ticks % TimeSpan.TicksPerMicrosecond));
}
