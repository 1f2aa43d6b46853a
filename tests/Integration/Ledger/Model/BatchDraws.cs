using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared.Ledger;

namespace OrleansGateway.Tests.Integration.Ledger.Model;

/// <summary>Draws batches that an activation could send, given what it believes the row to be.</summary>
internal sealed class BatchDraws(Random random)
{
    /// <summary>The earliest of all times.</summary>
    public static readonly DateTimeOffset Start = new(2026, 3, 14, 12, 0, 0, TimeSpan.Zero);
    private static readonly string[] KeyIds = ["k1", "k2", "k-ü"];

    private int _ids;

    public string NewId(string prefix) => $"{prefix}{++_ids}";

    public bool Chance(int percent) => random.Next(100) < percent;

    public T OneOf<T>(IReadOnlyList<T> items) => items[random.Next(items.Count)];

    /// <summary>Any time, not always in whole microseconds nor in UTC.</summary>
    public DateTimeOffset Time() =>
        Start.AddTicks(random.NextInt64(TimeSpan.FromDays(60).Ticks)).ToOffset(TimeSpan.FromHours(random.Next(-2, 3)));

    public RateLimits Limits() => new(Optional(1), Optional(1), Optional(1));

    public AccountBatch Batch(AccountRow row, LedgerModelAccount account)
    {
        var batch = row.Unchanged();
        if (Chance(8))
        {
            return batch with { IsReadOnly = true };
        }

        for (var n = random.Next(4); n > 0; n--)
        {
            batch = WithEntry(batch, row, account);
        }

        batch = WithReserve(batch);
        batch = batch.Give(-Part(batch.BonusAfter));
        if (Chance(25))
        {
            ImmutableArray<KeySettings> keys = [Key(OneOf(KeyIds))];
            batch = batch with { Keys = Chance(30) ? [.. keys, Key(OneOf(KeyIds))] : keys };
        }

        if (Chance(40))
        {
            batch = batch with { KeySpends = [.. KeyIds.Append("no-key").Where(_ => Chance(40)).Select(id => Spend(id))] };
        }

        batch = WithIdempotency(batch, account);
        return batch with
        {
            Status = Chance(8) ? OneOf(Enum.GetValues<AccountStatus>()) : null,
            Limits = Chance(8) ? Limits() : null,
        };
    }

    public KeySettings Key(string id) => new()
    {
        KeyId = id,
        Hash = Sha256Hash.Of(BitConverter.GetBytes(random.Next())),
        Name = OneOf(["plain", "with \"quotes\", \\ and\nlines", ""]),
        Status = OneOf(Enum.GetValues<KeyStatus>()),
        ExpiresAt = Chance(30) ? Time() : null,
        Models = Chance(50) ? [] : ["gpt-test", "{two}, \"quoted\"\n"],
        Addresses = Chance(70) ? [] : ["192.0.2.0/24", "2001:db8::/32"],
        Caps = new SpendCaps(Optional(0), Optional(0), Optional(0), Optional(0)),
        Limits = Limits(),
        ShowCost = Chance(50),
    };

    public KeySpendWrite Spend(string keyId)
    {
        var day = DateOnly.FromDateTime(Time().UtcDateTime);
        return new KeySpendWrite(
            keyId,
            new KeySpend(
                random.Next(1000), day, random.Next(1000), day.AddDays(-(((int)day.DayOfWeek + 6) % 7)), random.Next(1000),
                new DateOnly(day.Year, day.Month, 1), random.Next(1000)),
            Time(),
            OneOf(["192.0.2.7", "2001:db8::7", ""]));
    }

    public IdempotencyRow IdempotencyStart(string key, string hold)
    {
        var state = Chance(80) ? IdempotencyState.Running : OneOf(Enum.GetValues<IdempotencyState>());
        return new IdempotencyRow(
            key, Sha256Hash.Of(BitConverter.GetBytes(random.Next())), hold, state,
            state == IdempotencyState.Running ? 0 : random.Next(100), Time());
    }

    public IdempotencyEnd IdempotencyEnd(string hold) =>
        new(hold, Chance(70) ? IdempotencyState.Completed : IdempotencyState.Ended, random.Next(100));

    public UsageRow Usage(string requestId, long charge) => new()
    {
        At = Time(),
        KeyId = OneOf(KeyIds),
        RequestId = requestId,
        Model = "gpt-test",
        Channel = "main",
        Endpoint = "/v1/chat/completions",
        PriceId = "gpt-test@1",
        Usage = new Usage(_ => Math.Max(0, random.Next(-50, 99))) { IsEstimated = Chance(20) },
        Charge = charge,
        FirstByteMs = random.Next(-1, 99),
        DurationMs = random.Next(99),
        Status = OneOf(Enum.GetValues<RequestStatus>()),
        ClientAddress = "192.0.2.7",
        ExtraAttempts = Chance(20) ? random.Next(3) : 0,
    };

    private AccountBatch WithEntry(AccountBatch batch, AccountRow row, LedgerModelAccount account)
    {
        var kind = OneOf(Enum.GetValues<EntryKind>());
        switch (kind)
        {
            case EntryKind.Charge:
                return WithCharge(batch, row, account);
            case EntryKind.Refund or EntryKind.Adjustment when Chance(60):
                var free = batch.BalanceAfter - batch.ReservedAfter - batch.QuarantinedAfter;
                return free < 1 ? batch : batch.Enter(row, kind, -1 - Part(free - 1), NewId("order"), at: Time());
            case EntryKind.Refund:
                return batch;
            case EntryKind.Chargeback:
                var taken = Part(batch.BalanceAfter - batch.ReservedAfter - batch.QuarantinedAfter);
                return batch.Enter(row, kind, -taken, NewId("order"), taken == 0 ? random.Next(1, 50) : random.Next(50), at: Time());
            case EntryKind.Bonus:
                var bonus = random.Next(1, 1000);
                return batch.Enter(row, kind, bonus, NewId("order"), at: Time()).Give(bonus);
            case EntryKind.Compensation when account.Entries.Find(e => e.Kind == EntryKind.Charge) is { } charge
                && account.Find(new EntryRef(kind, charge.Ref)) is null && batch.Entries.All(e => e.Ref != charge.Ref):
                return batch.Enter(row, kind, random.Next(1, 100), charge.Ref, at: Time());
            default:
                return batch.Enter(row, kind, random.Next(1, 1000), NewId("order"), at: Time());
        }
    }

    /// <summary>A charge takes from what is free, reserved and quarantined, and may leave a shortfall.</summary>
    private AccountBatch WithCharge(AccountBatch batch, AccountRow row, LedgerModelAccount account)
    {
        var running = account.Idempotency.Values
            .Where(i => i.State == IdempotencyState.Running && batch.IdempotencyEnds.All(e => e.HoldId != i.HoldId))
            .Select(static i => i.HoldId)
            .Where(hold => account.Find(new EntryRef(EntryKind.Charge, hold)) is null)
            .ToList();
        var hold = running.Count > 0 && Chance(60) ? OneOf(running) : NewId("hold");
        var fromReserved = Part(batch.ReservedAfter);
        var fromQuarantine = Part(batch.QuarantinedAfter);
        var cost = Part(batch.BalanceAfter - batch.ReservedAfter - batch.QuarantinedAfter) + fromReserved + fromQuarantine;
        batch = batch.Move(-fromReserved, -fromQuarantine).Enter(
            row, EntryKind.Charge, -cost, hold, Chance(20) ? random.Next(50) : 0,
            Chance(70) ? ClosedBy.Settlement : ClosedBy.Lease, Time());
        return batch with
        {
            Usage = batch.Usage.Add(Usage(hold, cost)),
            IdempotencyEnds = running.Contains(hold) ? batch.IdempotencyEnds.Add(IdempotencyEnd(hold)) : batch.IdempotencyEnds,
        };
    }

    private AccountBatch WithReserve(AccountBatch batch) => random.Next(8) switch
    {
        0 or 1 => batch.Move(reserved: Part(batch.BalanceAfter - batch.ReservedAfter - batch.QuarantinedAfter)),
        2 => batch.Move(reserved: -Part(batch.ReservedAfter)),
        3 or 4 => batch.Move(batch.QuarantinedAfter, -batch.QuarantinedAfter),
        _ => batch,
    };

    private AccountBatch WithIdempotency(AccountBatch batch, LedgerModelAccount account)
    {
        if (Chance(30))
        {
            var key = account.Idempotency.Count > 0 && Chance(40) ? OneOf([.. account.Idempotency.Keys]) : NewId("i");
            batch = batch with { IdempotencyStarts = [IdempotencyStart(key, NewId("hold"))] };
        }

        if (Chance(20))
        {
            // Of a row that is there, of one that begins in this batch, and of none.
            var holds = account.Idempotency.Values.Select(static i => i.HoldId)
                .Concat(batch.IdempotencyStarts.Select(static s => s.HoldId))
                .Append("no-hold")
                .Where(hold => batch.IdempotencyEnds.All(e => e.HoldId != hold))
                .ToList();
            batch = holds.Count == 0 ? batch : batch with { IdempotencyEnds = batch.IdempotencyEnds.Add(IdempotencyEnd(OneOf(holds))) };
        }

        return batch;
    }

    private long Part(long whole) => whole <= 0 || Chance(30) ? 0 : Chance(20) ? whole : random.NextInt64(whole);

    private long? Optional(int min) => Chance(50) ? null : random.Next(min, 100);
}

/// <summary>Builds batches that add up.</summary>
internal static class BatchBuilding
{
    /// <summary>Changes nothing but the version.</summary>
    public static AccountBatch Unchanged(this AccountRow row) => new()
    {
        AccountId = row.AccountId,
        Epoch = row.Epoch,
        Version = row.Version,
        BalanceAfter = row.Balance,
        ReservedAfter = row.Reserved,
        QuarantinedAfter = row.Quarantined,
        BonusAfter = row.Bonus,
        BalanceDelta = 0,
        ReservedDelta = 0,
        QuarantinedDelta = 0,
        BonusDelta = 0,
    };

    public static AccountBatch Enter(
        this AccountBatch batch, AccountRow row, EntryKind kind, long amount, string reference,
        long shortfall = 0, ClosedBy? closedBy = null, DateTimeOffset? at = null) => batch with
        {
            BalanceAfter = batch.BalanceAfter + amount,
            BalanceDelta = batch.BalanceDelta + amount,
            Entries = batch.Entries.Add(new LedgerEntry(
                row.Seq + batch.Entries.Length + 1, kind, amount, shortfall, batch.BalanceAfter + amount, reference, closedBy,
                at ?? BatchDraws.Start)),
        };

    public static AccountBatch Give(this AccountBatch batch, long bonus) => batch with
    {
        BonusAfter = batch.BonusAfter + bonus,
        BonusDelta = batch.BonusDelta + bonus,
    };

    public static AccountBatch Move(this AccountBatch batch, long reserved = 0, long quarantined = 0) => batch with
    {
        ReservedAfter = batch.ReservedAfter + reserved,
        ReservedDelta = batch.ReservedDelta + reserved,
        QuarantinedAfter = batch.QuarantinedAfter + quarantined,
        QuarantinedDelta = batch.QuarantinedDelta + quarantined,
    };
}
