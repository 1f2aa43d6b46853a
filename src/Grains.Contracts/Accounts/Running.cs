using System.Collections.Immutable;
using Orleans;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Grains.Contracts.Accounts;

/// <summary>Asks for a hold of <paramref name="NewTotalNanos"/> in place of the ticket's total.</summary>
[GenerateSerializer, Immutable, Alias("og.ExtendRequest")]
public sealed record ExtendRequest(
    [property: Id(0)] long Epoch,
    [property: Id(1)] Ticket Ticket,
    [property: Id(2)] long NewTotalNanos);

[GenerateSerializer, Alias("og.ExtendOutcome")]
public enum ExtendOutcome
{
    /// <summary>The hold is at least the total that was asked for.</summary>
    Extended,
    /// <summary>The money, or the key's cap, does not cover it; what was held stays held.</summary>
    Refused,
    /// <summary>This activation does not know the hold, or so large a total: present it by Renew first.</summary>
    NotHeld,
    /// <summary>The hold is closed: cut the response.</summary>
    Closed,
    /// <summary>The ledger is away; ask again.</summary>
    Unavailable,
    /// <summary>The activation stepped down; ask again.</summary>
    Retry,
}

[GenerateSerializer, Immutable, Alias("og.ExtendAnswer")]
public sealed record ExtendAnswer(
    [property: Id(0)] ExtendOutcome Outcome,
    [property: Id(1)] long Epoch,
    [property: Id(2)] long TotalNanos);

/// <summary>One hold of a renewal.</summary>
/// <param name="Ticket">The hold.</param>
/// <param name="ProgressNanos">What the request has cost so far, cumulative; the highest wins.</param>
/// <param name="Usage">What it has used so far: the usage row's, should the edge die now.</param>
[GenerateSerializer, Immutable, Alias("og.RenewItem")]
public sealed record RenewItem(
    [property: Id(0)] Ticket Ticket,
    [property: Id(1)] long ProgressNanos,
    [property: Id(2)] Usage Usage);

/// <summary>All holds of one edge with one account.</summary>
[GenerateSerializer, Immutable, Alias("og.RenewRequest")]
public sealed record RenewRequest(
    [property: Id(0)] long Epoch,
    [property: Id(1)] ImmutableArray<RenewItem> Items);

[GenerateSerializer, Alias("og.RenewOutcome")]
public enum RenewOutcome
{
    /// <summary>Held, with the total that is held: less than the ticket's is a refused Extend.</summary>
    Held,
    /// <summary>Charged already, or too old: cut the response.</summary>
    Closed,
    /// <summary>The activation stepped down or the ledger is away: go on streaming and repeat.</summary>
    Retry,
}

[GenerateSerializer, Immutable, Alias("og.RenewedHold")]
public readonly record struct RenewedHold(
    [property: Id(0)] string HoldId,
    [property: Id(1)] RenewOutcome Outcome,
    [property: Id(2)] long TotalNanos);

/// <summary>The items' outcomes, in the request's order.</summary>
[GenerateSerializer, Immutable, Alias("og.RenewAnswer")]
public sealed record RenewAnswer(
    [property: Id(0)] long Epoch,
    [property: Id(1)] ImmutableArray<RenewedHold> Holds);

/// <summary>How a relayed request ended; stored in its usage row by name.</summary>
[GenerateSerializer, Alias("og.RequestStatus")]
public enum RequestStatus
{
    /// <summary>The provider finished its answer.</summary>
    Completed,
    /// <summary>The client hung up (recorded as 499).</summary>
    ClientGone,
    /// <summary>No provider answered, or one broke off.</summary>
    ProviderError,
    /// <summary>The provider refused the request as such.</summary>
    ProviderRefused,
    /// <summary>The hold could not be extended: ended as if at the length limit.</summary>
    FundsExhausted,
    /// <summary>A time limit of ours ran out.</summary>
    TimedOut,
    /// <summary>The gateway was stopping or lost its authority.</summary>
    Stopped,
    /// <summary>The edge stopped renewing: charged at its last progress.</summary>
    EdgeLost,
}

/// <summary>Closes a hold with its cost.</summary>
[GenerateSerializer, Immutable, Alias("og.SettleRequest")]
public sealed record SettleRequest
{
    [Id(0)] public required long Epoch { get; init; }
    [Id(1)] public required Ticket Ticket { get; init; }

    /// <summary>The cost at the price frozen into the hold, nanos; 0 for a request that failed before it cost anything.</summary>
    [Id(2)] public required long CostNanos { get; init; }

    [Id(3)] public required Usage Usage { get; init; }
    [Id(4)] public required RequestStatus Status { get; init; }

    /// <summary>From the request's arrival to the provider's first byte, ms; -1 if none came.</summary>
    [Id(5)] public required long FirstByteMs { get; init; }

    /// <summary>From the request's arrival to the end of the provider's answer, ms.</summary>
    [Id(6)] public required long DurationMs { get; init; }
}

[GenerateSerializer, Alias("og.SettleOutcome")]
public enum SettleOutcome
{
    /// <summary>The charge's row is in the ledger, closed by this settlement, now or before.</summary>
    Committed,
    /// <summary>The lease ended first: charged at the progress, and the response must be cut.</summary>
    ClosedByLease,
    /// <summary>The activation stepped down; send it again.</summary>
    Retry,
}

[GenerateSerializer, Immutable, Alias("og.SettleAnswer")]
public sealed record SettleAnswer(
    [property: Id(0)] SettleOutcome Outcome,
    [property: Id(1)] long Epoch,
    [property: Id(2)] long ChargedNanos,
    [property: Id(3)] long ShortfallNanos);
