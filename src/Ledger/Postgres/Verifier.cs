using System.Collections.Immutable;
using System.Data;
using Npgsql;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>Adds up the whole ledger again and checks every rule of the account protocol that the tables can show.</summary>
public static class Verifier
{
    /// <summary>
    /// Every rule reads whole tables. Without statistics, as after a quick growth, PostgreSQL takes them for small and would join them
    /// row by row: minutes for 90,000 charges.
    /// </summary>
    internal const string Settings =
        "SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '64MB'; SET LOCAL enable_nestloop = off";

    /// <summary>Checks one moment's state of all tables; others go on writing.</summary>
    /// <param name="dataSource">The ledger's.</param>
    /// <param name="now">The time: what was quarantined long enough before it counts as free.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<VerifyReport> RunAsync(
        NpgsqlDataSource dataSource, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        await using (var settings = Command(connection, Settings))
        {
            await settings.ExecuteNonQueryAsync(cancellationToken);
        }

        var report = await SumAsync(connection, now, cancellationToken);
        var problems = ImmutableArray.CreateBuilder<VerifyProblem>();
        foreach (var rule in VerifierRules.All)
        {
            await using var check = Command(connection, $"{rule.Sql} LIMIT {VerifyReport.MaxProblemsARule}");
            await using var reader = await check.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                problems.Add(new VerifyProblem(reader.GetString(0), rule.Name, reader.GetString(1)));
            }
        }

        return report with { Problems = problems.DrainToImmutable() };
    }

    private static async Task<VerifyReport> SumAsync(NpgsqlConnection connection, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var command = Command(connection, VerifierRules.Sums);
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = (now - AccountProtocol.Quarantine).UtcDateTime });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new VerifyReport
        {
            Accounts = reader.GetInt64(0),
            Balance = (Int128)reader.GetDecimal(1),
            Reserved = (Int128)reader.GetDecimal(2),
            Quarantined = (Int128)reader.GetDecimal(3),
            QuarantineOver = (Int128)reader.GetDecimal(4),
            LedgerRows = reader.GetInt64(5),
            Charged = (Int128)reader.GetDecimal(6),
            Shortfall = (Int128)reader.GetDecimal(7),
            UsageRows = reader.GetInt64(8),
            Keys = reader.GetInt64(9),
            IdempotencyRows = reader.GetInt64(10),
            UsagePurgedBefore = reader.IsDBNull(11) ? null : reader.GetFieldValue<DateTimeOffset>(11),
            Problems = [],
        };
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql) => new(sql, connection) { CommandTimeout = 0 };
}

/// <summary>What was checked, and what was found. Money in nanos.</summary>
public sealed record VerifyReport
{
    /// <summary>A rule that is broken more often than this is reported this often.</summary>
    public const int MaxProblemsARule = 1000;

    public required long Accounts { get; init; }
    public required long LedgerRows { get; init; }
    public required long UsageRows { get; init; }
    public required long Keys { get; init; }
    public required long IdempotencyRows { get; init; }
    public required Int128 Balance { get; init; }
    public required Int128 Reserved { get; init; }

    /// <summary>Of it, <see cref="QuarantineOver"/> has been so long enough: the next activation frees it.</summary>
    public required Int128 Quarantined { get; init; }

    public required Int128 QuarantineOver { get; init; }
    public required Int128 Charged { get; init; }
    public required Int128 Shortfall { get; init; }

    /// <summary>Before it charges need no usage row; null if no usage was ever removed.</summary>
    public required DateTimeOffset? UsagePurgedBefore { get; init; }

    public required ImmutableArray<VerifyProblem> Problems { get; init; }
}

/// <summary>A rule that an account's rows break.</summary>
public sealed record VerifyProblem(string AccountId, string Rule, string Detail);
