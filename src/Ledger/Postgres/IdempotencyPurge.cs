using Npgsql;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>Forgets idempotency keys that are older than <see cref="AccountProtocol.IdempotencyAgeMax"/>.</summary>
public static class IdempotencyPurge
{
    internal const string Which = "at < $1 AND (state <> 'running' OR at < $2) ORDER BY at";

    private const int RowsAtOnce = 2_000;

    /// <summary>Removes what is older, but nothing that may still be running.</summary>
    /// <param name="dataSource">The ledger's.</param>
    /// <param name="now">The time.</param>
    /// <param name="outlivedAfter">How long after its admission a request may still be presented: the total time limit and a minute.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>How many rows were removed.</returns>
    public static Task<long> RunAsync(
        NpgsqlDataSource dataSource, DateTimeOffset now, TimeSpan outlivedAfter, CancellationToken cancellationToken) =>
        Batches.DeleteAsync(
            dataSource,
            "idempotency",
            Which,
            RowsAtOnce,
            cancellationToken,
            new NpgsqlParameter<DateTime> { TypedValue = (now - AccountProtocol.IdempotencyAgeMax).UtcDateTime },
            new NpgsqlParameter<DateTime> { TypedValue = (now - outlivedAfter).UtcDateTime });
}
