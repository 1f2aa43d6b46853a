using Npgsql;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

/// <summary>Reports that last leave sessions to everything else.</summary>
public sealed class PoolsTests(LedgerDatabase database) : IClassFixture<LedgerDatabase>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Export_TwentyThatAreNotRead_LeaveSessionsForMoneyListsAndHealth()
    {
        var account = await TestAccount.CreateAsync(database.Ledger);
        await account.ApplyAsync(database.Ledger, account.Settle("before", 1));
        using var queries = new LedgerQueries(database.DataSource);
        using var stop = new CancellationTokenSource();
        var exports = Enumerable.Range(0, 20).Select(_ => queries.ExportUsageAsync(new UsageFilter(), stop.Token).GetAsyncEnumerator(stop.Token)).ToList();
        var first = exports.Select(export => export.MoveNextAsync().AsTask()).ToList();
        while (first.Count(static begun => begun.IsCompletedSuccessfully) < LedgerDataSource.MaxReports)
        {
            await Task.Delay(5, Token);
        }

        await account.ApplyAsync(database.Ledger, account.Settle("during", 1));
        Assert.NotNull(await queries.AccountAsync(account.Id, Token));
        Assert.Equal(1, await database.ScalarAsync<int>("SELECT 1"));

        await stop.CancelAsync();
        foreach (var (export, begin) in exports.Zip(first))
        {
            await begin.ContinueWith(static _ => { }, Token, TaskContinuationOptions.None, TaskScheduler.Default);
            await export.DisposeAsync();
        }
    }

    /// <summary>A page does not wait for sums as long as a report may: they are refused, and their session is free.</summary>
    [Fact]
    public async Task Sums_ThatTakeLongerThanTheyMay_AreRefused()
    {
        using var queries = new LedgerQueries(database.DataSource, longest: TimeSpan.FromSeconds(1));
        var reports = new ReportOperations(queries, TimeProvider.System);
        var actor = new Actor(ActorKind.Operator, "test", "-");
        var filter = new UsageFilter();
        DateTimeOffset[] bounds = [DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddHours(2), DateTimeOffset.UnixEpoch.AddHours(4)];
        await using (var connection = new NpgsqlConnection(database.ConnectionString))
        {
            await connection.OpenAsync(Token);
            await using var transaction = await connection.BeginTransactionAsync(Token);
            await using var hold = new NpgsqlCommand("LOCK TABLE usage_hour", connection);
            await hold.ExecuteNonQueryAsync(Token);

            Assert.Equal(FailureKind.Unavailable, (await reports.SumUsageAsync(actor, filter, UsageGroups.None, Token)).Failure?.Kind);
            Assert.Equal(FailureKind.Unavailable, (await reports.SumUsageOverTimeAsync(actor, filter, bounds, UsageGroups.None, Token)).Failure?.Kind);
        }

        Assert.Null((await reports.SumUsageAsync(actor, filter, UsageGroups.None, Token)).Failure);
    }

    [Fact]
    public async Task Lists_ThatWaitOnAllSessionsOfTheirPool_LeaveThoseOfMoney()
    {
        var account = await TestAccount.CreateAsync(database.Ledger);
        using var queries = new LedgerQueries(database.DataSource);
        await using var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync(Token);
        await using var transaction = await connection.BeginTransactionAsync(Token);
        await RunAsync("LOCK TABLE audit");
        var sessions = new NpgsqlConnectionStringBuilder(database.DataSource.ConnectionString).MaxPoolSize;
        var lists = Enumerable.Range(0, sessions).Select(_ => queries.AuditAsync(new AuditFilter(), null, 1, Token)).ToList();
        while (await RunAsync("SELECT count(*) FROM pg_locks WHERE relation = 'audit'::regclass AND NOT granted") is not long waiting || waiting < sessions)
        {
        }

        await account.ApplyAsync(database.Ledger, account.Settle("beside", 1));

        Assert.DoesNotContain(lists, static list => list.IsCompleted);
        await transaction.RollbackAsync(Token);
        await Task.WhenAll(lists);

        async Task<object?> RunAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            return await command.ExecuteScalarAsync(Token);
        }
    }
}
