using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>Brings a database to this build's schema: numbered SQL files, each applied once, whole.</summary>
public static partial class LedgerMigrator
{
    /// <summary>Advisory lock keys of the gateway, in the database's one namespace of them.</summary>
    internal const long MigrationLock = 0x6F67_0001;

    private const string CreateTable =
        """
        CREATE TABLE IF NOT EXISTS schema_migration (
            number     int PRIMARY KEY,
            name       text NOT NULL,
            checksum   text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now()
        )
        """;

    /// <summary>Applies what is missing. Several processes may do so at once: one works, the others wait and find it done.</summary>
    /// <exception cref="InvalidOperationException">A file differs from what was applied, or the database is a newer build's.</exception>
    public static Task ApplyAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken) =>
        ApplyAsync(dataSource, Embedded(), cancellationToken);

    internal static async Task ApplyAsync(
        NpgsqlDataSource dataSource, IReadOnlyList<Migration> migrations, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await InTransactionAsync(connection, _ => Task.CompletedTask, cancellationToken);
        await RefuseNewerAsync(connection, migrations, cancellationToken);
        foreach (var migration in migrations)
        {
            await InTransactionAsync(connection, token => ApplyAsync(connection, migration, token), cancellationToken);
        }
    }

    private static async Task ApplyAsync(NpgsqlConnection connection, Migration migration, CancellationToken cancellationToken)
    {
        await using var find = new NpgsqlCommand("SELECT checksum FROM schema_migration WHERE number = $1", connection)
        {
            Parameters = { new() { Value = migration.Number } },
        };
        if (await find.ExecuteScalarAsync(cancellationToken) is string applied)
        {
            if (applied != migration.Checksum)
            {
                throw new InvalidOperationException(
                    $"Migration {migration.Name} was applied with checksum {applied}, but is {migration.Checksum} now.");
            }

            return;
        }

        await ExecuteAsync(connection, migration.Sql, cancellationToken);
        await using var record = new NpgsqlCommand(
            "INSERT INTO schema_migration (number, name, checksum) VALUES ($1, $2, $3)", connection)
        {
            Parameters =
            {
                new() { Value = migration.Number }, new() { Value = migration.Name }, new() { Value = migration.Checksum },
            },
        };
        await record.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task RefuseNewerAsync(
        NpgsqlConnection connection, IReadOnlyList<Migration> migrations, CancellationToken cancellationToken)
    {
        await using var newest = new NpgsqlCommand("SELECT coalesce(max(number), 0) FROM schema_migration", connection);
        var number = (int)(await newest.ExecuteScalarAsync(cancellationToken))!;
        if (number > migrations[^1].Number)
        {
            throw new InvalidOperationException(
                $"The database has migration {number}; this build knows {migrations[^1].Number}. Run a newer build.");
        }
    }

    private static async Task InTransactionAsync(
        NpgsqlConnection connection, Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0", cancellationToken);
        await ExecuteAsync(connection, $"SELECT pg_advisory_xact_lock({MigrationLock})", cancellationToken);
        await ExecuteAsync(connection, CreateTable, cancellationToken);
        await work(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The files of this build, by number; they run from 1 without gaps.</summary>
    internal static IReadOnlyList<Migration> Embedded()
    {
        var assembly = typeof(LedgerMigrator).Assembly;
        var migrations = new List<Migration>();
        foreach (var resource in assembly.GetManifestResourceNames())
        {
            if (FileName().Match(resource) is not { Success: true } match)
            {
                continue;
            }

            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!, Encoding.UTF8);
            var number = int.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture);
            migrations.Add(new Migration(number, match.Groups["name"].Value, reader.ReadToEnd()));
        }

        migrations.Sort((a, b) => a.Number.CompareTo(b.Number));
        for (var i = 0; i < migrations.Count; i++)
        {
            if (migrations[i].Number != i + 1)
            {
                throw new InvalidOperationException($"Migration {i + 1} is missing or there twice.");
            }
        }

        return migrations;
    }

    [GeneratedRegex(@"\.Migrations\.(?<name>(?<number>\d{4})_\w+)\.sql$")]
    private static partial Regex FileName();
}

/// <summary>One numbered SQL file.</summary>
internal sealed record Migration(int Number, string Name, string Sql)
{
    /// <summary>SHA-256 of the file's text, in hex.</summary>
    public string Checksum { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Sql)));
}
