using Npgsql;
using static OrleansGateway.Ledger.Postgres.UsageColumns;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>
/// The totals of usage, by hour and by day. Flights do not write them: they would change a row more for each account, key, model, channel,
/// price and status. This adds what flights have written, and can neither miss a charge nor count one twice: an account's ledger has no
/// gaps, its mark says up to which seq it is counted, and totals and mark change in one transaction. It goes by no clock, so that a charge
/// that is committed hours late, or by a silo whose clock is wrong, is counted like any other; and a build that knows nothing of totals
/// leaves none out.
/// </summary>
public static class UsageTotals
{
    private const long TotalsLock = 0x6F67_0004;
    private const int AccountsAtOnce = 50;
    private const int RowsOfAnAccountAtOnce = 2_000;
    private const int HoursAtOnce = 5_000;

    /// <summary>How long one step may take, seconds. It takes a few; this ends one that hangs.</summary>
    private const int StepSeconds = 120;

    /// <summary>Each account's rows by their index, whatever the statistics say: the tables are far larger than what is new in them.</summary>
    private const string Settings =
        "SET LOCAL statement_timeout = '120s'; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";

    private static readonly string[] Sums = ["charge", "shortfall", .. Counts];

    /// <summary>What belongs to an account's charge.</summary>
    private static readonly string[] OfAccount = [.. GroupedBy.Where(name => name != "account_id")];

    /// <summary>Counts every charge that was committed before this began, and perhaps later ones.</summary>
    /// <param name="dataSource">The ledger's.</param>
    /// <param name="detached">Partitions that are no part of <c>usage</c> any more, but may have charges that are not counted yet.</param>
    /// <param name="cancellationToken">Stops it; what was counted stays counted.</param>
    /// <returns>How many charges were counted.</returns>
    public static async Task<long> AddAsync(
        NpgsqlDataSource dataSource, IReadOnlyCollection<DateOnly> detached, CancellationToken cancellationToken)
    {
        var sql = AddSql(detached);
        var counted = 0L;
        var after = "";
        while (true)
        {
            await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);

            // Two at once would read the same mark: the lock is held to the end of the transaction, and the mark read under it.
            await ExecuteAsync(connection, $"{Settings}; SELECT pg_advisory_xact_lock({TotalsLock})", cancellationToken);
            await using var command = Command(connection, sql);
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = after });
            await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
            {
                await reader.ReadAsync(cancellationToken);
                if (reader.GetInt64(0) == 0)
                {
                    return counted;
                }

                counted += reader.GetInt64(1);
                after = reader.IsDBNull(2) ? after : reader.GetString(2);
            }

            await transaction.CommitAsync(cancellationToken);
        }
    }

    /// <summary>Removes the totals of the hours whose usage is gone; those of days stay.</summary>
    /// <returns>How many rows were removed.</returns>
    public static Task<long> RemoveHoursAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken) =>
        Batches.DeleteAsync(
            dataSource, "usage_hour", "hour < (SELECT purged_before FROM usage_purge) ORDER BY hour", HoursAtOnce, cancellationToken);

    /// <summary>
    /// Answers how many accounts had something new, how many charges it counted, and the last account that has nothing more (null if the
    /// first one has). A charge without a usage row counts under empty names, so that no money is left out.
    /// </summary>
    private static string AddSql(IReadOnlyCollection<DateOnly> detached)
    {
        var source = string.Join(
            " UNION ALL ",
            detached.Select(UsagePartitions.Name).Prepend("usage").Select(SourceSql));
        return
            $"""
            WITH due AS MATERIALIZED (
                SELECT a.id, counted, a.seq, least(a.seq, counted + {RowsOfAnAccountAtOnce}) AS upto
                FROM account a, LATERAL (SELECT coalesce((SELECT seq FROM usage_mark WHERE account_id = a.id), 0) AS counted) m
                WHERE a.id > $1 AND a.seq > counted ORDER BY a.id LIMIT {AccountsAtOnce})
            , charged AS MATERIALIZED (
                SELECT l.account_id, l.ref, l.at, -l.amount AS charge, l.shortfall
                FROM due JOIN ledger l ON l.account_id = due.id AND l.seq > due.counted AND l.seq <= due.upto
                WHERE l.kind = 'charge')
            {RequestsSql(source)}
            , hours AS ({InsertSql("usage_hour", "hour", "date_trunc('hour', at)", $"hour, {Each(GroupedBy)}")})
            , days AS ({InsertSql("usage_day", "day", "(at AT TIME ZONE 'UTC')::date", $"day, {Each(GroupedBy)}")})
            , marked AS (
                INSERT INTO usage_mark (account_id, seq) SELECT id, upto FROM due
                ON CONFLICT (account_id) DO UPDATE SET seq = excluded.seq)
            SELECT count(*), (SELECT count(*) FROM charged),
                max(id) FILTER (WHERE id < coalesce((SELECT min(id) FROM due WHERE seq > upto), id || ' '))
            FROM due
            """;
    }

    /// <summary>
    /// Brings the charges of <c>charged</c> (account_id, ref, at, charge, shortfall) together with their usage, as <c>request</c>: by grouping
    /// rather than by a join, which a plan for few rows would make row by row. A charge without a usage row has empty names.
    /// </summary>
    /// <param name="source">Where usage is.</param>
    internal static string RequestsSql(string source) =>
        $"""
        , span AS MATERIALIZED (SELECT account_id, min(at) AS first, max(at) AS last FROM charged GROUP BY account_id)
        , used AS MATERIALIZED (
            SELECT u.* FROM span JOIN ({source}) u ON u.account_id = span.account_id AND u.at BETWEEN span.first AND span.last)
        , request AS MATERIALIZED (
            SELECT account_id, max(at) AS at, {Each(OfAccount, "coalesce(max({0}), '') AS {0}")},
                max(charge) AS charge, max(shortfall) AS shortfall, {Each(Counts, "coalesce(max({0}), 0) AS {0}")}
            FROM (
                SELECT account_id, ref, at, charge, shortfall, {Each(OfAccount, "NULL AS {0}")}, {Each(Counts, "NULL::bigint AS {0}")}
                FROM charged
                UNION ALL
                SELECT account_id, request_id, NULL, NULL, NULL, {Each(OfAccount)}, {Each(Counts)} FROM used) both_of_it
            GROUP BY account_id, ref
            HAVING max(at) IS NOT NULL)
        """;

    /// <summary>The columns of usage that <see cref="RequestsSql"/> reads.</summary>
    internal static string SourceSql(string table) => $"SELECT at, request_id, {Each(GroupedBy)}, {Each(Counts)} FROM {table}";

    private static string InsertSql(string table, string period, string of, string key) =>
        $"""
        INSERT INTO {table} AS t ({period}, {Each(GroupedBy)}, requests, {Each(Sums)})
        SELECT {of}, {Each(GroupedBy)}, count(*), {Each(Sums, "sum({0})")} FROM request GROUP BY {of}, {Each(GroupedBy)}
        ON CONFLICT ({key}) DO UPDATE SET requests = t.requests + excluded.requests, {Each(Sums, "{0} = t.{0} + excluded.{0}")}
        """;

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = Command(connection, sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql) => new(sql, connection) { CommandTimeout = StepSeconds };
}
