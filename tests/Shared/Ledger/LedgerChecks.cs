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

    /// <summary>Whether PostgreSQL can be sent it at all.</summary>
    public static void Sendable(params ReadOnlySpan<string> texts)
    {
        foreach (var text in texts)
        {
            Require(!text.Contains('\0', StringComparison.Ordinal), "text");
            Unicode(text);
        }
    }

    /// <param name="text">A column's.</param>
    /// <param name="lengthMax">In characters, not in UTF-16 units; at least one is asked for.</param>
    public static void Length(string text, int lengthMax) =>
        Require(text.Length > 0 && text.EnumerateRunes().Count() <= lengthMax, "length");

    public static void Limits(RateLimits limits) => Require(
        limits is { RequestsPerMinute: null or >= 1, TokensPerMinute: null or >= 1, Concurrency: null or >= 1 }, "limits");

    /// <summary>What is refused whatever row the batch meets: it cannot be sent, or does not add up.</summary>
    public static void Sent(AccountBatch batch)
    {
        Require(!batch.IsReadOnly || IsEmpty(batch), "a read-only batch changes something");
        AddsUp(batch);
        Require(batch.KeySpends.DistinctBy(static w => w.KeyId).Count() == batch.KeySpends.Length, "a key's spend twice");
        Require(batch.IdempotencyStarts.DistinctBy(static s => s.Key).Count() == batch.IdempotencyStarts.Length, "a start twice");
        Require(batch.IdempotencyEnds.DistinctBy(static e => e.HoldId).Count() == batch.IdempotencyEnds.Length, "an end twice");
        Sendable(batch.AccountId);
        foreach (var entry in batch.Entries)
        {
            Sendable(entry.Ref);
        }

        foreach (var u in batch.Usage)
        {
            Sendable(u.KeyId, u.RequestId, u.Model, u.Channel, u.Endpoint, u.PriceId, u.ClientAddress);
        }

        foreach (var write in batch.KeySpends)
        {
            Sendable(write.KeyId, write.UsedFrom);
        }

        foreach (var start in batch.IdempotencyStarts)
        {
            Sendable(start.Key, start.HoldId);
        }

        foreach (var end in batch.IdempotencyEnds)
        {
            Sendable(end.HoldId);
        }

        foreach (var key in batch.Keys)
        {
            Sendable(key.KeyId, key.Name);
            foreach (var text in key.Models.Concat(key.Addresses))
            {
                Unicode(text);
            }
        }
    }

    /// <summary>What the constraints refuse of the rows that a batch writes.</summary>
    public static void Written(AccountBatch batch)
    {
        Require(
            batch is { BalanceAfter: >= 0, ReservedAfter: >= 0, QuarantinedAfter: >= 0, BonusAfter: >= 0 }
            && batch.ReservedAfter <= batch.BalanceAfter - batch.QuarantinedAfter,
            "account_money");
        foreach (var entry in batch.Entries)
        {
            Entry(entry);
        }

        foreach (var usage in batch.Usage)
        {
            Require(usage is { Charge: >= 0, FirstByteMs: >= -1, DurationMs: >= 0 } && usage.Usage.IsValid, "usage");
        }

        foreach (var key in batch.Keys)
        {
            Key(key);
        }

        if (batch.Limits is { } limits)
        {
            Limits(limits);
        }
    }

    public static void Spend(KeySpend spend) => Require(
        spend is { TotalNanos: >= 0, DayNanos: >= 0, WeekNanos: >= 0, MonthNanos: >= 0 }, "api_key_spend");

    public static void Idempotency(IdempotencyState state, long charge) =>
        Require(charge >= 0 && (state != IdempotencyState.Running || charge == 0), "idempotency_charge");

    private static bool IsEmpty(AccountBatch batch) =>
        batch is { BalanceDelta: 0, ReservedDelta: 0, QuarantinedDelta: 0, BonusDelta: 0, Status: null, Limits: null }
        && batch.Entries.IsEmpty && batch.Usage.IsEmpty && batch.Keys.IsEmpty && batch.KeySpends.IsEmpty
        && batch.IdempotencyStarts.IsEmpty && batch.IdempotencyEnds.IsEmpty;

    private static void AddsUp(AccountBatch batch)
    {
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
        Length(entry.Ref, 128);
        Require(entry.Seq >= 1 && entry.BalanceAfter >= 0, "ledger");
        var isSignRight = entry.Kind switch
        {
            EntryKind.Charge => entry.Amount <= 0,
            EntryKind.Topup or EntryKind.Bonus or EntryKind.Compensation => entry.Amount > 0,
            EntryKind.Refund => entry.Amount < 0,
            EntryKind.Chargeback => entry.Amount <= 0 && entry.Amount < entry.Shortfall,
            EntryKind.Adjustment => entry.Amount != 0,
            _ => false,
        };
        Require(isSignRight, "ledger_amount");
        Require(
            entry.Kind == EntryKind.Charge ? entry.ClosedBy is not null && entry.Shortfall >= 0
            : entry.ClosedBy is null && (entry.Kind == EntryKind.Chargeback ? entry.Shortfall >= 0 : entry.Shortfall == 0),
            "ledger_closed_by");
    }

    private static void Key(KeySettings key)
    {
        Length(key.KeyId, 128);
        Sendable([.. key.Models, .. key.Addresses]);
        var caps = key.Caps;
        Require(
            caps is { TotalNanos: null or >= 0, DayNanos: null or >= 0, WeekNanos: null or >= 0, MonthNanos: null or >= 0 }, "caps");
        Limits(key.Limits);
    }

    private static void Unicode(string text)
    {
        try
        {
            StrictUtf8.GetByteCount(text);
        }
        catch (EncoderFallbackException)
        {
            throw new LedgerDataException("text");
        }
    }
}
