using Npgsql;
using NpgsqlTypes;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>Who asks: the same actor with the same request id asks for the same change.</summary>
/// <param name="ActorKind"><c>operator</c>, <c>person</c> or <c>system</c>.</param>
/// <param name="Address">Whence; not a part of what makes it the same.</param>
public sealed record AuditCaller(string ActorKind, string ActorId, string RequestId, string Address);

/// <summary>A change as it was asked for, and what became of it.</summary>
/// <param name="IntentId">The row of its intent.</param>
/// <param name="IsSame">Whether it is the change that is asked for now.</param>
/// <param name="Outcome">Null while it is unknown.</param>
/// <param name="After">JSON; null unless it is done.</param>
/// <param name="Failure">JSON; null unless it was refused.</param>
public sealed record AuditedChange(long IntentId, bool IsSame, string Subject, string? Outcome, string? After, string? Failure);

/// <summary>
/// Writes the audit. A change has a session of its own, which is not pooled and holds the change's locks: whatever ends the session
/// lets go of them, so that an intent without an outcome whose lock is free is one that nobody carries out any more. A session that does
/// not answer keeps its locks and its place until it has, see <see cref="LedgerSessions"/>.
/// </summary>
/// <param name="connectionString">As for <see cref="LedgerDataSource.Create"/>.</param>
/// <param name="others">From <see cref="LedgerDataSource.Create"/>, of the same database.</param>
/// <param name="time">The clock of rows, and of how long a session may not answer.</param>
public sealed class AuditLog(string connectionString, NpgsqlDataSource others, TimeProvider time) : IDisposable
{
    /// <summary>More sessions than this would only wait for each other's accounts.</summary>
    private const int MaxSessions = 8;

    private readonly NpgsqlDataSource _own = NpgsqlDataSource.Create(LedgerDataSource.Dedicated(connectionString));
    private readonly SemaphoreSlim _free = new(MaxSessions);

    /// <summary>Waits, a bounded time, until nobody else carries out the same request.</summary>
    /// <returns>Null if somebody still does.</returns>
    public async Task<AuditSession?> OpenAsync(AuditCaller caller, CancellationToken cancellationToken)
    {
        await _free.WaitAsync(cancellationToken);
        var session = new AuditSession(_own.CreateConnection(), new LedgerSessions(_own, others, time), caller, time, _free);
        try
        {
            if (await session.OpenAsync(cancellationToken))
            {
                return session;
            }
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }

        await session.DisposeAsync();
        return null;
    }

    /// <summary>
    /// Whether an account is suspended because its owner paused it: it was active then, and no operator has set its status since.
    /// </summary>
    public async Task<bool> IsPausedByOwnerAsync(string accountId, CancellationToken cancellationToken)
    {
        await using var command = others.CreateCommand(
            """
            SELECT EXISTS (SELECT FROM audited_change paused
                WHERE paused.subject = $1 AND paused.outcome = 'done' AND paused.action = 'account.pause' AND paused.before->>'status' = 'active'
                AND NOT EXISTS (SELECT FROM audited_change later WHERE later.subject = $1 AND later.id > paused.id AND later.outcome = 'done'
                    AND (later.action = 'account.status' OR later.action = 'account.unpause' AND later.after->>'status' = 'active')))
            """);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = accountId });
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _own.Dispose();
        _free.Dispose();
    }
}

/// <summary>One request's session. What it writes is durable when its method returns.</summary>
public sealed class AuditSession : IAsyncDisposable
{
    /// <summary>The first key of the advisory locks of requests, and of subjects; the second one is a hash.</summary>
    private const int RequestLock = 0x6F67_0004;

    private const int SubjectLock = 0x6F67_0005;

    private readonly NpgsqlConnection _connection;
    private readonly LedgerSessions _sessions;
    private readonly AuditCaller _caller;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _free;
    private Task _running = Task.CompletedTask;

    internal AuditSession(NpgsqlConnection connection, LedgerSessions sessions, AuditCaller caller, TimeProvider time, SemaphoreSlim free)
    {
        _connection = connection;
        _sessions = sessions;
        _caller = caller;
        _time = time;
        _free = free;
    }

    internal async Task<bool> OpenAsync(CancellationToken cancellationToken)
    {
        await _connection.OpenAsync(cancellationToken);
        return await LockAsync(RequestLock, $"{_caller.ActorKind}/{_caller.ActorId}/{_caller.RequestId}", cancellationToken);
    }

    /// <summary>Waits, a bounded time, until nobody else changes the subject.</summary>
    public Task<bool> LockSubjectAsync(string subject, CancellationToken cancellationToken) =>
        LockAsync(SubjectLock, subject, cancellationToken);

    /// <summary>What was asked for under this request id before; null if nothing was.</summary>
    /// <param name="action">What is asked for now.</param>
    /// <param name="request">Its JSON.</param>
    public Task<AuditedChange?> FindAsync(string action, string request, CancellationToken cancellationToken)
    {
        const string Sql =
            """
            SELECT id, action = $4 AND request = $5, subject, outcome, after::text, failure::text FROM audited_change
            WHERE actor_kind = $1 AND actor_id = $2 AND request_id = $3
            """;
        return RunAsync(
            Sql,
            static async command =>
            {
                await using var reader = await command.ExecuteReaderAsync();
                return await reader.ReadAsync()
                    ? new AuditedChange(reader.GetInt64(0), reader.GetBoolean(1), reader.GetString(2), Text(reader, 3), Text(reader, 4), Text(reader, 5))
                    : null;
            },
            cancellationToken,
            Text(_caller.ActorKind), Text(_caller.ActorId), Text(_caller.RequestId), Text(action), Json(request));
    }

    /// <summary>Writes what is going to be done.</summary>
    /// <param name="before">JSON; null if there is no subject yet.</param>
    /// <returns>The intent's id.</returns>
    public Task<long> IntendAsync(string action, string subject, string request, string? before, CancellationToken cancellationToken)
    {
        const string Sql =
            """
            INSERT INTO audit (phase, actor_kind, actor_id, request_id, address, action, subject, request, before, at)
            VALUES ('intent', $1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id
            """;
        return RunAsync(
            Sql,
            static async command => (long)(await command.ExecuteScalarAsync())!,
            cancellationToken,
            Text(_caller.ActorKind), Text(_caller.ActorId), Text(_caller.RequestId), Text(_caller.Address), Text(action), Text(subject),
            Json(request), Json(before), Now());
    }

    /// <summary>Writes that an intent whose outcome is unknown is carried out again.</summary>
    public Task RetryAsync(long intentId, CancellationToken cancellationToken)
    {
        const string Sql = "INSERT INTO audit (phase, intent_id, address, at) VALUES ('retry', $1, $2, $3)";
        return RunAsync(Sql, static command => command.ExecuteNonQueryAsync(), cancellationToken, Id(intentId), Text(_caller.Address), Now());
    }

    /// <summary>Writes what became of an intent.</summary>
    /// <param name="outcome"><c>done</c>, or why it was refused.</param>
    /// <param name="after">JSON; null unless it is done.</param>
    /// <param name="failure">JSON; null unless it was refused.</param>
    public Task EndAsync(long intentId, string outcome, string? after, string? failure)
    {
        const string Sql = "INSERT INTO audit (phase, intent_id, outcome, after, failure, at) VALUES ('outcome', $1, $2, $3, $4, $5)";
        return RunAsync(
            Sql,
            static command => command.ExecuteNonQueryAsync(),
            CancellationToken.None,
            Id(intentId), Text(outcome), Json(after), Json(failure), Now());
    }

    /// <summary>Ends the session and with it the locks; one that does not answer is not waited for.</summary>
    public async ValueTask DisposeAsync()
    {
        var closing = CloseAsync();
        if (_running.IsCompleted)
        {
            await closing;
        }
    }

    private async Task CloseAsync()
    {
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _connection.DisposeAsync();
        _free.Release();
    }

    private async Task<bool> LockAsync(int kind, string name, CancellationToken cancellationToken)
    {
        try
        {
            await RunAsync(
                $"SELECT pg_advisory_lock({kind}, hashtext($1))", static command => command.ExecuteNonQueryAsync(), cancellationToken, Text(name));
            return true;
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            return false;
        }
    }

    private Task<T> RunAsync<T>(
        string sql, Func<NpgsqlCommand, Task<T>> run, CancellationToken cancellationToken, params NpgsqlParameter[] parameters)
    {
        return _sessions.WaitAsync(
            _connection,
            () =>
            {
                var running = ExecuteAsync();
                _running = running;
                return running;
            },
            cancellationToken);

        async Task<T> ExecuteAsync()
        {
            await using var command = new NpgsqlCommand(sql, _connection) { CommandTimeout = 0 };
            command.Parameters.AddRange(parameters);
            return await run(command);
        }
    }

    private static NpgsqlParameter<long> Id(long value) => new() { TypedValue = value };

    private static NpgsqlParameter<string> Text(string value) => new() { TypedValue = value };

    private static NpgsqlParameter Json(string? json) => new() { NpgsqlDbType = NpgsqlDbType.Jsonb, Value = (object?)json ?? DBNull.Value };

    private NpgsqlParameter<DateTime> Now() => new() { TypedValue = _time.GetUtcNow().UtcDateTime };

    private static string? Text(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
}
