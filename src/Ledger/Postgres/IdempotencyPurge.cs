using Npgsql;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>Idempotency keys are kept for 24 h.</summary>
public static class IdempotencyPurge
{
    /// <summary>How long a key is remembered.</summary>
    public static TimeSpan Kept { get; } = TimeSpan.FromHours(24);

    /// <summary>Removes what is older, but nothing that may still be running.</summary>
    /// <param name="dataSource">The ledger's.</param>
    /// <param name="now">The time.</param>
    /// <param name="outlivedAfter">How long after its admission a request may still be presented: the total time limit and a minute.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>How many rows were removed.</returns>
    public static async Task<int> RunAsync(
        NpgsqlDataSource dataSource, DateTimeOffset now, TimeSpan outlivedAfter, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            "DELETE FROM idempotency WHERE at < $1 AND (state <> 'running' OR at < $2)");
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = (now - Kept).UtcDateTime });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = (now - outlivedAfter).UtcDateTime });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
