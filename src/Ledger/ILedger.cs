using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Ledger;

/// <summary>
/// What the account protocol asks of the database. Each call is one try: a <see cref="LedgerLostException"/> means that the answer
/// was lost, not that nothing happened, and the same call may be made again. An exception that is not named here is a fault of ours.
/// </summary>
public interface ILedger
{
    /// <summary>Makes the account's row unless it is there. Epoch, version and money begin at 0.</summary>
    Task CreateAccountAsync(string accountId, string name, RateLimits limits, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>
    /// Raises the epoch and the version, moves reserved into quarantined, reserves an eighth of what is free, and reads the
    /// account. A bonus above the balance, which a release that knew none has spent, becomes the balance. Changes nothing, and reads the same, where the row has <paramref name="activationId"/> already.
    /// </summary>
    /// <param name="accountId">The account.</param>
    /// <param name="activationId">Random, one an activation.</param>
    /// <param name="processId">Random, one a process.</param>
    /// <param name="at">Stored as the activation's time.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>Null if there is no such account.</returns>
    Task<ActivatedAccount?> ActivateAsync(
        string accountId, string activationId, string processId, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>
    /// One statement, one transaction: commits each batch whose epoch and version match its row, leaves the others out, then
    /// reads the rows of those that it left out. One batch an account.
    /// </summary>
    /// <returns>One answer a batch, in their order.</returns>
    /// <exception cref="LedgerDataException">A constraint refused the data of some batch: none is committed.</exception>
    /// <exception cref="AccountsLockedException">Others hold rows of some batches: send those apart from the rest.</exception>
    Task<ImmutableArray<BatchAnswer>> CommitAsync(ImmutableArray<AccountBatch> batches, CancellationToken cancellationToken);

    /// <summary>The rows that the account has under these kinds and refs.</summary>
    Task<ImmutableArray<LedgerEntry>> FindEntriesAsync(
        string accountId, ImmutableArray<EntryRef> refs, CancellationToken cancellationToken);

    /// <summary>The request that the account last admitted under an idempotency key; null if there is none.</summary>
    Task<IdempotencyRow?> FindIdempotencyAsync(string accountId, string key, CancellationToken cancellationToken);
}

/// <summary>What makes a movement of one account the only one of its kind.</summary>
public readonly record struct EntryRef(EntryKind Kind, string Ref);

/// <summary>The answer was lost on its way, or nobody could be asked: what happened is not known.</summary>
public sealed class LedgerLostException : Exception
{
    public LedgerLostException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}

/// <summary>Another transaction holds the rows of these accounts for longer than a statement waits.</summary>
public sealed class AccountsLockedException : Exception
{
    public AccountsLockedException(ImmutableArray<string> accountIds)
        : base($"{accountIds.Length} accounts are locked, the first {accountIds[0]}") => AccountIds = accountIds;

    /// <summary>At least one.</summary>
    public ImmutableArray<string> AccountIds { get; }
}

/// <summary>The database refused the data itself (a constraint, a range): the same data is refused again.</summary>
public sealed class LedgerDataException : Exception
{
    public LedgerDataException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}

/// <summary>
/// The lock on the ledger's database: a gateway on one machine has it for itself, or a cluster's silos have it together.
/// </summary>
public interface IDatabaseLock
{
    /// <summary>True while the lock's session lives. Without it no account is activated.</summary>
    bool IsHeld { get; }

    /// <summary>
    /// Whether nobody shares it. Then what another process has left in quarantine belongs to a dead one, and is free at once.
    /// </summary>
    bool IsExclusive { get; }

    /// <summary>
    /// True while the lock is held, and after that while the database is away: then nobody else can have it, and the accounts'
    /// own authority ends admission. Nothing is admitted once the database has answered that the lock is another's.
    /// </summary>
    bool MayAdmit { get; }

    /// <summary>
    /// How often this process has taken the lock. What it learnt before it took it last, another process that had it meanwhile may have
    /// undone.
    /// </summary>
    int TimesTaken { get; }
}
