using System.Collections.Immutable;
using System.Net.Sockets;
using System.Text;
using Npgsql;
using NpgsqlTypes;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>The ledger in PostgreSQL.</summary>
/// <param name="money">From <see cref="LedgerDataSource.CreateForMoney"/>, migrated; disposed by who made it.</param>
/// <param name="others">From <see cref="LedgerDataSource.Create"/>, of the same database.</param>
/// <param name="time">Measures how long a session may not answer.</param>
public sealed class PostgresLedger(NpgsqlDataSource money, NpgsqlDataSource others, TimeProvider time) : ILedger
{
    /// <summary>The server has ended a session that stood still in a transaction.</summary>
    private const string IdleInTransactionTimeout = "25P03";

    private readonly LedgerSessions _sessions = new(money, others, time);

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
                return await command.ExecuteNonQueryAsync();
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
                reserved = (balance - reserved - quarantined) / 8, bonus = least(bonus, balance),
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
                await batch.PrepareAsync();
                await using var reader = await batch.ExecuteReaderAsync();
                await reader.NextResultAsync();
                if (!await reader.ReadAsync())
                {
                    return null;
                }

                var account = AccountReader.Account(reader);
                var earlier = AccountReader.EarlierProcess(reader);
                await reader.NextResultAsync();
                var keys = ImmutableArray.CreateBuilder<KeyRow>();
                while (await reader.ReadAsync())
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

        try
        {
            return await TryAsync(
                async connection =>
                {
                    var answers = new BatchAnswer[batches.Length];
                    var applied = await RunFlightAsync(connection, batches, answers);
                    if (applied < batches.Length)
                    {
                        await ReadLeftOutAsync(connection, batches, answers);
                    }

                    return ImmutableArray.Create(answers);
                },
                cancellationToken);
        }
        catch (LedgerLostException lost) when (lost.InnerException is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable })
        {
            var locked = await FindLockedAsync([.. ids], cancellationToken);
            throw locked.IsEmpty ? lost : new AccountsLockedException(locked);
        }
    }

    private Task<ImmutableArray<string>> FindLockedAsync(string[] ids, CancellationToken cancellationToken)
    {
        const string Sql =
            """
            WITH free AS (SELECT id FROM account WHERE id = ANY ($1) FOR NO KEY UPDATE SKIP LOCKED)
            SELECT id FROM account WHERE id = ANY ($1) AND id NOT IN (SELECT id FROM free)
            """;
        return TryAsync(
            async connection =>
            {
                // Rolled back: a commit would wait for the standby.
                await using var transaction = await connection.BeginTransactionAsync();
                await using var command = new NpgsqlCommand(Sql, connection) { Parameters = { Of(ids) } };
                await using var reader = await command.ExecuteReaderAsync();
                var locked = ImmutableArray.CreateBuilder<string>();
                while (await reader.ReadAsync())
                {
                    locked.Add(reader.GetString(0));
                }

                return locked.DrainToImmutable();
            },
            cancellationToken);
    }

    private static async Task<int> RunFlightAsync(
        NpgsqlConnection connection,
        ImmutableArray<AccountBatch> batches,
        BatchAnswer[] answers)
    {
        await using var command = Flight.CommandFor(connection, batches);
        await command.PrepareAsync();
        await using var reader = await command.ExecuteReaderAsync();
        var applied = 0;
        while (await reader.ReadAsync())
        {
            answers[reader.GetInt64(0) - 1] = new BatchAnswer(IsApplied: true, 0, 0);
            applied++;
        }

        return applied;
    }

    /// <summary>
    /// A statement of its own: inside the flight's, a row that was waited for still reads as it was before the wait. It locks, so that
    /// it commits: after a primary's restart the row may be there and not yet on the standby, which that commit waits for.
    /// </summary>
    private static async Task ReadLeftOutAsync(
        NpgsqlConnection connection,
        ImmutableArray<AccountBatch> batches,
        BatchAnswer[] answers)
    {
        const string Sql =
            """
            SELECT t.n, a.epoch, a.version FROM unnest($1) WITH ORDINALITY AS t(id, n) JOIN account a ON a.id = t.id
            ORDER BY a.id FOR NO KEY UPDATE OF a
            """;
        await using var command = new NpgsqlCommand(Sql, connection)
        {
            Parameters = { Of(batches.Select((batch, i) => answers[i].IsApplied ? null : batch.AccountId).ToArray()) },
        };
        await command.PrepareAsync();
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            answers[reader.GetInt64(0) - 1] = new BatchAnswer(IsApplied: false, reader.GetInt64(1), reader.GetInt64(2));
        }
    }

    /// <remarks>It locks, as <see cref="ReadLeftOutAsync"/> does: nobody is told of a movement that the standby does not know.</remarks>
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
            FOR SHARE OF l
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
                await command.PrepareAsync();
                await using var reader = await command.ExecuteReaderAsync();
                var entries = ImmutableArray.CreateBuilder<LedgerEntry>();
                while (await reader.ReadAsync())
                {
                    entries.Add(AccountReader.Entry(reader));
                }

                return entries.DrainToImmutable();
            },
            cancellationToken);
    }

    /// <remarks>It locks, as <see cref="ReadLeftOutAsync"/> does: nobody is told of a request that the standby does not know.</remarks>
    /// <inheritdoc/>
    public Task<IdempotencyRow?> FindIdempotencyAsync(string accountId, string key, CancellationToken cancellationToken)
    {
        const string Sql =
            """
            SELECT body_hash, hold_id, state, charge, at FROM idempotency WHERE account_id = $1 AND key = $2
            FOR SHARE
            """;
        return TryAsync(
            async connection =>
            {
                await using var command = new NpgsqlCommand(Sql, connection) { Parameters = { Of(accountId), Of(key) } };
                await command.PrepareAsync();
                await using var reader = await command.ExecuteReaderAsync();
                return await reader.ReadAsync()
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

    /// <summary>One try on one session; tells data that is refused for good, and what is our own fault, from an answer that was lost.</summary>
    private async Task<T> TryAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        try
        {
            return await _sessions.RunAsync(work, cancellationToken);
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
        catch (Exception e) when (IsTransport(e))
        {
            throw new LedgerLostException(e.Message, e);
        }
    }

    /// <summary>Data exceptions, and integrity constraint violations.</summary>
    private static bool IsData(string sqlState) =>
        sqlState.StartsWith("22", StringComparison.Ordinal) || sqlState.StartsWith("23", StringComparison.Ordinal);

    /// <summary>The connection, the server or its other sessions are in the way, and not what was asked.</summary>
    private static bool IsTransport(Exception error) => error switch
    {
        // A lock, a server that is no primary, a process that stood still in a transaction; connection exceptions, rollbacks (serialization,
        // deadlock), lack of resources, the operator (who cancels, ends sessions, stops the server), the system.
        PostgresException e => e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.ReadOnlySqlTransaction
                or IdleInTransactionTimeout
            || e.SqlState[..2] is "08" or "40" or "53" or "57" or "58",
        NpgsqlException or IOException or SocketException or TimeoutException => true,
        _ => false,
    };

    private static NpgsqlParameter<string> Of(string value) => new() { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Text };

    private static NpgsqlParameter<string?[]> Of(string?[] values) =>
        new() { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    private static NpgsqlParameter<long?> OfOptional(long? value) => new() { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Bigint };

    private static NpgsqlParameter<DateTime> Of(DateTime value) =>
        new() { TypedValue = value, NpgsqlDbType = NpgsqlDbType.TimestampTz };
}
