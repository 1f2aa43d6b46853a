using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>
/// Brings a database to this build's schema: numbered SQL files, each applied once, whole. Gateways run meanwhile, of this release and of the
/// one before: what that one still uses stays (expand), and is removed by a later release (contract). A file is a transaction that waits for
/// no lock longer than a moment; one that begins with <c>-- concurrently</c> is none, so that it can build an index beside writers: it may
/// break off after any of its statements, and begins by removing what an earlier try left.
/// </summary>
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
        );
        ALTER TABLE schema_migration ADD COLUMN IF NOT EXISTS release int NOT NULL DEFAULT 1
        """;

    /// <summary>Longer than the longest report, which keeps its locks for as long as it runs.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

    private static readonly TimeSpan AskEvery = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Applies what is missing, while gateways of this release and the one before run. Several processes may do so at once: one works, the
    /// others wait and find it done.
    /// </summary>
    /// <exception cref="InvalidOperationException">A file differs from what was applied.</exception>
    /// <exception cref="SchemaTooNewException">The database is a newer build's, by more than one release.</exception>
    public static Task ApplyAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken) =>
        ApplyAsync(dataSource, Embedded(), cancellationToken);

    /// <summary>Refuses a database that this build cannot read. Changes nothing.</summary>
    /// <exception cref="SchemaTooNewException">The database is a newer build's, by more than one release.</exception>
    public static async Task CheckAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await RefuseNewerAsync(connection, Embedded(), cancellationToken);
    }

    internal static async Task ApplyAsync(
        NpgsqlDataSource dataSource, IReadOnlyList<Migration> migrations, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await LockAsync(connection, cancellationToken);
        try
        {
            // An index that is built beside writers takes as long as it takes, and waits for transactions that began before it.
            await ExecuteAsync(connection, "SET statement_timeout = 0; SET lock_timeout = 0", cancellationToken);
            await ExecuteAsync(connection, CreateTable, cancellationToken);
            await RefuseNewerAsync(connection, migrations, cancellationToken);
            foreach (var migration in migrations)
            {
                await ApplyAsync(connection, migration, cancellationToken);
            }
        }
        finally
        {
            // The session goes back to the pool as it was.
            await ExecuteAsync(
                connection, $"RESET statement_timeout; RESET lock_timeout; SELECT pg_advisory_unlock({MigrationLock})", CancellationToken.None);
        }
    }

    /// <summary>
    /// Asks again and again: a statement that waited for the lock would have a snapshot, for whose end an index that is built concurrently
    /// under that lock would wait.
    /// </summary>
    private static async Task LockAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        while (true)
        {
            await using (var take = new NpgsqlCommand($"SELECT pg_try_advisory_lock({MigrationLock})", connection))
            {
                if (await take.ExecuteScalarAsync(cancellationToken) is true)
                {
                    return;
                }
            }

            await Task.Delay(AskEvery, TimeProvider.System, cancellationToken);
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

        if (migration.IsConcurrent)
        {
            foreach (var statement in migration.Statements)
            {
                await ExecuteAsync(connection, statement, cancellationToken);
            }

            await RecordAsync(connection, migration, cancellationToken);
            return;
        }

        await BriefLocks.TryAsync(
            Patience,
            TimeProvider.System,
            async () =>
            {
                await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
                await ExecuteAsync(connection, BriefLocks.Setting, cancellationToken);
                await ExecuteAsync(connection, migration.Sql, cancellationToken);
                await RecordAsync(connection, migration, cancellationToken);
                await transaction.CommitAsync(cancellationToken);
                return true;
            },
            cancellationToken);
    }

    private static async Task RecordAsync(NpgsqlConnection connection, Migration migration, CancellationToken cancellationToken)
    {
        await using var record = new NpgsqlCommand(
            "INSERT INTO schema_migration (number, name, checksum, release) VALUES ($1, $2, $3, $4)", connection)
        {
            Parameters =
            {
                new() { Value = migration.Number },
                new() { Value = migration.Name },
                new() { Value = migration.Checksum },
                new() { Value = migration.Release },
            },
        };
        await record.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>
    /// A release works on the schema of the next one too, which only adds to what it knows: so the silos of a cluster are updated one after
    /// another, and an update can be taken back. What a later release removed it could not know.
    /// </summary>
    private static async Task RefuseNewerAsync(
        NpgsqlConnection connection, IReadOnlyList<Migration> migrations, CancellationToken cancellationToken)
    {
        var known = migrations[^1].Release;
        await using var newest = new NpgsqlCommand(
            "SELECT release, name FROM schema_migration WHERE release > $1 ORDER BY number DESC LIMIT 1", connection)
        {
            Parameters = { new() { Value = known + 1 } },
        };
        await using var reader = await newest.ExecuteReaderAsync(cancellationToken);
        if (await reader.ReadAsync(cancellationToken))
        {
            throw new SchemaTooNewException(
                $"the schema is of release {reader.GetInt32(0)} ({reader.GetString(1)}); this build is of release {known} and works on "
                + $"those up to {known + 1}. Run a newer build.");
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The files of this build, by number.</summary>
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
            var release = int.Parse(match.Groups["release"].Value, CultureInfo.InvariantCulture);
            migrations.Add(new Migration(release, number, match.Groups["name"].Value, reader.ReadToEnd()));
        }

        migrations.Sort((a, b) => a.Number.CompareTo(b.Number));
        for (var i = 0; i < migrations.Count; i++)
        {
            if (i > 0 && migrations[i].Number == migrations[i - 1].Number)
            {
                throw new InvalidOperationException($"Migration {migrations[i].Number} is there twice.");
            }
        }

        return migrations;
    }

    [GeneratedRegex(@"\.Migrations\.Release(?<release>\d+)\.(?<name>(?<number>\d{4})_\w+)\.sql$", RegexOptions.NonBacktracking)]
    private static partial Regex FileName();
}

/// <summary>The database's schema is more than one release newer than this build.</summary>
/// <param name="message">Which release it is of, and what to do.</param>
public sealed class SchemaTooNewException(string message) : Exception(message);

/// <summary>One numbered SQL file.</summary>
/// <param name="Release">The release that brought it: its folder.</param>
internal sealed record Migration(int Release, int Number, string Name, string Sql)
{
    /// <summary>Whether its statements are no transaction.</summary>
    public bool IsConcurrent => Sql.StartsWith("-- concurrently", StringComparison.Ordinal);

    /// <summary>One after another, each of which ends a line.</summary>
    public IEnumerable<string> Statements => Sql.Split(";\n", StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <summary>SHA-256 of the file's text, in hex.</summary>
    public string Checksum { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Sql)));
}
