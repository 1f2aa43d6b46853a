namespace OrleansGateway.Edge.Accounting;

/// <summary>Times and bounds of the edge's side of the account protocol.</summary>
internal sealed record AccountingOptions
{
    /// <summary>How long one message waits for its answer before it is repeated.</summary>
    public TimeSpan AttemptTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long an admission is tried before the client is told to come back.</summary>
    public TimeSpan AdmitLimit { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>How long a growing hold may hold up its stream before that counts as refused.</summary>
    public TimeSpan GrowthLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a response waits for its settlement; after that it is cut while the settlement goes on.</summary>
    public TimeSpan SettleWait { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The first pause before a message is repeated; it doubles up to <see cref="RepeatMax"/>.</summary>
    public TimeSpan RepeatFirst { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>The longest pause before a message is repeated.</summary>
    public TimeSpan RepeatMax { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How often a hold is renewed. The first renewal comes after half of it, so that short requests need none.</summary>
    public TimeSpan RenewalInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The most calls of one kind to an account of another process that are on their way; what comes meanwhile goes together with the next.
    /// Measured in docs/cluster.md: with fewer, settlements wait for each other's commits.
    /// </summary>
    public int CallsMax { get; init; } = 8;

    /// <summary>The most holds in one message.</summary>
    public int ItemsMax { get; init; } = 1000;

    /// <summary>The most holds that are open or waiting for their settlement; past it nothing more is admitted.</summary>
    public int OpenHoldsMax { get; init; } = 20_000;

    /// <summary>The most accounts whose highest epoch is remembered, twice over.</summary>
    public int AccountsMax { get; init; } = 65_536;
}
