using System.Data;
using System.Runtime.CompilerServices;
using Dapper;
using Npgsql;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>What operators and customers read of the ledger. Lists come in pages: the next begins after the last one's last row.</summary>
public sealed class LedgerQueries(NpgsqlDataSource dataSource)
{
    /// <summary>The most rows of a page.</summary>
    public const int MaxPage = 1000;

    /// <summary>How long a report may take, seconds: as long it keeps old rows of all tables from being cleaned up.</summary>
    private const int ReportSeconds = 600;

    private const string AccountColumns =
        """
        id AS account_id, name, status, requests_per_minute, tokens_per_minute, concurrency, epoch, seq, balance, reserved,
        quarantined, created_at, activated_at
        """;

    private const string UsageColumns =
        """
        at, account_id, key_id, request_id, model, channel, endpoint, price_id, input, cached_input, cache_write_5m,
        cache_write_1h, audio_input, image_input, output, reasoning, audio_output, image_output, calls, is_estimated, charge,
        first_byte_ms, duration_ms, status, client_address
        """;

    static LedgerQueries() => DefaultTypeMap.MatchNamesWithUnderscores = true;

    /// <summary>Accounts by id.</summary>
    /// <param name="status">Only these; null for all.</param>
    /// <param name="text">A part of the name or the id, whatever its case; null for all.</param>
    /// <param name="afterId">The last id of the page before; null for the first page.</param>
    /// <param name="limit">At most <see cref="MaxPage"/>.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public Task<IReadOnlyList<AccountListing>> AccountsAsync(
        AccountStatus? status, string? text, string? afterId, int limit, CancellationToken cancellationToken)
    {
        var where = new Conditions();
        where.Add(status is { } only ? Names.AccountStatuses[only] : null, "status = {0}");
        where.Add(text, "(strpos(lower(name), lower({0})) > 0 OR strpos(lower(id), lower({0})) > 0)");
        where.Add(afterId, "id > {0}");
        return PageAsync<AccountListing>($"SELECT {AccountColumns} FROM account {where.Sql} ORDER BY id", where, limit, cancellationToken);
    }

    /// <summary>One account as its row stands; null if there is none.</summary>
    public async Task<AccountListing?> AccountAsync(string accountId, CancellationToken cancellationToken)
    {
        var where = new Conditions();
        where.Add(accountId, "id = {0}");
        return (await PageAsync<AccountListing>($"SELECT {AccountColumns} FROM account {where.Sql}", where, 1, cancellationToken))
            .SingleOrDefault();
    }

    /// <summary>All keys of an account by id, revoked ones too.</summary>
    public async Task<IReadOnlyList<KeyListing>> KeysAsync(string accountId, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(AccountReader.KeysSql);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = accountId });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var keys = new List<KeyListing>();
        while (await reader.ReadAsync(cancellationToken))
        {
            keys.Add(AccountReader.KeyListing(reader));
        }

        return keys;
    }

    /// <summary>An account's ledger rows, newest first.</summary>
    /// <param name="accountId">The account.</param>
    /// <param name="from">Not before; null for all.</param>
    /// <param name="to">Before; null for all.</param>
    /// <param name="beforeSeq">The last seq of the page before; null for the first page.</param>
    /// <param name="limit">At most <see cref="MaxPage"/>.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public Task<IReadOnlyList<LedgerListing>> LedgerAsync(
        string accountId, DateTimeOffset? from, DateTimeOffset? to, long? beforeSeq, int limit, CancellationToken cancellationToken)
    {
        var where = new Conditions();
        where.Add(accountId, "account_id = {0}");
        where.Add(from?.UtcDateTime, "at >= {0}");
        where.Add(to?.UtcDateTime, "at < {0}");
        where.Add(beforeSeq, "seq < {0}");
        return PageAsync<LedgerListing>(
            $"SELECT seq, at, kind, amount, shortfall, balance_after, ref, closed_by FROM ledger {where.Sql} ORDER BY seq DESC",
            where,
            limit,
            cancellationToken);
    }

    /// <summary>Usage rows, newest first.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="before">The last row of the page before; null for the first page.</param>
    /// <param name="limit">At most <see cref="MaxPage"/>.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public Task<IReadOnlyList<UsageListing>> UsageAsync(
        UsageFilter filter, UsageListing? before, int limit, CancellationToken cancellationToken)
    {
        var where = Conditions.Of(filter);
        where.Add(before?.At.UtcDateTime, "at <= {0}");
        where.Add(before?.RequestId, "(at, request_id) < (@" + where.Last + ", {0})");
        return PageAsync<UsageListing>(
            $"SELECT {UsageColumns} FROM usage {where.Sql} ORDER BY at DESC, request_id DESC", where, limit, cancellationToken);
    }

    /// <summary>All usage rows of a filter, oldest first, as they come.</summary>
    public async IAsyncEnumerable<UsageListing> ExportUsageAsync(
        UsageFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var where = Conditions.Of(filter);
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await BeginReportAsync(connection, cancellationToken);
        var rows = connection.QueryUnbufferedAsync<UsageListing>(
            $"SELECT {UsageColumns} FROM usage {where.Sql} ORDER BY at, request_id", where.Parameters, transaction, ReportSeconds);
        await foreach (var row in rows.WithCancellation(cancellationToken))
        {
            yield return row;
        }
    }

    /// <summary>Sums over the usage of a filter, a row a group, by group.</summary>
    public async Task<IReadOnlyList<UsageTotal>> UsageTotalsAsync(
        UsageFilter filter, UsageGroups groups, CancellationToken cancellationToken)
    {
        (UsageGroups Group, string Column)[] all =
        [
            (UsageGroups.Day, "(at AT TIME ZONE 'UTC')::date AS day"), (UsageGroups.Account, "account_id"),
            (UsageGroups.Key, "key_id"), (UsageGroups.Model, "model"), (UsageGroups.Channel, "channel"),
        ];
        var columns = all.Where(one => groups.HasFlag(one.Group)).Select(one => one.Column).ToArray();
        var places = string.Join(", ", Enumerable.Range(1, columns.Length));
        var where = Conditions.Of(filter);
        var sql =
            $"""
            SELECT {string.Concat(columns.Select(column => column + ", "))} count(*) AS requests,
                count(*) FILTER (WHERE status = 'completed') AS completed,
                coalesce(sum(input + cache_write_5m + cache_write_1h + audio_input + image_input), 0)::bigint AS fresh_input,
                coalesce(sum(cached_input), 0)::bigint AS cached_input,
                coalesce(sum(output + reasoning + audio_output + image_output), 0)::bigint AS output,
                coalesce(sum(charge), 0)::bigint AS charge
            FROM usage {where.Sql} {(columns.Length == 0 ? "" : $"GROUP BY {places} ORDER BY {places}")}
            """;
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await BeginReportAsync(connection, cancellationToken);
        var command = new CommandDefinition(sql, where.Parameters, transaction, ReportSeconds, cancellationToken: cancellationToken);
        return (await connection.QueryAsync<UsageTotal>(command)).AsList();
    }

    private static async Task<NpgsqlTransaction> BeginReportAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            $"SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '{ReportSeconds}s'",
            transaction: transaction,
            cancellationToken: cancellationToken));
        return transaction;
    }

    private async Task<IReadOnlyList<T>> PageAsync<T>(string sql, Conditions where, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, MaxPage);
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        var command = new CommandDefinition($"{sql} LIMIT {limit}", where.Parameters, cancellationToken: cancellationToken);
        return (await connection.QueryAsync<T>(command)).AsList();
    }

    /// <summary>Only what is asked for comes into the statement, so that it is planned for that.</summary>
    private sealed class Conditions
    {
        private readonly List<string> _conditions = [];

        public DynamicParameters Parameters { get; } = new();

        public string Sql => _conditions.Count == 0 ? "" : "WHERE " + string.Join(" AND ", _conditions);

        /// <summary>The name of the latest parameter.</summary>
        public string Last => $"p{_conditions.Count}";

        /// <param name="value">Null adds nothing.</param>
        /// <param name="condition">With <c>{0}</c> in the value's place.</param>
        public void Add(object? value, string condition)
        {
            if (value is null)
            {
                return;
            }

            var name = $"p{_conditions.Count + 1}";
            Parameters.Add(name, value is DateTime ? new UtcTime(value) : value);
            _conditions.Add(condition.Replace("{0}", "@" + name, StringComparison.Ordinal));
        }

        public static Conditions Of(UsageFilter filter)
        {
            var where = new Conditions();
            where.Add(filter.AccountId, "account_id = {0}");
            where.Add(filter.KeyId, "key_id = {0}");
            where.Add(filter.Model, "model = {0}");
            where.Add(filter.Channel, "channel = {0}");
            where.Add(filter.Status is { } status ? Names.RequestStatuses[status] : null, "status = {0}");
            where.Add(filter.From?.UtcDateTime, "at >= {0}");
            where.Add(filter.To?.UtcDateTime, "at < {0}");
            return where;
        }
    }

    /// <summary>Dapper would send a DateTime as a time without a zone.</summary>
    private sealed class UtcTime(object value) : SqlMapper.ICustomQueryParameter
    {
        public void AddParameter(IDbCommand command, string name) =>
            command.Parameters.Add(new NpgsqlParameter(name, NpgsqlTypes.NpgsqlDbType.TimestampTz) { Value = value });
    }
}
