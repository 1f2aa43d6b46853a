using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger;
using static OrleansGateway.Tests.Integration.Ledger.Model.Verdict;

namespace OrleansGateway.Tests.Integration.Ledger.Model;

/// <summary>Everything that a batch can do wrong, and what looks wrong and is not.</summary>
internal static class Flaws
{
    /// <summary>The writer believes what is no longer, or not yet.</summary>
    public static readonly Flaw EarlierVersion = new("an earlier version", LeftOut);
    public static readonly Flaw EarlierEpoch = new("an earlier epoch", LeftOut);
    public static readonly Flaw LaterVersion = new("a version to come", LeftOut);
    public static readonly Flaw LaterEpoch = new("an epoch to come", LeftOut);
    public static readonly Flaw NoAccount = new("no such account", LeftOut);
    public static readonly Flaw TwoOfOneAccount = new("two batches of one account", Misused);

    /// <summary>Of the calls that are no flight.</summary>
    public static readonly Flaw LongAccountId = new("an account id of 129 characters", Refused);
    public static readonly Flaw WideAccountId = new("an account id of 128 wide characters", Applied);
    public static readonly Flaw EmptyAccountId = new("an empty account id", Refused);
    public static readonly Flaw AccountLimit = new("a new account's limit of zero", Refused);
    public static readonly Flaw AccountLimitAgain = new("a limit of zero for an account that is there", Refused);
    public static readonly Flaw AccountName = new("a new account's name with a zero", Refused);
    public static readonly Flaw ActivationId = new("an activation's id with a zero", Refused);
    public static readonly Flaw ProcessId = new("a process's id that is not Unicode", Refused);
    public static readonly Flaw FoundRef = new("a ref to find with a zero", Refused);
    public static readonly Flaw FoundKey = new("an idempotency key to find that is not Unicode", Refused);
    public static readonly Flaw FoundAccount = new("an account to look into with a zero", Refused);

    public static readonly ImmutableArray<Flaw> InBatch = [.. Refs(), .. Entries(), .. Money(), .. Settings(), .. Keys(), .. Idempotency()];

    /// <summary>Those that a flight is drawn with.</summary>
    public static IEnumerable<Flaw> OfFlights =>
    [
        .. Enumerable.Repeat((Flaw[])[EarlierVersion, EarlierEpoch, LaterEpoch], 3).SelectMany(static f => f), LaterVersion, NoAccount,
        TwoOfOneAccount, .. InBatch,
    ];

    public static IEnumerable<Flaw> All =>
    [
        EarlierVersion, EarlierEpoch, LaterVersion, LaterEpoch, NoAccount, TwoOfOneAccount,
        LongAccountId, WideAccountId, EmptyAccountId, AccountLimit, AccountLimitAgain, AccountName, ActivationId, ProcessId, FoundRef,
        FoundKey, FoundAccount, .. InBatch,
    ];

    /// <summary>Characters of two UTF-16 units and four bytes each.</summary>
    public static string Widest(int length) => string.Concat(Enumerable.Repeat("😀", length));

    private static Flaw Of(string name, Verdict expected, Func<AccountBatch, FlawContext, AccountBatch?> spoil) =>
        new(name, expected) { Spoil = spoil };

    private static Flaw[] Refs() =>
    [
        Of("a ref that is there", Refused, (b, c) =>
            c.Account.Entries.Count == 0 ? null : Repeat(b, c, c.Draws.OneOf(c.Account.Entries))),
        Of("a ref that is there, under another kind", Applied, (b, c) =>
            c.Account.Entries.Find(e => c.Account.Find(new EntryRef(EntryKind.Bonus, e.Ref)) is null && b.Entries.All(n => n.Ref != e.Ref))
                is { } entry ? b.Enter(c.Row, EntryKind.Bonus, 5, entry.Ref) : null),
        Of("a ref twice", Refused, (b, c) => b.Enter(c.Row, EntryKind.Topup, 5, "twice").Enter(c.Row, EntryKind.Topup, 5, "twice")),
        Of("a ref twice, under two kinds", Applied, (b, c) =>
        {
            var reference = c.Draws.NewId("both");
            return b.Enter(c.Row, EntryKind.Topup, 5, reference).Enter(c.Row, EntryKind.Bonus, 5, reference);
        }),
        Of("a ref of 128 wide characters", Applied, (b, c) =>
            c.Account.Find(new EntryRef(EntryKind.Topup, Widest(128))) is null ? b.Enter(c.Row, EntryKind.Topup, 5, Widest(128)) : null),
        Of("a ref of 129 characters", Refused, (b, c) => b.Enter(c.Row, EntryKind.Topup, 5, new string('x', 129))),
        Of("an empty ref", Refused, (b, c) => b.Enter(c.Row, EntryKind.Topup, 5, "")),
        Of("a ref with a zero", Refused, (b, c) => b.Enter(c.Row, EntryKind.Topup, 5, "a\0")),
        Of("a ref that is not Unicode", Refused, (b, c) => b.Enter(c.Row, EntryKind.Topup, 5, "a\uD800")),
    ];

    private static Flaw[] Entries() =>
    [
        Of("a seq that is there", Refused, (b, _) => Seq(b, -1)),
        Of("a seq that leaves a gap", Refused, (b, _) => Seq(b, 1)),
        Of("a gap between rows", Refused, (b, c) =>
            Last(b.Enter(c.Row, EntryKind.Topup, 5, "g1").Enter(c.Row, EntryKind.Topup, 5, "g2"), static e => e with { Seq = e.Seq + 1 })),
        Of("a row's balance that does not follow", Refused, (b, _) => Last(b, static e => e with { BalanceAfter = e.BalanceAfter + 1 })),
        Of("a change of balance without a row", Refused, (b, _) =>
            b with { BalanceDelta = b.BalanceDelta + 1, BalanceAfter = b.BalanceAfter + 1 }),
        Of("a topup below zero", Refused, (b, c) => b.BalanceAfter == 0 ? null : b.Enter(c.Row, EntryKind.Topup, -1, "sign")),
        Of("a bonus of zero", Refused, (b, c) => b.Enter(c.Row, EntryKind.Bonus, 0, "sign")),
        Of("a compensation of zero", Refused, (b, c) => b.Enter(c.Row, EntryKind.Compensation, 0, "sign")),
        Of("a charge above zero", Refused, (b, c) => b.Enter(c.Row, EntryKind.Charge, 1, "sign", 0, ClosedBy.Settlement)),
        Of("a refund above zero", Refused, (b, c) => b.Enter(c.Row, EntryKind.Refund, 1, "sign")),
        Of("a chargeback above zero", Refused, (b, c) => b.Enter(c.Row, EntryKind.Chargeback, 1, "sign", 2)),
        Of("a chargeback of nothing", Refused, (b, c) => b.Enter(c.Row, EntryKind.Chargeback, 0, "sign")),
        Of("a chargeback that nothing covers", Applied, (b, c) => b.Enter(c.Row, EntryKind.Chargeback, 0, c.Draws.NewId("back"), 5)),
        Of("a chargeback that something closed", Refused, (b, c) => b.Enter(c.Row, EntryKind.Chargeback, 0, "closed", 5, ClosedBy.Lease)),
        Of("a chargeback's shortfall below zero", Refused, (b, c) =>
            b.BalanceAfter < 9 ? null : b.Enter(c.Row, EntryKind.Chargeback, -9, "short", -1)),
        Of("an adjustment of zero", Refused, (b, c) => b.Enter(c.Row, EntryKind.Adjustment, 0, "sign")),
        Of("a charge of zero", Applied, (b, c) => b.Enter(c.Row, EntryKind.Charge, 0, c.Draws.NewId("zero"), 0, ClosedBy.Lease)),
        Of("a charge that nothing closed", Refused, (b, c) => b.Enter(c.Row, EntryKind.Charge, 0, "open")),
        Of("a topup that something closed", Refused, (b, c) => b.Enter(c.Row, EntryKind.Topup, 5, "closed", 0, ClosedBy.Lease)),
        Of("a shortfall below zero", Refused, (b, c) => b.Enter(c.Row, EntryKind.Charge, 0, "short", -1, ClosedBy.Lease)),
        Of("a topup's shortfall", Refused, (b, c) => b.Enter(c.Row, EntryKind.Topup, 5, "short", 1)),
    ];

    private static Flaw[] Money() =>
    [
        Of("a balance below zero", Refused, (b, c) =>
            (b with { ReservedDelta = -c.Row.Reserved, ReservedAfter = 0, QuarantinedDelta = -c.Row.Quarantined, QuarantinedAfter = 0 })
                .Enter(c.Row, EntryKind.Adjustment, -b.BalanceAfter - 1, "below")),
        Of("reserved beyond the balance", Refused, (b, _) => b.Move(reserved: b.BalanceAfter - b.ReservedAfter - b.QuarantinedAfter + 1)),
        Of("quarantined beyond the balance", Refused, (b, _) =>
            b.Move(quarantined: b.BalanceAfter - b.ReservedAfter - b.QuarantinedAfter + 1)),
        Of("reserved below zero", Refused, (b, _) => b.Move(reserved: -b.ReservedAfter - 1)),
        Of("quarantined below zero", Refused, (b, _) => b.Move(quarantined: -b.QuarantinedAfter - 1)),
        Of("a balance that overflows", Refused, (b, c) =>
            b.BalanceAfter == 0 ? null : b.Enter(c.Row, EntryKind.Topup, long.MaxValue, "much")),
        Of("a balance of the greatest number", Applied, (b, c) => c.Draws.Chance(20) && b.BalanceAfter < long.MaxValue
            ? b.Enter(c.Row, EntryKind.Topup, long.MaxValue - b.BalanceAfter, c.Draws.NewId("most")) : null),
        Of("reserved that overflows", Refused, (b, c) => c.Row.Reserved == 0 ? null
            : b with { ReservedDelta = long.MaxValue, ReservedAfter = unchecked(c.Row.Reserved + long.MaxValue) }),
        Of("a balance that the row has not", Refused, (b, _) => b with
        {
            BalanceAfter = b.BalanceAfter + 1,
            Entries = [.. b.Entries.Select(static e => e with { BalanceAfter = e.BalanceAfter + 1 })],
        }),
        Of("a reserve that the row has not", Refused, (b, _) =>
            b.ReservedAfter == 0 ? null : b with { ReservedAfter = b.ReservedAfter - 1 }),
        Of("a quarantine that the row has not", Refused, (b, _) =>
            b with { QuarantinedAfter = b.QuarantinedAfter == 0 ? 1 : b.QuarantinedAfter - 1 }),
        Of("a bonus that the row has not", Refused, (b, _) => b with { BonusAfter = b.BonusAfter + 1 }),
        Of("a bonus below zero", Refused, (b, _) => b.Give(-b.BonusAfter - 1)),
        Of("a read-only batch that changes something", Refused, (b, c) =>
            b.Enter(c.Row, EntryKind.Topup, 5, c.Draws.NewId("order")) with { IsReadOnly = true }),
        Of("a read-only batch of money that the row has not", Refused, (_, c) => c.Row.Unchanged() with
        {
            BalanceAfter = c.Row.Balance + 1, IsReadOnly = true,
        }),
    ];

    private static Flaw[] Settings() =>
    [
        Of("an account with a zero", Refused, (b, _) => b with { AccountId = b.AccountId + "\0" }),
        Of("a limit of zero", Refused, (b, _) => b with { Limits = new RateLimits(null, 0, null) }),
        Of("a usage row's charge below zero", Refused, (b, c) => b with { Usage = [c.Draws.Usage("u", -1)] }),
        Of("a usage row's count below zero", Refused, (b, c) =>
            b with { Usage = [c.Draws.Usage("u", 1) with { Usage = new() { [c.Draws.OneOf(Units.All)] = -1 } }] }),
        Of("a usage row's time below zero", Refused, (b, c) => b with { Usage = [c.Draws.Usage("u", 1) with { DurationMs = -1 }] }),
        Of("a usage row's first byte before its start", Refused, (b, c) =>
            b with { Usage = [c.Draws.Usage("u", 1) with { FirstByteMs = -2 }] }),
        Of("a usage row that is not Unicode", Refused, (b, c) =>
            b with { Usage = [c.Draws.Usage("u", 1) with { Channel = "\uDC00" }] }),
    ];

    private static Flaw[] Keys() =>
    [
        Of("a key id of 129 characters", Refused, (b, c) => b with { Keys = [c.Draws.Key(new string('k', 129))] }),
        Of("an empty key id", Refused, (b, c) => b with { Keys = [c.Draws.Key("")] }),
        Of("a key's name with a zero", Refused, (b, c) => b with { Keys = [c.Draws.Key("k1") with { Name = "\0" }] }),
        Of("a key's model with a zero", Refused, (b, c) => b with { Keys = [c.Draws.Key("k1") with { Models = ["m\0"] }] }),
        Of("a key's model that is not Unicode", Refused, (b, c) => b with { Keys = [c.Draws.Key("k1") with { Models = ["m\uD800"] }] }),
        Of("a key's address that is not Unicode", Refused, (b, c) =>
            b with { Keys = [c.Draws.Key("k1") with { Addresses = ["\uD800"] }] }),
        Of("a key's limit of zero", Refused, (b, c) =>
            b with { Keys = [c.Draws.Key("k1") with { Limits = new RateLimits(0, null, null) }] }),
        Of("a key's cap below zero", Refused, (b, c) =>
            b with { Keys = [c.Draws.Key("k1") with { Caps = new SpendCaps(null, null, -1, null) }] }),
        Of("a spend below zero", Refused, (b, c) => c.Account.Keys.Count == 0 ? null
            : b with { KeySpends = [Below(c.Draws.Spend(c.Draws.OneOf([.. c.Account.Keys.Keys])))] }),
        Of("a spend below zero of no key", Applied, (b, c) => b with { KeySpends = [Below(c.Draws.Spend("no-key"))] }),
        Of("two spends of a key", Refused, (b, c) => b with { KeySpends = [c.Draws.Spend("k1"), c.Draws.Spend("k1")] }),
    ];

    private static Flaw[] Idempotency() =>
    [
        Of("an idempotency key of 257 characters", Refused, (b, c) =>
            b with { IdempotencyStarts = [c.Draws.IdempotencyStart(new string('i', 257), c.Draws.NewId("hold"))] }),
        Of("an empty idempotency key", Refused, (b, c) =>
            b with { IdempotencyStarts = [c.Draws.IdempotencyStart("", c.Draws.NewId("hold"))] }),
        Of("two starts of a key", Refused, (b, c) =>
            b with { IdempotencyStarts = [c.Draws.IdempotencyStart("two", "two1"), c.Draws.IdempotencyStart("two", "two2")] }),
        Of("another key's hold", Refused, (b, c) => c.Account.Idempotency.Count == 0 ? null
            : b with
            {
                IdempotencyStarts =
                    [c.Draws.IdempotencyStart(c.Draws.NewId("i"), c.Draws.OneOf([.. c.Account.Idempotency.Values]).HoldId)],
            }),
        Of("two keys of a hold", Refused, (b, c) =>
            b with { IdempotencyStarts = [c.Draws.IdempotencyStart("one", "shared"), c.Draws.IdempotencyStart("other", "shared")] }),
        Of("a running request's charge", Refused, (b, c) => b with
        {
            IdempotencyStarts =
                [c.Draws.IdempotencyStart("charged", c.Draws.NewId("hold")) with { State = IdempotencyState.Running, Charge = 1 }],
            IdempotencyEnds = [],
        }),
        Of("a charge below zero of a request", Refused, (b, c) => EndAnyhow(b, c, static e => e with { Charge = -1 })),
        Of("a charge below zero of no request", Applied, (b, c) =>
            b with { IdempotencyEnds = [c.Draws.IdempotencyEnd("no-hold") with { Charge = -1 }] }),
        Of("an end that leaves it running", Applied, (b, c) =>
            EndAnyhow(b, c, static e => e with { State = IdempotencyState.Running, Charge = 0 })),
        Of("two ends of a hold", Refused, (b, c) =>
            EndAnyhow(b, c, static e => e) is { IdempotencyEnds: [var end] } once
                ? once with { IdempotencyEnds = [end, c.Draws.IdempotencyEnd(end.HoldId)] }
                : null),
    ];

    private static AccountBatch? Repeat(AccountBatch batch, FlawContext context, LedgerEntry entry)
    {
        var isDebit = entry.Kind is EntryKind.Refund or EntryKind.Chargeback || (entry.Kind == EntryKind.Adjustment && entry.Amount < 0);
        return isDebit && batch.BalanceAfter - batch.ReservedAfter - batch.QuarantinedAfter < 1
            ? null
            : batch.Enter(
                context.Row, entry.Kind, isDebit ? -1 : entry.Kind == EntryKind.Charge ? 0 : 1, entry.Ref, 0, entry.ClosedBy);
    }

    private static AccountBatch? Seq(AccountBatch batch, long by) => batch.Entries.IsEmpty
        ? null
        : batch with { Entries = [.. batch.Entries.Select(e => e with { Seq = e.Seq + by })] };

    private static AccountBatch? Last(AccountBatch batch, Func<LedgerEntry, LedgerEntry> change) =>
        batch.Entries.IsEmpty ? null : batch with { Entries = batch.Entries.SetItem(batch.Entries.Length - 1, change(batch.Entries[^1])) };

    private static KeySpendWrite Below(KeySpendWrite write) => write with { Spend = write.Spend with { WeekNanos = -1 } };

    /// <summary>Ends a request that has a row, whatever its state.</summary>
    private static AccountBatch? EndAnyhow(AccountBatch batch, FlawContext context, Func<IdempotencyEnd, IdempotencyEnd> change) =>
        context.Account.Idempotency.Count == 0
            ? null
            : batch with
            {
                IdempotencyStarts = [],
                IdempotencyEnds =
                    [change(context.Draws.IdempotencyEnd(context.Draws.OneOf([.. context.Account.Idempotency.Values]).HoldId))],
            };
}
