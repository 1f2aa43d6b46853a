using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

/// <summary>
/// One batch of this account in the making: operations change a copy of its money one after another, and what they write
/// is gathered. No other batch of the account is out, so the copy starts from what is committed.
/// </summary>
internal sealed class BatchBuilder(AccountRow row, Funds funds, DateTimeOffset utcNow)
{
    private readonly List<(Key Key, KeySpend Spend, string From)> _spends = [];
    private readonly ImmutableArray<LedgerEntry>.Builder _entries = ImmutableArray.CreateBuilder<LedgerEntry>();
    private readonly ImmutableArray<UsageRow>.Builder _usage = ImmutableArray.CreateBuilder<UsageRow>();
    private readonly ImmutableArray<KeySettings>.Builder _keys = ImmutableArray.CreateBuilder<KeySettings>();
    private readonly ImmutableArray<IdempotencyRow>.Builder _starts = ImmutableArray.CreateBuilder<IdempotencyRow>();
    private readonly ImmutableArray<IdempotencyEnd>.Builder _ends = ImmutableArray.CreateBuilder<IdempotencyEnd>();

    /// <summary>The money as this batch leaves it, if nothing else happens.</summary>
    public Funds Funds = funds;

    public DateTimeOffset UtcNow => utcNow;

    /// <summary>By how much it extends the reserve, nanos.</summary>
    public long Block { get; set; }

    public required bool EndsQuarantine { get; init; }

    public AccountStatus? Status { get; set; }

    public RateLimits? Limits { get; set; }

    /// <summary>Operations that are in it, to be answered once it is committed.</summary>
    public List<Operation> Operations { get; } = [];

    /// <summary>What was sent; set once it is closed.</summary>
    public AccountBatch? Batch { get; private set; }

    /// <summary>What keys will have spent, each key once.</summary>
    public IEnumerable<(Key Key, KeySpend Spend)> Spends => _spends.Select(static s => (s.Key, s.Spend));

    public void Write(EntryKind kind, string reference, long amount, long shortfall = 0, ClosedBy? closedBy = null) =>
        _entries.Add(new LedgerEntry(row.Seq + _entries.Count + 1, kind, amount, shortfall, Funds.Balance, reference, closedBy, utcNow));

    public void Write(UsageRow usage) => _usage.Add(usage);

    public void Write(KeySettings settings) => _keys.Add(settings);

    public void Write(IdempotencyRow start) => _starts.Add(start);

    public void Write(IdempotencyEnd end) => _ends.Add(end);

    public void Spend(Key key, long charge, string from)
    {
        var index = _spends.FindIndex(s => ReferenceEquals(s.Key, key));
        if (index < 0)
        {
            _spends.Add((key, SpendWindows.Add(key.Spend, charge, utcNow), from));
        }
        else
        {
            _spends[index] = (key, SpendWindows.Add(_spends[index].Spend, charge, utcNow), from);
        }
    }

    /// <summary>All of it, for the journal. Nothing is written to it after this.</summary>
    public AccountBatch Close()
    {
        var batch = new AccountBatch
        {
            AccountId = row.AccountId,
            Epoch = row.Epoch,
            Version = row.Version,
            BalanceAfter = Funds.Balance,
            ReservedAfter = Funds.Reserved,
            QuarantinedAfter = Funds.Quarantined,
            BonusAfter = Funds.Bonus,
            BalanceDelta = Funds.Balance - row.Balance,
            ReservedDelta = Funds.Reserved - row.Reserved,
            QuarantinedDelta = Funds.Quarantined - row.Quarantined,
            BonusDelta = Funds.Bonus - row.Bonus,
            Entries = _entries.DrainToImmutable(),
            Usage = _usage.DrainToImmutable(),
            Keys = _keys.DrainToImmutable(),
            KeySpends = [.. _spends.Select(s => new KeySpendWrite(s.Key.Settings.KeyId, s.Spend, utcNow, s.From))],
            IdempotencyStarts = _starts.DrainToImmutable(),
            IdempotencyEnds = _ends.DrainToImmutable(),
            Status = Status,
            Limits = Limits,
        };
        Invariant.Holds(batch.BalanceDelta == batch.Entries.Sum(static e => e.Amount));
        Batch = IsEmpty(batch) ? batch with { IsReadOnly = true } : batch;
        return Batch;
    }

    private static bool IsEmpty(AccountBatch batch) =>
        batch.Entries.IsEmpty && batch.Keys.IsEmpty && batch.IdempotencyStarts.IsEmpty
        && batch.ReservedDelta == 0 && batch.QuarantinedDelta == 0
        && batch.Status is null && batch.Limits is null;
}
