using System.Globalization;
using Npgsql;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>The daily partitions of <c>usage</c> (days are UTC's): made ahead, and dropped when their time is over.</summary>
public static class UsagePartitions
{
    private const long PartitionLock = 0x6F67_0002;
    private const int DaysAhead = 2;

    /// <summary>
    /// Makes the partitions of today and two days to come, and of every day up to then whose rows have landed in the default
    /// partition, and moves those rows. To be called at start and every hour.
    /// </summary>
    public static Task EnsureAsync(NpgsqlDataSource dataSource, DateTimeOffset now, CancellationToken cancellationToken) =>
        InTransactionAsync(
            dataSource,
            async connection =>
            {
                var today = DateOnly.FromDateTime(now.UtcDateTime);
                var days = await DaysAsync(
                    connection,
                    """
                    SELECT d::date FROM generate_series($1::date, $2::date, interval '1 day') AS t(d)
                    UNION SELECT at::date FROM usage_default WHERE at < $2::date + 1
                    EXCEPT SELECT to_date(substr(relname, 7), 'YYYYMMDD') FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                        WHERE inhparent = 'usage'::regclass AND relname ~ '^usage_\d{8}$'
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

    /// <summary>Removes all usage of the days before <paramref name="day"/>, and records up to when.</summary>
    /// <returns>How many days' partitions were dropped.</returns>
    public static Task<int> DropBeforeAsync(NpgsqlDataSource dataSource, DateOnly day, CancellationToken cancellationToken) =>
        InTransactionAsync(
            dataSource,
            async connection =>
            {
                var days = await DaysAsync(
                    connection,
                    """
                    SELECT d FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid, to_date(substr(relname, 7), 'YYYYMMDD') AS t(d)
                    WHERE inhparent = 'usage'::regclass AND relname ~ '^usage_\d{8}$' AND d < $1 ORDER BY 1
                    """,
                    cancellationToken,
                    day);
                foreach (var past in days)
                {
                    await ExecuteAsync(connection, $"DROP TABLE {Name(past)}", cancellationToken);
                }

                await ExecuteAsync(
                    connection,
                    $"""
                    DELETE FROM usage_default WHERE at < '{Literal(day)}';
                    INSERT INTO usage_purge (purged_before) VALUES ('{Literal(day)}') ON CONFLICT (only_row)
                    DO UPDATE SET purged_before = greatest(usage_purge.purged_before, excluded.purged_before)
                    """,
                    cancellationToken);
                return days.Count;
            },
            cancellationToken);

    /// <summary>
    /// A table of its own first, then attached: creating it as a partition would lock out all writers, and fails once the
    /// default partition has rows of that day.
    /// </summary>
    private static Task CreateAsync(NpgsqlConnection connection, DateOnly day, CancellationToken cancellationToken)
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

    private static string Name(DateOnly day) => string.Create(CultureInfo.InvariantCulture, $"usage_{day:yyyyMMdd}");

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

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The session's bound on waits for locks stays: flights queue behind a lock that is waited for.</summary>
    private static async Task<int> InTransactionAsync(
        NpgsqlDataSource dataSource, Func<NpgsqlConnection, Task<int>> work, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(
            connection, $"SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({PartitionLock})", cancellationToken);
        var count = await work(connection);
        await transaction.CommitAsync(cancellationToken);
        return count;
    }
}
