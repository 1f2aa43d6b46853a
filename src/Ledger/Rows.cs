using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Ledger;

/// <summary>An account's row. All money in nanos.</summary>
public sealed record AccountRow
{
    public required string AccountId { get; init; }
    public required string Name { get; init; }
    public required AccountStatus Status { get; init; }
    public required RateLimits Limits { get; init; }

    /// <summary>Raised by every activation; a write that carries an older one changes nothing.</summary>
    public required long Epoch { get; init; }

    /// <summary>Raised by every write.</summary>
    public required long Version { get; init; }

    /// <summary>How many ledger rows the account has.</summary>
    public required long Seq { get; init; }

    public required long Balance { get; init; }
    public required long Reserved { get; init; }
    public required long Quarantined { get; init; }

    /// <summary>The part of the balance that came as bonus: charges take it first, refunds never, and what else takes money takes it last.</summary>
    public required long Bonus { get; init; }

    /// <summary>Neither reserved nor quarantined.</summary>
    public long Free => Balance - Reserved - Quarantined;
}

/// <summary>What an activation reads, in the transaction that raised the epoch.</summary>
/// <param name="Account">The row as the activation left it.</param>
/// <param name="Keys">All keys, revoked ones too, by key id.</param>
/// <param name="EarlierProcess">The one process that had reserved what is in quarantine now; null if several had, or none.</param>
public sealed record ActivatedAccount(AccountRow Account, ImmutableArray<KeyRow> Keys, string? EarlierProcess);

/// <summary>A key with what it has spent.</summary>
public sealed record KeyRow(KeySettings Settings, KeySpend Spend);

/// <summary>What closed a charge's hold.</summary>
public enum ClosedBy
{
    Settlement,
    Lease,
}

/// <summary>
/// One row of the ledger, for good. <see cref="Seq"/> has no gaps within an account; (account, kind, ref) is unique.
/// </summary>
/// <param name="Seq">1 for an account's first row.</param>
/// <param name="Amount">Nanos, signed as its kind demands; a charge of nothing is a row too.</param>
/// <param name="Shortfall">The part of a charge's cost, or of a chargeback, that no money covered, nanos.</param>
/// <param name="BalanceAfter">The sum of all amounts up to and with this row, nanos.</param>
/// <param name="Ref">A hold's id, an order's id, ….</param>
/// <param name="ClosedBy">For charges only.</param>
public sealed record LedgerEntry(
    long Seq,
    EntryKind Kind,
    long Amount,
    long Shortfall,
    long BalanceAfter,
    string Ref,
    ClosedBy? ClosedBy,
    DateTimeOffset At);

/// <summary>One relayed request, for statistics and statements; never content.</summary>
public sealed record UsageRow
{
    public required DateTimeOffset At { get; init; }
    public required string KeyId { get; init; }
    public required string RequestId { get; init; }
    public required string Model { get; init; }
    public required string Channel { get; init; }
    public required string Endpoint { get; init; }
    public required string PriceId { get; init; }
    public required Usage Usage { get; init; }

    /// <summary>Nanos that were charged: the negated amount of the ledger's row.</summary>
    public required long Charge { get; init; }

    /// <summary>ms; -1 if no byte came.</summary>
    public required long FirstByteMs { get; init; }

    public required long DurationMs { get; init; }
    public required RequestStatus Status { get; init; }
    public required string ClientAddress { get; init; }

    /// <summary>Attempts with other channels that may have generated something too: the operator's cost, not the client's.</summary>
    public int ExtraAttempts { get; init; }
}

/// <summary>What a key has spent as of this batch, absolute, with its last use.</summary>
public sealed record KeySpendWrite(string KeyId, KeySpend Spend, DateTimeOffset UsedAt, string UsedFrom);

/// <summary>How a request with an idempotency key stands.</summary>
public enum IdempotencyState
{
    Running,
    Completed,
    /// <summary>Ended without completing: a repeat runs as a new request.</summary>
    Ended,
}

/// <summary>A request that carried an Idempotency-Key.</summary>
/// <param name="Charge">Nanos; known once it is no longer running.</param>
/// <param name="At">When it was admitted.</param>
public sealed record IdempotencyRow(
    string Key,
    Grains.Contracts.Sha256Hash BodyHash,
    string HoldId,
    IdempotencyState State,
    long Charge,
    DateTimeOffset At);

/// <summary>The end of a hold that may carry an idempotency key: changes the row that names the hold, if there is one.</summary>
public sealed record IdempotencyEnd(string HoldId, IdempotencyState State, long Charge);
