using System.Globalization;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Ledger.Postgres;

namespace OrleansGateway.Operations;

/// <summary>Which accounts.</summary>
/// <param name="Status">Only these; null for all.</param>
/// <param name="Search">A part of the name or the id, whatever its case; null for all.</param>
public sealed record AccountFilter(AccountStatus? Status, string? Search);

/// <summary>Which rows of an account's ledger.</summary>
/// <param name="From">Not before; null for all.</param>
/// <param name="To">Before; null for all.</param>
public sealed record LedgerFilter(string AccountId, DateTimeOffset? From, DateTimeOffset? To);

/// <summary>Rows as they come from the database.</summary>
public sealed record Export<T>(IAsyncEnumerable<T> Rows);

/// <summary>A row a group.</summary>
public sealed record Sums(IReadOnlyList<UsageTotal> Totals);

/// <summary>
/// What is only read: rows of accounts and keys, usage, the ledger, the books, the audit. Asks the database alone, so it needs no running
/// gateway.
/// </summary>
public sealed class ReportOperations(LedgerQueries queries, TimeProvider time)
{
    /// <summary>Accounts by id, as their rows stand.</summary>
    public async Task<Result<Page<AccountListing>>> AccountsAsync(
        Actor actor, AccountFilter filter, PageRequest page, CancellationToken cancellationToken)
    {
        var problems = new Problems();
        problems.CheckFilter("search", filter.Search);
        return (actor.Refusal ?? problems.ToFailure()) is { } failure
            ? failure
            : await new Paging("accounts", filter).ReadAsync<AccountListing, string>(
                page,
                (after, limit) => queries.AccountsAsync(filter.Status, filter.Search, after, limit, cancellationToken),
                static row => row.AccountId,
                Paging.Text);
    }

    /// <summary>One account as its row stands.</summary>
    public async Task<Result<AccountListing>> AccountAsync(Actor actor, string accountId, CancellationToken cancellationToken) =>
        actor.RefusalFor(accountId) is { } refusal ? refusal
        : await FindAsync(accountId, cancellationToken) is { } row ? row
        : Failure.UnknownAccount(accountId);

    /// <summary>Keys of an account by id, as their rows stand.</summary>
    public async Task<Result<Page<Key>>> KeysAsync(Actor actor, string accountId, PageRequest page, CancellationToken cancellationToken) =>
        await RefusalAsync(actor, accountId, cancellationToken) is { } failure
            ? failure
            : await new Paging("keys", accountId).ReadAsync<Key, string>(
                page,
                async (after, limit) => [.. (await queries.KeysAsync(accountId, after, limit, cancellationToken)).Select(row => Key.Of(accountId, row))],
                static key => key.KeyId,
                Paging.Text);

    /// <summary>Relayed requests, newest first.</summary>
    public async Task<Result<Page<UsageListing>>> UsageAsync(Actor actor, UsageFilter filter, PageRequest page, CancellationToken cancellationToken) =>
        await RefusalAsync(actor, filter, cancellationToken) is { } failure
            ? failure
            : await new Paging("usage", filter).ReadAsync(
                page,
                (before, limit) => queries.UsageAsync(filter, before, limit, cancellationToken),
                static row => string.Create(CultureInfo.InvariantCulture, $"{row.At.UtcTicks} {row.RequestId}"),
                ParsePlace);

    /// <summary>Every relayed request of a filter, oldest first.</summary>
    public async Task<Result<Export<UsageListing>>> ExportUsageAsync(Actor actor, UsageFilter filter, CancellationToken cancellationToken) =>
        await RefusalAsync(actor, filter, cancellationToken) is { } failure
            ? failure
            : new Export<UsageListing>(queries.ExportUsageAsync(filter, cancellationToken));

    /// <summary>Sums of usage, a row a group, by group; <see cref="FailureKind.Unavailable"/> where they take longer than a report may.</summary>
    public async Task<Result<Sums>> SumUsageAsync(Actor actor, UsageFilter filter, UsageGroups groups, CancellationToken cancellationToken) =>
        await RefusalAsync(actor, filter, cancellationToken) is { } failure
            ? failure
            : await SumAsync(queries.UsageTotalsAsync(filter, groups, cancellationToken));

    /// <summary>The same for spans of time one after another, a row a group of each that has one, by span.</summary>
    /// <param name="bounds">Ascending: a span ends where the next begins.</param>
    public async Task<Result<Sums>> SumUsageOverTimeAsync(
        Actor actor, UsageFilter filter, IReadOnlyList<DateTimeOffset> bounds, UsageGroups groups, CancellationToken cancellationToken) =>
        await RefusalAsync(actor, filter, cancellationToken) is { } failure
            ? failure
            : await SumAsync(queries.UsageTotalsAsync(filter, bounds, groups, cancellationToken));

    /// <summary>An account's movements of money, newest first.</summary>
    public async Task<Result<Page<LedgerListing>>> LedgerAsync(Actor actor, LedgerFilter filter, PageRequest page, CancellationToken cancellationToken) =>
        await RefusalAsync(actor, filter.AccountId, cancellationToken) is { } failure
            ? failure
            : await new Paging("ledger", filter).ReadAsync(
                page,
                (before, limit) => queries.LedgerAsync(filter.AccountId, filter.From, filter.To, before, limit, cancellationToken),
                static row => row.Seq.ToString(CultureInfo.InvariantCulture),
                Paging.Number);

    /// <summary>Every movement of an account's money, oldest first.</summary>
    public async Task<Result<Export<LedgerListing>>> ExportLedgerAsync(Actor actor, LedgerFilter filter, CancellationToken cancellationToken) =>
        await RefusalAsync(actor, filter.AccountId, cancellationToken) is { } failure
            ? failure
            : new Export<LedgerListing>(queries.ExportLedgerAsync(filter.AccountId, filter.From, filter.To, cancellationToken));

    /// <summary>Adds up the whole ledger and checks every account.</summary>
    public async Task<Result<VerifyReport>> VerifyAsync(Actor actor, CancellationToken cancellationToken) =>
        actor.Refusal is { } refusal ? refusal : await queries.VerifyAsync(time.GetUtcNow(), cancellationToken);

    /// <summary>Changes that were asked for, and what became of them, newest first.</summary>
    public async Task<Result<Page<AuditListing>>> AuditAsync(Actor actor, AuditFilter filter, PageRequest page, CancellationToken cancellationToken)
    {
        var problems = new Problems();
        problems.CheckFilter("subject", filter.Subject);
        problems.CheckFilter("actor_id", filter.ActorId);
        problems.CheckFilter("request_id", filter.RequestId);
        return (actor.Refusal ?? problems.ToFailure()) is { } failure
            ? failure
            : await new Paging("audit", filter).ReadAsync(
                page,
                (before, limit) => queries.AuditAsync(filter, before, limit, cancellationToken),
                static row => row.Id.ToString(CultureInfo.InvariantCulture),
                Paging.Number);
    }

    private static async Task<Result<Sums>> SumAsync(Task<IReadOnlyList<UsageTotal>> totals)
    {
        try
        {
            return new Sums(await totals);
        }
        catch (TimeoutException)
        {
            return Failure.Unavailable;
        }
    }

    private async Task<Failure?> RefusalAsync(Actor actor, string accountId, CancellationToken cancellationToken) =>
        actor.RefusalFor(accountId) ?? (await FindAsync(accountId, cancellationToken) is null ? Failure.UnknownAccount(accountId) : null);

    private async Task<Failure?> RefusalAsync(Actor actor, UsageFilter filter, CancellationToken cancellationToken) =>
        actor.RefusalFor(filter.AccountId) ?? Check(filter) ?? (filter.AccountId is { } accountId ? await RefusalAsync(actor, accountId, cancellationToken) : null);

    private static Failure? Check(UsageFilter filter)
    {
        var problems = new Problems();
        problems.CheckFilter("filter.account_id", filter.AccountId);
        problems.CheckFilter("filter.key_id", filter.KeyId);
        problems.CheckFilter("filter.model", filter.Model);
        problems.CheckFilter("filter.channel", filter.Channel);
        problems.CheckFilter("filter.request_id", filter.RequestId);
        return problems.ToFailure();
    }

    private async Task<AccountListing?> FindAsync(string accountId, CancellationToken cancellationToken) =>
        Ids.IsAccountId(accountId) ? await queries.AccountAsync(accountId, cancellationToken) : null;

    private static UsagePlace? ParsePlace(string cursor) =>
        cursor.Split(' ', 2) is [var at, var request]
        && long.TryParse(at, NumberStyles.None, CultureInfo.InvariantCulture, out var ticks)
        && ticks <= DateTimeOffset.MaxValue.UtcTicks
            ? new UsagePlace(new DateTimeOffset(ticks, TimeSpan.Zero), request)
            : null;
}
