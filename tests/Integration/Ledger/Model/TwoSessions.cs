using Npgsql;
using OrleansGateway.Ledger.Postgres;

namespace OrleansGateway.Tests.Integration.Ledger.Model;

/// <summary>
/// The ledger on two sessions of a real server. What the first one writes is held at its commit while the gate is closed: all
/// is done and all locks are taken, but nobody else sees it, and it may still be rolled back.
/// </summary>
internal sealed class TwoSessions : IAsyncDisposable
{
    private const string GateKey = "1";

    private readonly NpgsqlDataSource _first;
    private readonly NpgsqlDataSource _second;
    private readonly NpgsqlDataSource _control;
    private bool _isClosed;

    private TwoSessions(string connectionString)
    {
        _first = Session(connectionString, "first");
        _second = Session(connectionString, "second");
        _control = Session(connectionString, "control");
        First = new PostgresLedger(_first);
        Second = new PostgresLedger(_second);
    }

    public PostgresLedger First { get; }

    public PostgresLedger Second { get; }

    /// <param name="connectionString">A migrated database of which nobody else makes use.</param>
    public static async Task<TwoSessions> OpenAsync(string connectionString)
    {
        var sessions = new TwoSessions(connectionString);
        // The rows are for good, but each sequence begins with none.
        await sessions.ControlAsync(
            $"""
            DROP TRIGGER ledger_for_good ON ledger;
            DROP TRIGGER account_for_good ON account;
            CREATE FUNCTION pass_gate() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM pg_advisory_xact_lock_shared({GateKey});
                RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER gate AFTER INSERT OR UPDATE ON account DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW WHEN (current_setting('application_name') = 'first') EXECUTE FUNCTION pass_gate();
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

    public Task CloseGateAsync()
    {
        _isClosed = true;
        return ControlAsync($"SELECT pg_advisory_lock({GateKey})");
    }

    public Task OpenGateAsync()
    {
        var wasClosed = _isClosed;
        _isClosed = false;
        return wasClosed ? ControlAsync($"SELECT pg_advisory_unlock({GateKey})") : Task.CompletedTask;
    }

    /// <summary>Whether an operation of the first session is held at the gate, rather than answered.</summary>
    public Task<bool> FirstIsHeldAsync(Task operation) => WaitsAsync("first", operation);

    /// <summary>Whether an operation of the second session waits for the first one, rather than answered.</summary>
    public Task<bool> SecondIsBlockedAsync(Task operation) => WaitsAsync("second", operation);

    /// <summary>Has the server roll back what the first session does; the session goes on.</summary>
    public Task CancelFirstAsync() => ControlAsync("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'first'");

    /// <summary>Ends the first session's backend.</summary>
    public Task TerminateFirstAsync() => ControlAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'first'");

    /// <summary>Asks the server until it is one or the other; while the first session is held, neither passes.</summary>
    private async Task<bool> WaitsAsync(string session, Task operation)
    {
        await using var command = _control.CreateCommand(
            $"""
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = '{session}' AND wait_event_type = 'Lock'
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

    private async Task ControlAsync(string sql)
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
        };
        settings.Options += " -c lock_timeout=0 -c statement_timeout=0 -c synchronous_commit=off";
        return NpgsqlDataSource.Create(settings);
    }
}
