using System.Collections.Immutable;
using System.Text;
using Npgsql;
using NpgsqlTypes;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>The ledger in PostgreSQL.</summary>
/// <param name="dataSource">From <see cref="LedgerDataSource"/>, migrated; disposed by who made it.</param>
public sealed class PostgresLedger(NpgsqlDataSource dataSource) : ILedger
{
    /// <inheritdoc/>
    public async Task CreateAccountAsync(
        string accountId, string name, RateLimits limits, DateTimeOffset at, CancellationToken cancellationToken)
    {
        const string Sql =
            """
            INSERT INTO account (id, name, requests_per_minute, tokens_per_minute, concurrency, created_at)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING
            """;
        await TryAsync(
            async connection =>
            {
                await using var command = new NpgsqlCommand(Sql, connection)
                {
                    Parameters =
                    {
                        Of(accountId), Of(name), OfOptional(limits.RequestsPerMinute), OfOptional(limits.TokensPerMinute),
                        OfOptional(limits.Concurrency), Of(at.UtcDateTime),
                    },
                };
                return await command.ExecuteNonQueryAsync(cancellationToken);
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public Task<ActivatedAccount?> ActivateAsync(
        string accountId, string activationId, string processId, DateTimeOffset at, CancellationToken cancellationToken)
    {
        // One transaction: the lock comes first, so that each later statement sees the row that it locked.
        const string Lock = "SELECT FROM account WHERE id = $1 FOR NO KEY UPDATE";
        const string Raise =
            """
            UPDATE account SET
                epoch = epoch + 1, version = version + 1, quarantined = quarantined + reserved,
                reserved = (balance - reserved - quarantined) / 8,
                earlier_process = CASE
                    WHEN quarantined = 0 THEN process
                    WHEN reserved = 0 OR earlier_process = process THEN earlier_process
                END,
                process = $3, activation = $2, activated_at = $4
            WHERE id = $1 AND activation IS DISTINCT FROM $2
            """;
        return TryAsync(
            async connection =>
            {
                await using var batch = new NpgsqlBatch(connection)
                {
                    BatchCommands =
                    {
                        new(Lock) { Parameters = { Of(accountId) } },
                        new(Raise) { Parameters = { Of(accountId), Of(activationId), Of(processId), Of(at.UtcDateTime) } },
                        new(AccountReader.AccountSql) { Parameters = { Of(accountId) } },
                        new(AccountReader.KeysSql) { Parameters = { Of(accountId) } },
                    },
                };
                await batch.PrepareAsync(cancellationToken);
                await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
                await reader.NextResultAsync(cancellationToken);
                if (!await reader.ReadAsync(cancellationToken))
                {
                    return null;
                }

                var account = AccountReader.Account(reader);
                var earlier = AccountReader.EarlierProcess(reader);
                await reader.NextResultAsync(cancellationToken);
                var keys = ImmutableArray.CreateBuilder<KeyRow>();
                while (await reader.ReadAsync(cancellationToken))
                {
                    keys.Add(AccountReader.Key(reader));
                }

                return new ActivatedAccount(account, keys.DrainToImmutable(), earlier);
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<ImmutableArray<BatchAnswer>> CommitAsync(
        ImmutableArray<AccountBatch> batches, CancellationToken cancellationToken)
    {
        var ids = new HashSet<string>(batches.Length, StringComparer.Ordinal);
        foreach (var batch in batches)
        {
            if (!ids.Add(batch.AccountId))
            {
                throw new ArgumentException($"Two batches of account {batch.AccountId} in one flight.", nameof(batches));
            }

            Flight.Check(batch);
        }

        return await TryAsync(
            async connection =>
            {
                var answers = new BatchAnswer[batches.Length];
                var applied = await FlyAsync(connection, batches, answers, cancellationToken);
                if (applied < batches.Length)
                {
                    await ReadLeftOutAsync(connection, batches, answers, cancellationToken);
                }

                return ImmutableArray.Create(answers);
            },
            cancellationToken);
    }

    private static async Task<int> FlyAsync(
        NpgsqlConnection connection,
        ImmutableArray<AccountBatch> batches,
        BatchAnswer[] answers,
        CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Flight.Sql, connection);
        Flight.Bind(command.Parameters, batches);
        await command.PrepareAsync(cancellationToken);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var applied = 0;
        while (await reader.ReadAsync(cancellationToken))
        {
            answers[reader.GetInt64(0) - 1] = new BatchAnswer(IsApplied: true, 0, 0);
            applied++;
        }

        return applied;
    }

    /// <summary>A statement of its own: inside the flight's, a row that was waited for still reads as it was before the wait.</summary>
    private static async Task ReadLeftOutAsync(
        NpgsqlConnection connection,
        ImmutableArray<AccountBatch> batches,
        BatchAnswer[] answers,
        CancellationToken cancellationToken)
    {
        const string Sql =
            """
            SELECT t.n, a.epoch, a.version FROM unnest($1) WITH ORDINALITY AS t(id, n) JOIN account a ON a.id = t.id
            """;
        await using var command = new NpgsqlCommand(Sql, connection)
        {
            Parameters = { Of(batches.Select((batch, i) => answers[i].IsApplied ? null : batch.AccountId).ToArray()) },
        };
        await command.PrepareAsync(cancellationToken);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            answers[reader.GetInt64(0) - 1] = new BatchAnswer(IsApplied: false, reader.GetInt64(1), reader.GetInt64(2));
        }
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<LedgerEntry>> FindEntriesAsync(
        string accountId, ImmutableArray<EntryRef> refs, CancellationToken cancellationToken)
    {
        const string Sql =
            """
            SELECT l.seq, l.kind, l.amount, l.shortfall, l.balance_after, l.ref, l.closed_by, l.at
            FROM (SELECT DISTINCT * FROM unnest($2, $3) AS t(kind, ref)) t
            JOIN ledger l ON l.account_id = $1 AND l.ref = t.ref AND l.kind = t.kind
            ORDER BY l.seq
            """;
        return TryAsync(
            async connection =>
            {
                await using var command = new NpgsqlCommand(Sql, connection)
                {
                    Parameters =
                    {
                        Of(accountId),
                        Of(refs.Select(r => Names.Kinds[r.Kind]).ToArray()),
                        Of(refs.Select(r => r.Ref).ToArray()),
                    },
                };
                await command.PrepareAsync(cancellationToken);
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                var entries = ImmutableArray.CreateBuilder<LedgerEntry>();
                while (await reader.ReadAsync(cancellationToken))
                {
                    entries.Add(AccountReader.Entry(reader));
                }

                return entries.DrainToImmutable();
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public Task<IdempotencyRow?> FindIdempotencyAsync(string accountId, string key, CancellationToken cancellationToken)
    {
        const string Sql =
            "SELECT body_hash, hold_id, state, charge, at FROM idempotency WHERE account_id = $1 AND key = $2";
        return TryAsync(
            async connection =>
            {
                await using var command = new NpgsqlCommand(Sql, connection) { Parameters = { Of(accountId), Of(key) } };
                await command.PrepareAsync(cancellationToken);
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                return await reader.ReadAsync(cancellationToken)
                    ? new IdempotencyRow(
                        key,
                        Sha256Hash.FromBytes(reader.GetFieldValue<byte[]>(0)),
                        reader.GetString(1),
                        Names.IdempotencyStates[reader.GetString(2)],
                        reader.GetInt64(3),
                        reader.GetFieldValue<DateTimeOffset>(4))
                    : null;
            },
            cancellationToken);
    }

    /// <summary>One try on one session; tells data that is refused for good from an answer that was lost.</summary>
    private async Task<T> TryAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
            return await work(connection);
        }
        catch (PostgresException e) when (IsData(e.SqlState))
        {
            // The server's message names tables and constraints; the row itself would be in its detail, which is not asked for.
            throw new LedgerDataException($"{e.SqlState} {e.TableName} {e.ConstraintName}: {e.MessageText}", e);
        }
        catch (Exception e) when (e is EncoderFallbackException || e.InnerException is EncoderFallbackException)
        {
            throw new LedgerDataException("A text is not valid Unicode.");
        }
    }

    /// <summary>Data exceptions, and integrity constraint violations.</summary>
    private static bool IsData(string sqlState) =>
        sqlState.StartsWith("22", StringComparison.Ordinal) || sqlState.StartsWith("23", StringComparison.Ordinal);

    private static NpgsqlParameter<string> Of(string value) => new() { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Text };

    private static NpgsqlParameter<string?[]> Of(string?[] values) =>
        new() { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    private static NpgsqlParameter<long?> OfOptional(long? value) => new() { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Bigint };

    private static NpgsqlParameter<DateTime> Of(DateTime value) =>
        new() { TypedValue = value, NpgsqlDbType = NpgsqlDbType.TimestampTz };
}
