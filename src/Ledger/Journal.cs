namespace OrleansGateway.Ledger;

/// <summary>What became of a submitted batch, for certain.</summary>
public enum BatchOutcome
{
    /// <summary>Committed, and its epoch stood.</summary>
    Applied,
    /// <summary>Committed, but a newer epoch stands since: the activation is over.</summary>
    AppliedThenFenced,
    /// <summary>Nothing of it is committed, nor ever will be: a newer epoch stands.</summary>
    Fenced,
    /// <summary>Nothing of it is committed: some of its movements are in the ledger already, see <see cref="BatchResult.Existing"/>.</summary>
    RefExists,
    /// <summary>Nothing of it is committed: its data was refused, or the row is not what its activation believes.</summary>
    Failed,
    /// <summary>The journal stops while the ledger is away: unknown.</summary>
    Abandoned,
}

/// <param name="Outcome">What became of it.</param>
/// <param name="SentAt">Timestamp of the clock, taken before the try that was answered was sent.</param>
/// <param name="Epoch">The epoch that stands in the row.</param>
/// <param name="Existing">For <see cref="BatchOutcome.RefExists"/>: the rows that are there.</param>
public sealed record BatchResult(
    BatchOutcome Outcome,
    long SentAt,
    long Epoch,
    System.Collections.Immutable.ImmutableArray<LedgerEntry> Existing);
