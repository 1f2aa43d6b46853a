using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace OrleansGateway.Web.Accounts;

/// <summary>
/// Removes, every hour, what is kept of people for longer than the settings say, and completes deletions whose day has come. One process at a
/// time does it; what one leaves is done by whoever comes next.
/// </summary>
internal sealed partial class PeoplePurge(
    IServiceScopeFactory scopes,
    [FromKeyedServices(WebModule.PeoplePool)] NpgsqlDataSource dataSource,
    ISiteHost host,
    IOptions<SiteOptions> options,
    TimeProvider time,
    ILogger<PeoplePurge> log) : BackgroundService
{
    /// <summary>In the database's one namespace of advisory locks.</summary>
    private const long PurgeLock = 0x6F67_0010;

    private const int RowsAtOnce = 1_000;

    /// <summary>Exports go with all their parts.</summary>
    private const int ExportsAtOnce = 10;

    private static readonly TimeSpan Every = TimeSpan.FromHours(1);
    private static readonly TimeSpan AskEvery = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            var isReady = host.IsReady;
            if (isReady)
            {
                try
                {
                    await RunAsync(stoppingToken);
                }
                catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
                {
                    LogFailed(exception.Message);
                }
            }

            await Task.Delay(isReady ? Every : AskEvery, time, stoppingToken);
        }
    }

    /// <returns>Whether nobody else does it at the moment.</returns>
    internal async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var take = new NpgsqlCommand($"SELECT pg_try_advisory_lock({PurgeLock})", connection);
        if (await take.ExecuteScalarAsync(cancellationToken) is not true)
        {
            return false;
        }

        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var (removed, deleted) = (0L, await scope.ServiceProvider.GetRequiredService<Deletions>().CompleteDueAsync(cancellationToken));
            foreach (var (table, which, before) in Old())
            {
                try
                {
                    removed += await DeleteAsync(connection, table, which, before, cancellationToken);
                }
                catch (PostgresException exception)
                {
                    // The others go nevertheless.
                    LogTableFailed(table, exception.MessageText);
                }
            }

            LogDone(removed, deleted);
            return true;
        }
        finally
        {
            // The session goes back to its pool without the lock.
            await using var release = new NpgsqlCommand($"SELECT pg_advisory_unlock({PurgeLock})", connection);
            await release.ExecuteNonQueryAsync(CancellationToken.None);
        }
    }

    /// <summary>What is too old, by the time at $1.</summary>
    private IEnumerable<(string Table, string Which, DateTimeOffset Before)> Old()
    {
        var (now, settings) = (time.GetUtcNow(), options.Value);
        yield return ("sign_in", "at < $1", now.AddDays(-host.CallsDays));
        yield return ("session", "seen_at < $1", now.AddDays(-settings.SessionDays));
        yield return (
            "person",
            "created_at < $1 AND NOT email_confirmed AND deleted_at IS NULL AND NOT EXISTS (SELECT FROM people.account_member WHERE person_id = people.person.id)",
            now.AddDays(-settings.UnconfirmedDays));
        yield return ("attempt", "at < $1", now.AddDays(-1));
        yield return ("used_code", "at < $1", now.AddDays(-1));
        yield return ("mail_count", "day < $1::date", now.AddDays(-1));
        yield return ("shown_key", "expires_at < $1", now);
        yield return ("email_change", "expires_at < $1", now);
        yield return ("data_export", "expires_at < $1", now);
        yield return ("owner_link", "expires_at < $1", now.AddDays(-host.CallsDays));
    }

    private static async Task<long> DeleteAsync(NpgsqlConnection connection, string table, string which, DateTimeOffset before, CancellationToken cancellationToken)
    {
        var atOnce = table == "data_export" ? ExportsAtOnce : RowsAtOnce;
        for (var removed = 0L; ;)
        {
            await using var delete = new NpgsqlCommand(
                $"DELETE FROM people.{table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM people.{table} WHERE {which} LIMIT {atOnce} FOR UPDATE SKIP LOCKED))", connection);
            delete.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = before.UtcDateTime });
            var rows = await delete.ExecuteNonQueryAsync(cancellationToken);
            removed += rows;
            if (rows < atOnce)
            {
                return removed;
            }
        }
    }

    [LoggerMessage(1430, LogLevel.Information, "People: removed {Removed} rows that were kept long enough, deleted what names {Deleted} people")]
    private partial void LogDone(long removed, int deleted);

    [LoggerMessage(1431, LogLevel.Warning, "What is kept of people was not purged, and is tried again in an hour: {Message}")]
    private partial void LogFailed(string message);

    [LoggerMessage(1432, LogLevel.Warning, "Rows of {Table} that were kept long enough were not removed, and are tried again in an hour: {Message}")]
    private partial void LogTableFailed(string table, string message);
}
