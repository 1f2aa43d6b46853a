using Orleans;

namespace OrleansGateway.Grains.Contracts.Accounts;

/// <summary>
/// What an edge knows of a hold, sent whole with every message about it, so that an activation that never heard of
/// the hold can take it over.
/// </summary>
[GenerateSerializer, Immutable, Alias("og.Ticket")]
public sealed record Ticket
{
    [Id(0)] public required string HoldId { get; init; }
    [Id(1)] public required string KeyId { get; init; }
    [Id(2)] public required string PriceId { get; init; }

    /// <summary>What the edge was told is held, nanos.</summary>
    [Id(3)] public required long TotalNanos { get; init; }

    /// <summary>Since the admission was asked for, ms on the edge's monotonic clock.</summary>
    [Id(4)] public required long AgeMs { get; init; }

    /// <summary>The model's public name.</summary>
    [Id(5)] public required string Model { get; init; }

    /// <summary>The channel that serves the request; empty before one is chosen.</summary>
    [Id(6)] public required string Channel { get; init; }

    [Id(7)] public required string Endpoint { get; init; }
    [Id(8)] public required string ClientAddress { get; init; }

    /// <summary>How many attempts with channels before may have generated something too; the client does not pay for them.</summary>
    [Id(9)] public int ExtraAttempts { get; init; }
}
