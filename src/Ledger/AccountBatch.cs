using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Ledger;

/// <summary>
/// Everything that one flight changes for one account. It commits whole, and only if the row still has
/// <see cref="Epoch"/> and <see cref="Version"/>; else nothing of it does.
/// </summary>
public sealed record AccountBatch
{
    public required string AccountId { get; init; }
    public required long Epoch { get; init; }

    /// <summary>What the row's version was when its activation last saw it; committing makes it one more.</summary>
    public required long Version { get; init; }

    /// <summary>The row's money as this batch leaves it, nanos: what the store adds up must come to the same.</summary>
    public required long BalanceAfter { get; init; }
    public required long ReservedAfter { get; init; }
    public required long QuarantinedAfter { get; init; }
    public required long BonusAfter { get; init; }

    public required long BalanceDelta { get; init; }
    public required long ReservedDelta { get; init; }
    public required long QuarantinedDelta { get; init; }
    public required long BonusDelta { get; init; }

    /// <summary>New rows, in the order of their seq.</summary>
    public ImmutableArray<LedgerEntry> Entries { get; init; } = [];
    public ImmutableArray<UsageRow> Usage { get; init; } = [];

    /// <summary>Keys created or changed; what they have spent stays.</summary>
    public ImmutableArray<KeySettings> Keys { get; init; } = [];

    /// <summary>At most one a key.</summary>
    public ImmutableArray<KeySpendWrite> KeySpends { get; init; } = [];

    /// <summary>Inserted, or put in the place of an ended or outlived row of the same key. At most one a key.</summary>
    public ImmutableArray<IdempotencyRow> IdempotencyStarts { get; init; } = [];
    public ImmutableArray<IdempotencyEnd> IdempotencyEnds { get; init; } = [];

    public AccountStatus? Status { get; init; }
    public RateLimits? Limits { get; init; }

    /// <summary>Only asks whether the epoch still stands: the row, its version included, stays as it is.</summary>
    public bool IsReadOnly { get; init; }
}

/// <summary>What one try to commit did with one batch.</summary>
/// <param name="IsApplied">It is committed.</param>
/// <param name="Epoch">If left out: the row's epoch, read after the try; 0 if there is no row.</param>
/// <param name="Version">If left out: the row's version, read after the try.</param>
public readonly record struct BatchAnswer(bool IsApplied, long Epoch, long Version);
