using System.Globalization;
using Npgsql;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>The daily partitions of <c>usage</c> (days are UTC's): made ahead, and dropped when their time is over.</summary>
public static class UsagePartitions
{
    private const long PartitionLock = 0x6F67_0002;
    private const int DaysAhead = 2;

    /// <summary>How long a partition is tried to be made, detached or dropped. What a long report keeps is left to the next time.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Makes the partitions of today and two days to come, and of every day up to then whose rows have landed in the default
    /// partition, and moves those rows. To be called at start and every hour.
    /// </summary>
    /// <returns>How many days' partitions were made.</returns>
    public static async Task<int> EnsureAsync(
        NpgsqlDataSource dataSource, DateTimeOffset now, TimeProvider time, CancellationToken cancellationToken)
    {
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        return await InTransactionAsync(
            dataSource,
            time,
            async connection =>
            {
                // A day whose partition is detached, but not dropped yet, has to wait: the table's name is taken.
                var days = await DaysAsync(
                    connection,
                    """
                    SELECT d::date FROM generate_series($1::date, $2::date, interval '1 day') AS t(d)
                    UNION SELECT at::date FROM usage_default WHERE at < $2::date + 1
                    EXCEPT SELECT to_date(substr(relname, 7), 'YYYYMMDD') FROM pg_class
                        WHERE relkind = 'r' AND pg_table_is_visible(oid) AND relname ~ '^usage_\d{8}$'
                    ORDER BY 1
                    """,
                    cancellationToken,
                    today,
                    today.AddDays(DaysAhead));
                foreach (var day in days)
                {
                    await CreateAsync(connection, day, cancellationToken);
                }

                return days.Count;
            },
            cancellationToken);
    }

    /// <summary>
    /// Takes the days before <paramref name="day"/> out of <c>usage</c>, and records up to when. From then on no row can get into them, so
    /// that they can be counted to the last before they are dropped.
    /// </summary>
    public static async Task DetachBeforeAsync(NpgsqlDataSource dataSource, DateOnly day, TimeProvider time, CancellationToken cancellationToken)
    {
        foreach (var past in (await ReadAsync(dataSource, isAttached: true, cancellationToken)).Where(one => one < day))
        {
            // The locks that no flight waits for come first, and the one that all of them wait for last.
            await InTransactionAsync(
                dataSource,
                time,
                connection => ExecuteAsync(
                    connection,
                    $"""
                    LOCK TABLE {Name(past)}, usage_default IN ACCESS EXCLUSIVE MODE;
                    INSERT INTO usage_purge (purged_before) VALUES ('{Literal(past.AddDays(1))}') ON CONFLICT (only_row)
                    DO UPDATE SET purged_before = greatest(usage_purge.purged_before, excluded.purged_before);
                    ALTER TABLE usage DETACH PARTITION {Name(past)}
                    """,
                    cancellationToken),
                cancellationToken);
        }
    }

    /// <summary>The days whose partitions are detached and not dropped yet.</summary>
    public static Task<IReadOnlyList<DateOnly>> DetachedAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken) =>
        ReadAsync(dataSource, isAttached: false, cancellationToken);

    /// <summary>Drops a partition that is detached.</summary>
    public static Task DropAsync(NpgsqlDataSource dataSource, DateOnly day, TimeProvider time, CancellationToken cancellationToken) =>
        InTransactionAsync(
            dataSource, time, connection => ExecuteAsync(connection, $"DROP TABLE {Name(day)}", cancellationToken), cancellationToken);

    /// <summary>
    /// A table of its own first, then attached: creating it as a partition would lock out all writers, and fails once the
    /// default partition has rows of that day.
    /// </summary>
    private static Task<int> CreateAsync(NpgsqlConnection connection, DateOnly day, CancellationToken cancellationToken)
    {
        var name = Name(day);
        var from = Literal(day);
        var to = Literal(day.AddDays(1));
        return ExecuteAsync(
            connection,
            $"""
            LOCK TABLE usage_default IN ACCESS EXCLUSIVE MODE;
            CREATE TABLE {name} (LIKE usage INCLUDING ALL);
            WITH moved AS (DELETE FROM usage_default WHERE at >= '{from}' AND at < '{to}' RETURNING *)
            INSERT INTO {name} SELECT * FROM moved;
            ALTER TABLE usage ATTACH PARTITION {name} FOR VALUES FROM ('{from}') TO ('{to}')
            """,
            cancellationToken);
    }

    internal static string Name(DateOnly day) => string.Create(CultureInfo.InvariantCulture, $"usage_{day:yyyyMMdd}");

    private static string Literal(DateOnly day) => string.Create(CultureInfo.InvariantCulture, $"{day:yyyy-MM-dd} 00:00:00+00");

    private static async Task<List<DateOnly>> DaysAsync(
        NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params DateOnly[] parameters)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(new NpgsqlParameter<DateOnly> { TypedValue = parameter });
        }

        var days = new List<DateOnly>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            days.Add(reader.GetFieldValue<DateOnly>(0));
        }

        return days;
    }

    private static async Task<IReadOnlyList<DateOnly>> ReadAsync(
        NpgsqlDataSource dataSource, bool isAttached, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        return await DaysAsync(
            connection,
            $$"""
            SELECT to_date(substr(relname, 7), 'YYYYMMDD') FROM pg_class
            WHERE relkind = 'r' AND pg_table_is_visible(oid) AND relname ~ '^usage_\d{8}$'
                AND relispartition = {{isAttached}} ORDER BY 1
            """,
            cancellationToken);
    }

    private static async Task<int> ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static Task<int> InTransactionAsync(
        NpgsqlDataSource dataSource, TimeProvider time, Func<NpgsqlConnection, Task<int>> work, CancellationToken cancellationToken) =>
        BriefLocks.TryAsync(
            Patience,
            time,
            async () =>
            {
                await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
                await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
                await ExecuteAsync(
                    connection,
                    $"SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({PartitionLock}); {BriefLocks.Setting}",
                    cancellationToken);
                var count = await work(connection);
                await transaction.CommitAsync(cancellationToken);
                return count;
            },
            cancellationToken);
}
