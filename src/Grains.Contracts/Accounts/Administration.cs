using System.Collections.Immutable;
using Orleans;

namespace OrleansGateway.Grains.Contracts.Accounts;

/// <summary>A ledger row's kind; stored by its lower-case name.</summary>
[GenerateSerializer, Alias("og.EntryKind")]
public enum EntryKind
{
    Topup,
    Bonus,
    Charge,
    /// <summary>Money sent back to the payer.</summary>
    Refund,
    /// <summary>A charge given back.</summary>
    Compensation,
    Adjustment,
    /// <summary>A payer's bank took a top-up back.</summary>
    Chargeback,
}

/// <summary>
/// Moves money. <see cref="EntryKind.Topup"/>, <see cref="EntryKind.Bonus"/> and <see cref="EntryKind.Compensation"/> are
/// positive, <see cref="EntryKind.Refund"/> and <see cref="EntryKind.Chargeback"/> negative, <see cref="EntryKind.Adjustment"/> either; a
/// charge is no movement. A refund takes nothing that came as bonus. A chargeback takes what is available; the rest is shortfall.
/// </summary>
/// <param name="Epoch">The highest epoch that the sender has seen; 0 for none.</param>
/// <param name="Kind">With <paramref name="Ref"/>, what makes the movement one.</param>
/// <param name="Ref">What caused it: an order's id, a hold's id, the operator's own reference. 1–128 characters.</param>
/// <param name="AmountNanos">Nanos, signed, not 0.</param>
[GenerateSerializer, Immutable, Alias("og.MoveRequest")]
public sealed record MoveRequest(
    [property: Id(0)] long Epoch,
    [property: Id(1)] EntryKind Kind,
    [property: Id(2)] string Ref,
    [property: Id(3)] long AmountNanos);

[GenerateSerializer, Alias("og.MoveOutcome")]
public enum MoveOutcome
{
    /// <summary>Moved, now or before under the same kind and ref.</summary>
    Moved,
    /// <summary>The kind and ref moved another amount before; nothing moved.</summary>
    RefConflict,
    /// <summary>The amount is above what is available; nothing moved.</summary>
    InsufficientFunds,
    /// <summary>The kind, ref or amount is not allowed, or the balance would overflow; nothing moved.</summary>
    Invalid,
    UnknownAccount,
    /// <summary>The activation stepped down; send it again.</summary>
    Retry,
}

/// <param name="Outcome">What became of it.</param>
/// <param name="Epoch">The activation's epoch.</param>
/// <param name="BalanceNanos">The balance after it.</param>
/// <param name="AvailableNanos">What a debit could take.</param>
/// <param name="IsRepeat">Whether it was done before.</param>
/// <param name="ShortfallNanos">What of a chargeback the account did not have.</param>
[GenerateSerializer, Immutable, Alias("og.MoveAnswer")]
public sealed record MoveAnswer(
    [property: Id(0)] MoveOutcome Outcome,
    [property: Id(1)] long Epoch,
    [property: Id(2)] long BalanceNanos,
    [property: Id(3)] long AvailableNanos,
    [property: Id(4)] bool IsRepeat,
    [property: Id(5)] long ShortfallNanos = 0);

[GenerateSerializer, Alias("og.AccountStatus")]
public enum AccountStatus
{
    Active,
    Suspended,
    /// <summary>For good.</summary>
    Closed,
}

/// <summary>Exact limits that the grain keeps; null means none, otherwise at least 1.</summary>
[GenerateSerializer, Immutable, Alias("og.RateLimits")]
public sealed record RateLimits(
    [property: Id(0)] long? RequestsPerMinute,
    [property: Id(1)] long? TokensPerMinute,
    [property: Id(2)] long? Concurrency)
{
    /// <summary>No limits.</summary>
    public static RateLimits None { get; } = new(null, null, null);
}

/// <summary>Spend caps of a key in nanos; null means none. Weeks begin on Monday; days, weeks and months are UTC's.</summary>
[GenerateSerializer, Immutable, Alias("og.SpendCaps")]
public sealed record SpendCaps(
    [property: Id(0)] long? TotalNanos,
    [property: Id(1)] long? DayNanos,
    [property: Id(2)] long? WeekNanos,
    [property: Id(3)] long? MonthNanos)
{
    /// <summary>No caps.</summary>
    public static SpendCaps None { get; } = new(null, null, null, null);
}

[GenerateSerializer, Alias("og.KeyStatus")]
public enum KeyStatus
{
    Active,
    Disabled,
    /// <summary>For good.</summary>
    Revoked,
}

/// <summary>A key as its owner set it.</summary>
[GenerateSerializer, Immutable, Alias("og.KeySettings")]
public sealed record KeySettings
{
    [Id(0)] public required string KeyId { get; init; }

    /// <summary>The digest of the random part; the key itself is never stored.</summary>
    [Id(1)] public required Sha256Hash Hash { get; init; }

    [Id(2)] public required string Name { get; init; }
    [Id(3)] public KeyStatus Status { get; init; }
    [Id(4)] public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Public model names; empty allows all.</summary>
    [Id(5)] public ImmutableArray<string> Models { get; init; } = [];

    /// <summary>Addresses or networks in CIDR form; empty allows all.</summary>
    [Id(6)] public ImmutableArray<string> Addresses { get; init; } = [];

    [Id(7)] public SpendCaps Caps { get; init; } = SpendCaps.None;
    [Id(8)] public RateLimits Limits { get; init; } = RateLimits.None;

    /// <summary>Whether answers tell their cost in <c>usage.cost</c>.</summary>
    [Id(9)] public bool ShowCost { get; init; }
}

[GenerateSerializer, Immutable, Alias("og.CreateRequest")]
public sealed record CreateRequest(
    [property: Id(0)] string Name,
    [property: Id(1)] RateLimits Limits);

/// <param name="Epoch">The highest epoch that the sender has seen; 0 for none.</param>
/// <param name="Settings">The key as it shall be. The hash of a key that exists stays as it is.</param>
[GenerateSerializer, Immutable, Alias("og.SetKeyRequest")]
public sealed record SetKeyRequest([property: Id(0)] long Epoch, [property: Id(1)] KeySettings Settings);

/// <param name="Epoch">The highest epoch that the sender has seen; 0 for none.</param>
/// <param name="Status">The new status, or null to keep it.</param>
/// <param name="Limits">The account's new limits, or null to keep them.</param>
[GenerateSerializer, Immutable, Alias("og.SetStatusRequest")]
public sealed record SetStatusRequest(
    [property: Id(0)] long Epoch,
    [property: Id(1)] AccountStatus? Status,
    [property: Id(2)] RateLimits? Limits);

[GenerateSerializer, Alias("og.ChangeOutcome")]
public enum ChangeOutcome
{
    /// <summary>Durable and in force.</summary>
    Done,
    UnknownAccount,
    /// <summary>A closed account, or a revoked key, stays so.</summary>
    ClosedForGood,
    /// <summary>The settings are not valid; see <see cref="ChangeAnswer.Reason"/>.</summary>
    Invalid,
    /// <summary>The activation stepped down; send it again.</summary>
    Retry,
}

[GenerateSerializer, Immutable, Alias("og.ChangeAnswer")]
public sealed record ChangeAnswer(
    [property: Id(0)] ChangeOutcome Outcome,
    [property: Id(1)] long Epoch,
    [property: Id(2)] string? Reason = null);

/// <summary>What a key has spent, nanos, in all and in the current windows.</summary>
[GenerateSerializer, Immutable, Alias("og.KeySpend")]
public sealed record KeySpend(
    [property: Id(0)] long TotalNanos,
    [property: Id(1)] DateOnly Day,
    [property: Id(2)] long DayNanos,
    [property: Id(3)] DateOnly Week,
    [property: Id(4)] long WeekNanos,
    [property: Id(5)] DateOnly Month,
    [property: Id(6)] long MonthNanos)
{
    /// <summary>Nothing spent.</summary>
    public static KeySpend None { get; } = new(0, default, 0, default, 0, default, 0);
}

[GenerateSerializer, Immutable, Alias("og.KeyView")]
public sealed record KeyView(
    [property: Id(0)] KeySettings Settings,
    [property: Id(1)] KeySpend Spend,
    [property: Id(2)] long HeldNanos);

/// <summary>An account as its activation holds it. All money in nanos.</summary>
[GenerateSerializer, Immutable, Alias("og.AccountView")]
public sealed record AccountView
{
    [Id(0)] public required string AccountId { get; init; }
    [Id(1)] public required string Name { get; init; }
    [Id(2)] public required AccountStatus Status { get; init; }
    [Id(3)] public required RateLimits Limits { get; init; }
    [Id(4)] public required long Epoch { get; init; }
    [Id(5)] public required long BalanceNanos { get; init; }
    [Id(6)] public required long ReservedNanos { get; init; }
    [Id(7)] public required long QuarantinedNanos { get; init; }
    [Id(8)] public required long AvailableNanos { get; init; }
    [Id(9)] public required long HeldNanos { get; init; }
    [Id(10)] public required int OpenHolds { get; init; }
    [Id(11)] public required ImmutableArray<KeyView> Keys { get; init; }

    /// <summary>The part of the balance that came as bonus.</summary>
    [Id(12)] public required long BonusNanos { get; init; }
}
