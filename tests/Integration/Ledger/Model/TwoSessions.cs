using Npgsql;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Tests.Shared;

namespace OrleansGateway.Tests.Integration.Ledger.Model;

/// <summary>
/// The ledger on two sessions of a real server. What a session writes is held at its commit while its gate is closed: all is
/// done and all locks are taken, but nobody else sees it, and it may still be rolled back.
/// </summary>
internal sealed class TwoSessions : IAsyncDisposable
{
    public const string FirstName = "first";
    public const string SecondName = "second";

    /// <summary>
    /// A row of pg_stat_activity waits for a lock that a session holds. Autovacuum locks whole tables for a moment when it shortens them,
    /// and so does whoever lengthens one: those waits pass by themselves.
    /// </summary>
    private const string WaitsForASession =
        """
        wait_event_type = 'Lock' AND wait_event <> 'extend' AND EXISTS (
            SELECT FROM unnest(pg_blocking_pids(pg_stat_activity.pid)) AS blocker (pid) JOIN pg_stat_activity AS holder USING (pid)
            WHERE holder.backend_type = 'client backend')
        """;

    private readonly NpgsqlDataSource _first;
    private readonly NpgsqlDataSource _second;
    private readonly NpgsqlDataSource _control;
    private readonly HashSet<string> _closed = [];

    private TwoSessions(string connectionString)
    {
        _first = Session(connectionString, FirstName);
        _second = Session(connectionString, SecondName);
        _control = Session(connectionString, "control");
        First = new PostgresLedger(_first, _control, new FakeTimeProvider());
        Second = new PostgresLedger(_second, _control, new FakeTimeProvider());
    }

    public PostgresLedger First { get; }

    public PostgresLedger Second { get; }

    /// <param name="connectionString">A migrated database of which nobody else makes use.</param>
    public static async Task<TwoSessions> OpenAsync(string connectionString)
    {
        var sessions = new TwoSessions(connectionString);
        // The rows are for good, but each sequence begins with none.
        await sessions.ControlAsync(
            """
            DROP TRIGGER ledger_for_good ON ledger;
            DROP TRIGGER account_for_good ON account;
            CREATE FUNCTION pass_gate() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM pg_advisory_xact_lock_shared(hashtext(current_setting('application_name')));
                RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER gate AFTER INSERT OR UPDATE ON account DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION pass_gate();
            """);
        return sessions;
    }

    public async ValueTask DisposeAsync()
    {
        await _first.DisposeAsync();
        await _second.DisposeAsync();
        await _control.DisposeAsync();
    }

    /// <summary>Removes all rows.</summary>
    public Task ClearAsync() =>
        ControlAsync("DELETE FROM account; DELETE FROM ledger; DELETE FROM usage; DELETE FROM api_key; DELETE FROM idempotency");

    /// <summary>Every row of the five tables, as <see cref="ModelRows"/> writes them; sorted.</summary>
    public async Task<List<string>> RowsAsync()
    {
        await using var command = _control.CreateCommand(
            """
            SELECT 'account ' || to_jsonb(t)::text FROM account t UNION ALL
            SELECT 'ledger ' || to_jsonb(t)::text FROM ledger t UNION ALL
            SELECT 'usage ' || to_jsonb(t)::text FROM usage t UNION ALL
            SELECT 'api_key ' || to_jsonb(t)::text FROM api_key t UNION ALL
            SELECT 'idempotency ' || to_jsonb(t)::text FROM idempotency t
            """);
        await using var reader = await command.ExecuteReaderAsync();
        List<string> rows = [];
        while (await reader.ReadAsync())
        {
            rows.Add(reader.GetString(0));
        }

        rows.Sort(StringComparer.Ordinal);
        return rows;
    }

    /// <param name="session"><see cref="FirstName"/> or <see cref="SecondName"/>.</param>
    public Task CloseGateAsync(string session) =>
        _closed.Add(session) ? ControlAsync($"SELECT pg_advisory_lock(hashtext('{session}'))") : Task.CompletedTask;

    public Task OpenGateAsync(string session) =>
        _closed.Remove(session) ? ControlAsync($"SELECT pg_advisory_unlock(hashtext('{session}'))") : Task.CompletedTask;

    /// <summary>Whether a session's commits are held.</summary>
    public bool IsClosed(string session) => _closed.Contains(session);

    /// <summary>Has the server roll back what the first session does; the session goes on.</summary>
    public Task CancelFirstAsync() => SignalFirstAsync("pg_cancel_backend");

    /// <summary>Ends the first session's backend.</summary>
    public Task TerminateFirstAsync() => SignalFirstAsync("pg_terminate_backend");

    /// <summary>
    /// Whether a session's operation is held at its gate, or waits for what another session holds, rather than answered. Asks the
    /// server until it is one or the other; neither passes by itself.
    /// </summary>
    public async Task<bool> WaitsAsync(string session, Task operation)
    {
        await using var command = _control.CreateCommand(
            $"""
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = '{session}' AND {WaitsForASession}
            """);
        while (!operation.IsCompleted)
        {
            if ((long)(await command.ExecuteScalarAsync())! > 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a session's flight has committed, and waits in its look at the rows that it left out, rather than answered.</summary>
    public async Task<bool> LooksAsync(string session, Task operation)
    {
        await using var command = _control.CreateCommand(
            $"""
            SELECT count(*) FILTER (WHERE query LIKE '%WITH ORDINALITY AS t(id, n) JOIN account%'), count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = '{session}' AND {WaitsForASession} AND wait_event <> 'advisory'
            """);
        while (!operation.IsCompleted)
        {
            await using var reader = await command.ExecuteReaderAsync();
            await reader.ReadAsync();
            if (reader.GetInt64(1) > 0)
            {
                return reader.GetInt64(0) > 0;
            }
        }

        return false;
    }

    private Task SignalFirstAsync(string signal) => ControlAsync(
        $"SELECT {signal}(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = '{FirstName}'");

    /// <summary>Runs a statement on a third session.</summary>
    public async Task ControlAsync(string sql)
    {
        await using var command = _control.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>One session like the gateway's own, but that waits as long as it takes, and not for the disk.</summary>
    private static NpgsqlDataSource Session(string connectionString, string name)
    {
        var settings = new NpgsqlConnectionStringBuilder(LedgerDataSource.Dedicated(connectionString))
        {
            Pooling = true,
            MinPoolSize = 0,
            MaxPoolSize = 1,
            CommandTimeout = 0,
            ApplicationName = name,
            MaxAutoPrepare = 20,
        };
        settings.Options += " -c lock_timeout=0 -c statement_timeout=0 -c synchronous_commit=off";
        return NpgsqlDataSource.Create(settings);
    }
}
