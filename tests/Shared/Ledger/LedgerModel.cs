using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Tests.Shared.Ledger;

/// <summary>Which of the ledger's calls a fault strikes.</summary>
internal enum LedgerMethod
{
    Create,
    Activate,
    Commit,
    FindEntries,
    FindIdempotency,
}

/// <summary>One try of one call, as a fault hook sees it.</summary>
internal sealed record LedgerCall(LedgerMethod Method, string AccountId, ImmutableArray<AccountBatch> Batches);

/// <summary>What becomes of one try.</summary>
public enum LedgerFault
{
    None,
    /// <summary>The connection breaks, and the statement never ran.</summary>
    LostBefore,
    /// <summary>It ran and committed; its answer is lost.</summary>
    LostAfter,
    /// <summary>The caller is told that the connection broke; the statement runs when <see cref="LedgerModel.RunLate"/> is called.</summary>
    RunsLate,
}

/// <summary>
/// PostgreSQL behind the ledger's interface, in memory: every transaction is one step on the thread that calls, so a seed
/// drives it. Statements of different callers take effect in the order in which they run; hooks delay and break them.
/// </summary>
internal sealed class LedgerModel : ILedger
{
    private readonly SortedDictionary<string, LedgerModelAccount> _accounts = new(StringComparer.Ordinal);
    private readonly Queue<Action> _late = new();

    /// <summary>While true every try fails before it ran, and what ran meanwhile loses its answer.</summary>
    public bool IsAway { get; set; }

    /// <summary>Asked once a try.</summary>
    public Func<LedgerCall, LedgerFault> Fault { get; set; } = static _ => LedgerFault.None;

    /// <summary>Awaited before the transaction runs: the request is on its way.</summary>
    public Func<LedgerCall, Task> Before { get; set; } = static _ => Task.CompletedTask;

    /// <summary>
    /// Awaited after a flight that left batches out, before it looks at their rows in a transaction of its own: what others commit
    /// meanwhile is seen.
    /// </summary>
    public Func<LedgerCall, Task> BeforeLook { get; set; } = static _ => Task.CompletedTask;

    /// <summary>Awaited after the transaction ran: the answer is on its way.</summary>
    public Func<LedgerCall, Task> After { get; set; } = static _ => Task.CompletedTask;

    /// <summary>Every try so far, in order.</summary>
    public List<LedgerCall> Calls { get; } = [];

    public IEnumerable<LedgerModelAccount> Accounts => _accounts.Values;

    public LedgerModelAccount this[string accountId] => _accounts[accountId];

    /// <summary>Runs the statement that has been late the longest; nobody hears its answer.</summary>
    public void RunLate() => _late.Dequeue()();

    /// <inheritdoc/>
    public Task CreateAccountAsync(
        string accountId, string name, RateLimits limits, DateTimeOffset at, CancellationToken cancellationToken) =>
        TryAsync(
            new LedgerCall(LedgerMethod.Create, accountId, []),
            () =>
            {
                LedgerChecks.Sendable(accountId, name);
                LedgerChecks.Length(accountId, 128);
                LedgerChecks.Limits(limits);
                return _accounts.TryAdd(accountId, new LedgerModelAccount(accountId, name, limits, at));
            },
            cancellationToken);

    /// <inheritdoc/>
    public Task<ActivatedAccount?> ActivateAsync(
        string accountId, string activationId, string processId, DateTimeOffset at, CancellationToken cancellationToken) =>
        TryAsync(
            new LedgerCall(LedgerMethod.Activate, accountId, []),
            () =>
            {
                LedgerChecks.Sendable(accountId, activationId, processId);
                return _accounts.GetValueOrDefault(accountId)?.Activate(activationId, processId, at);
            },
            cancellationToken);

    /// <inheritdoc/>
    public Task<ImmutableArray<BatchAnswer>> CommitAsync(
        ImmutableArray<AccountBatch> batches, CancellationToken cancellationToken)
    {
        if (batches.DistinctBy(static b => b.AccountId).Count() < batches.Length)
        {
            throw new ArgumentException("Two batches of one account in one flight.", nameof(batches));
        }

        foreach (var batch in batches)
        {
            LedgerChecks.Sent(batch);
        }

        var call = new LedgerCall(LedgerMethod.Commit, batches[0].AccountId, batches);
        return TryAsync(call, () => Commit(batches), cancellationToken, answers => LookAsync(call, answers, cancellationToken));
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<LedgerEntry>> FindEntriesAsync(
        string accountId, ImmutableArray<EntryRef> refs, CancellationToken cancellationToken) =>
        TryAsync(
            new LedgerCall(LedgerMethod.FindEntries, accountId, []),
            () =>
            {
                LedgerChecks.Sendable([accountId, .. refs.Select(static r => r.Ref)]);
                return _accounts.TryGetValue(accountId, out var account)
                    ? refs.Distinct().Select(account.Find).OfType<LedgerEntry>().OrderBy(static e => e.Seq).ToImmutableArray()
                    : [];
            },
            cancellationToken);

    /// <inheritdoc/>
    public Task<IdempotencyRow?> FindIdempotencyAsync(string accountId, string key, CancellationToken cancellationToken) =>
        TryAsync(
            new LedgerCall(LedgerMethod.FindIdempotency, accountId, []),
            () =>
            {
                LedgerChecks.Sendable(accountId, key);
                return _accounts.GetValueOrDefault(accountId)?.Idempotency.GetValueOrDefault(key);
            },
            cancellationToken);

    private ImmutableArray<BatchAnswer> Commit(ImmutableArray<AccountBatch> batches)
    {
        // What one transaction commits, it commits whole: all are checked before any is applied.
        var matching = batches.Where(b => _accounts.TryGetValue(b.AccountId, out var account) && account.Matches(b)).ToList();
        foreach (var batch in matching)
        {
            _accounts[batch.AccountId].Check(batch);
        }

        foreach (var batch in matching)
        {
            _accounts[batch.AccountId].Apply(batch);
        }

        return [.. batches.Select(batch => new BatchAnswer(matching.Contains(batch), 0, 0))];
    }

    /// <summary>Reads the rows of the batches that were left out.</summary>
    private async Task<ImmutableArray<BatchAnswer>> LookAsync(
        LedgerCall call, ImmutableArray<BatchAnswer> answers, CancellationToken cancellationToken)
    {
        if (answers.All(static a => a.IsApplied))
        {
            return answers;
        }

        await BeforeLook(call).WaitAsync(cancellationToken);
        if (IsAway)
        {
            throw new LedgerLostException("the connection broke");
        }

        return [.. answers.Zip(call.Batches, (answer, batch) =>
            !answer.IsApplied && _accounts.TryGetValue(batch.AccountId, out var account)
                ? new BatchAnswer(false, account.Row.Epoch, account.Row.Version)
                : answer)];
    }

    private async Task<T> TryAsync<T>(
        LedgerCall call, Func<T> transaction, CancellationToken cancellationToken, Func<T, Task<T>>? then = null)
    {
        Calls.Add(call);
        var fault = Fault(call);
        await Before(call).WaitAsync(cancellationToken);
        if (IsAway || fault == LedgerFault.LostBefore)
        {
            throw new LedgerLostException("the connection broke");
        }

        if (fault == LedgerFault.RunsLate)
        {
            _late.Enqueue(() => RunUnheard(transaction));
            throw new LedgerLostException("the connection broke");
        }

        var result = transaction();
        result = then is null ? result : await then(result);
        await After(call).WaitAsync(cancellationToken);
        return IsAway || fault == LedgerFault.LostAfter ? throw new LedgerLostException("the connection broke") : result;
    }

    private static void RunUnheard<T>(Func<T> transaction)
    {
        try
        {
            transaction();
        }
        catch (LedgerDataException)
        {
            // The sender has gone.
        }
    }
}
