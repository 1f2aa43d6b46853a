using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Grains.Accounts;

/// <summary>The account protocol's durations and bounds, the same in every silo of an installation.</summary>
public sealed class AccountOptions
{
    /// <summary>How long a hold lives without a renewal, and an activation acts on an epoch that it has not confirmed.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The longest that a request may run, and a minute: a ticket that is older is closed.</summary>
    public TimeSpan TicketAgeMax { get; init; } = TimeSpan.FromMilliseconds(ChannelTimes.MaxTotalMs) + TimeSpan.FromMinutes(1);

    /// <summary>How long the id of a hold that has its row is remembered.</summary>
    public TimeSpan ClosedHoldMemory { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a message waits for the ledger before it is answered that the ledger is away.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long a settlement's message waits for its commit before its edge is told to repeat it, while the settlement goes on. Less than edges
    /// wait for an answer: nothing is kept for an edge that has left.
    /// </summary>
    public TimeSpan SettlePatience { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>Between looks at leases, quarantine and patience.</summary>
    public TimeSpan Tick { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Operations that wait for the ledger before admission answers that it is away.</summary>
    public int WaitingOperationsMax { get; init; } = 20_000;

    /// <summary>Keys of one account, revoked ones included.</summary>
    public int KeysMax { get; init; } = 1_000;

    /// <summary>Names this process in the account's row, so that another can tell whose reserve it finds.</summary>
    public required string ProcessId { get; init; }
}
