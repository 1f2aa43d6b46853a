using System.Text;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Tests.Shared.Ledger;

/// <summary>What PostgreSQL's adapter and schema refuse by looking at a batch alone.</summary>
internal static class LedgerChecks
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    public static void Require(bool condition, string rule)
    {
        if (!condition)
        {
            throw new LedgerDataException(rule);
        }
    }

    public static void Text(string text, int lengthMin, int lengthMax)
    {
        Require(text.Length >= lengthMin && text.Length <= lengthMax && !text.Contains('\0', StringComparison.Ordinal), "text");
        try
        {
            StrictUtf8.GetByteCount(text);
        }
        catch (EncoderFallbackException)
        {
            throw new LedgerDataException("text");
        }
    }

    public static void Limits(RateLimits limits) => Require(
        limits is { RequestsPerMinute: null or >= 1, TokensPerMinute: null or >= 1, Concurrency: null or >= 1 }, "limits");

    public static void Batch(AccountBatch batch)
    {
        Require(!batch.IsReadOnly || IsEmpty(batch), "a read-only batch changes something");
        Money(batch);
        foreach (var entry in batch.Entries)
        {
            Entry(entry);
        }

        foreach (var usage in batch.Usage)
        {
            Usage(usage);
        }

        foreach (var key in batch.Keys)
        {
            Key(key);
        }

        foreach (var write in batch.KeySpends)
        {
            Require(write.Spend is { TotalNanos: >= 0, DayNanos: >= 0, WeekNanos: >= 0, MonthNanos: >= 0 }, "api_key_spend");
            Text(write.UsedFrom, 0, int.MaxValue);
        }

        Require(batch.KeySpends.DistinctBy(static w => w.KeyId).Count() == batch.KeySpends.Length, "two spends of a key");
        foreach (var start in batch.IdempotencyStarts)
        {
            Text(start.Key, 1, 256);
            Text(start.HoldId, 1, 128);
            Require(start.Charge >= 0 && (start.State != IdempotencyState.Running || start.Charge == 0), "idempotency_charge");
        }

        Require(batch.IdempotencyStarts.DistinctBy(static s => s.Key).Count() == batch.IdempotencyStarts.Length, "two starts of a key");
        Require(batch.IdempotencyEnds.All(static e => e.Charge >= 0 && e.State != IdempotencyState.Running), "idempotency_charge");
        if (batch.Limits is { } limits)
        {
            Limits(limits);
        }
    }

    private static bool IsEmpty(AccountBatch batch) =>
        batch is { BalanceDelta: 0, ReservedDelta: 0, QuarantinedDelta: 0, Status: null, Limits: null }
        && batch.Entries.IsEmpty && batch.Usage.IsEmpty && batch.Keys.IsEmpty && batch.KeySpends.IsEmpty
        && batch.IdempotencyStarts.IsEmpty && batch.IdempotencyEnds.IsEmpty;

    private static void Money(AccountBatch batch)
    {
        Require(batch is { BalanceAfter: >= 0, ReservedAfter: >= 0, QuarantinedAfter: >= 0 }, "account_money");
        Require(batch.ReservedAfter <= batch.BalanceAfter - batch.QuarantinedAfter, "account_money");
        Int128 balance = (Int128)batch.BalanceAfter - batch.BalanceDelta;
        for (var i = 0; i < batch.Entries.Length; i++)
        {
            balance += batch.Entries[i].Amount;
            Require(batch.Entries[i].BalanceAfter == balance && batch.Entries[i].Seq == batch.Entries[0].Seq + i, "rows follow each other");
        }

        Require(balance == batch.BalanceAfter, "the rows add up to the change of balance");
    }

    private static void Entry(LedgerEntry entry)
    {
        Text(entry.Ref, 1, 128);
        Require(entry.Seq >= 1 && entry.BalanceAfter >= 0, "ledger");
        var isSignRight = entry.Kind switch
        {
            EntryKind.Charge => entry.Amount <= 0,
            EntryKind.Topup or EntryKind.Bonus or EntryKind.Compensation => entry.Amount > 0,
            EntryKind.Refund => entry.Amount < 0,
            EntryKind.Adjustment => entry.Amount != 0,
            _ => false,
        };
        Require(isSignRight, "ledger_amount");
        Require(
            entry.Kind == EntryKind.Charge ? entry.ClosedBy is not null && entry.Shortfall >= 0 : entry is { ClosedBy: null, Shortfall: 0 },
            "ledger_closed_by");
    }

    private static void Usage(UsageRow row)
    {
        Require(row is { Charge: >= 0, FirstByteMs: >= -1, DurationMs: >= 0 } && row.Usage.IsValid, "usage");
        foreach (var text in (string[])[row.KeyId, row.RequestId, row.Model, row.Channel, row.Endpoint, row.PriceId, row.ClientAddress])
        {
            Text(text, 0, int.MaxValue);
        }
    }

    private static void Key(KeySettings key)
    {
        Text(key.KeyId, 1, 128);
        Text(key.Name, 0, int.MaxValue);
        foreach (var text in key.Models.Concat(key.Addresses))
        {
            Text(text, 0, int.MaxValue);
        }

        var caps = key.Caps;
        Require(
            caps is { TotalNanos: null or >= 0, DayNanos: null or >= 0, WeekNanos: null or >= 0, MonthNanos: null or >= 0 }, "caps");
        Limits(key.Limits);
    }
}
