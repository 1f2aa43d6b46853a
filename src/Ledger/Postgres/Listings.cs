using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>An account as its row stands; its activation may know better. Money in nanos.</summary>
public sealed record AccountListing
{
    public required string AccountId { get; init; }
    public required string Name { get; init; }
    public required AccountStatus Status { get; init; }
    public long? RequestsPerMinute { get; init; }
    public long? TokensPerMinute { get; init; }
    public long? Concurrency { get; init; }
    public required long Epoch { get; init; }

    /// <summary>How many ledger rows it has.</summary>
    public required long Seq { get; init; }

    public required long Balance { get; init; }
    public required long Reserved { get; init; }
    public required long Quarantined { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Null if it was never activated.</summary>
    public DateTimeOffset? ActivatedAt { get; init; }
}

/// <summary>A key with what it has spent and its last use.</summary>
public sealed record KeyListing(KeySettings Settings, KeySpend Spend, DateTimeOffset? UsedAt, string? UsedFrom);

/// <summary>A ledger row. Money in nanos.</summary>
public sealed record LedgerListing
{
    public required long Seq { get; init; }
    public required DateTimeOffset At { get; init; }
    public required EntryKind Kind { get; init; }
    public required long Amount { get; init; }
    public required long Shortfall { get; init; }
    public required long BalanceAfter { get; init; }
    public required string Ref { get; init; }
    public ClosedBy? ClosedBy { get; init; }
}

/// <summary>A usage row. Money in nanos, durations in ms.</summary>
public sealed record UsageListing
{
    public required DateTimeOffset At { get; init; }
    public required string AccountId { get; init; }
    public required string KeyId { get; init; }
    public required string RequestId { get; init; }
    public required string Model { get; init; }
    public required string Channel { get; init; }
    public required string Endpoint { get; init; }
    public required string PriceId { get; init; }
    public required Usage Usage { get; init; }
    public required long Charge { get; init; }
    public required long FirstByteMs { get; init; }
    public required long DurationMs { get; init; }

    /// <summary>As stored: <c>completed</c>, <c>client_gone</c>, ….</summary>
    public required string Status { get; init; }

    public required string ClientAddress { get; init; }

    /// <summary>Attempts with other channels that may have generated something too.</summary>
    public int ExtraAttempts { get; init; }
}

/// <summary>A usage row's place in the order of lists.</summary>
public readonly record struct UsagePlace(DateTimeOffset At, string RequestId)
{
    /// <summary>Where a row stands.</summary>
    public static UsagePlace Of(UsageListing row) => new(row.At, row.RequestId);
}

/// <summary>Which usage rows; null asks for all.</summary>
public sealed record UsageFilter
{
    public string? AccountId { get; init; }
    public string? KeyId { get; init; }
    public string? Model { get; init; }
    public string? Channel { get; init; }
    public RequestStatus? Status { get; init; }

    /// <summary>Of lists and exports alone: sums know no single requests.</summary>
    public string? RequestId { get; init; }

    /// <summary>Not before.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>Before.</summary>
    public DateTimeOffset? To { get; init; }
}

/// <summary>What usage is summed by.</summary>
[Flags]
public enum UsageGroups
{
    None = 0,

    /// <summary>UTC's.</summary>
    Day = 1,
    Account = 2,
    Key = 4,
    Model = 8,
    Channel = 16,

    /// <summary>How requests ended.</summary>
    Status = 32,
}

/// <summary>A group's sums. What it was not grouped by is null.</summary>
public sealed record UsageTotal
{
    /// <summary>Which of the spans of time that were asked for, counted from 0.</summary>
    public int Span { get; init; }

    public DateOnly? Day { get; init; }
    public string? AccountId { get; init; }
    public string? KeyId { get; init; }
    public string? Model { get; init; }
    public string? Channel { get; init; }

    /// <summary>As stored, see <see cref="UsageListing.Status"/>.</summary>
    public string? Status { get; init; }

    public required long Requests { get; init; }

    /// <summary>Those whose provider finished its answer.</summary>
    public required long Completed { get; init; }

    /// <summary>A sum that does not fit is the greatest number.</summary>
    public required Usage Usage { get; init; }

    /// <summary>Nanos.</summary>
    public required long Charge { get; init; }

    /// <summary>What requests cost beyond what there was money for, nanos.</summary>
    public required long Shortfall { get; init; }
}

/// <summary>A change that was asked for. JSON as text, null for none.</summary>
public sealed record AuditListing
{
    public required long Id { get; init; }
    public required DateTimeOffset At { get; init; }
    public required string Address { get; init; }

    /// <summary>As stored: <c>operator</c>, <c>person</c>, <c>system</c>.</summary>
    public required string ActorKind { get; init; }

    public required string ActorId { get; init; }
    public required string RequestId { get; init; }
    public required string Action { get; init; }
    public required string Subject { get; init; }
    public required string Request { get; init; }
    public string? Before { get; init; }
    public string? After { get; init; }

    /// <summary>Null while it is unknown.</summary>
    public string? Outcome { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>How often it was carried out again.</summary>
    public required long Retries { get; init; }
}

/// <summary>Which changes; null asks for all.</summary>
public sealed record AuditFilter
{
    /// <summary>An account's id asks for its keys too.</summary>
    public string? Subject { get; init; }

    public string? ActorId { get; init; }
    public string? RequestId { get; init; }

    /// <summary>Not before.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>Before.</summary>
    public DateTimeOffset? To { get; init; }

    /// <summary>Only those whose outcome is unknown.</summary>
    public bool UnknownOnly { get; init; }
}
