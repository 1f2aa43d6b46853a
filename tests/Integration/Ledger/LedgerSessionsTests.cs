using Npgsql;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Tests.Programs.Postgres;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

/// <summary>A session that does not answer is given up, and what it runs is not.</summary>
public sealed class LedgerSessionsTests(LedgerDatabase database) : IClassFixture<LedgerDatabase>
{
    private const string Sleeps = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'SELECT pg_sleep(600)' AND state = 'active'";

    private readonly FakeTimeProvider _clock = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Run_NoAnswerInTime_IsLostAndTheStatementGoesOn()
    {
        await using var money = OneSession();
        var sessions = new LedgerSessions(money, database.DataSource, _clock);
        var running = RunAsync(sessions, "SELECT pg_sleep(600)");
        await UntilGivenUpAsync(running);
        await Assert.ThrowsAsync<LedgerLostException>(() => running);

        // The server is asked after it, and knows it: its place stays taken.
        var next = RunAsync(sessions, "SELECT 1");
        for (var i = 0; i < 20; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(10, Token);
        }

        Assert.False(next.IsCompleted);
        Assert.Equal(1, await database.ScalarAsync<long>(Sleeps));
        await EndSleepsAsync();
        Assert.Equal(1, await next);
    }

    [Fact]
    public async Task Run_TheServerThatIsThereKnowsNothingOfIt_ItsPlaceIsFreeAndTheStatementWasNotCancelled()
    {
        // As after a failover: who answers now is another server.
        await using var other = await PostgresCluster.StartNewAsync();
        await using var others = LedgerDataSource.Create(other.ConnectionString);
        await using var money = OneSession();
        var sessions = new LedgerSessions(money, others, _clock);
        var running = RunAsync(sessions, "SELECT pg_sleep(600)");
        await UntilGivenUpAsync(running);

        var next = RunAsync(sessions, "SELECT 1");
        while (!next.IsCompleted)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(10, Token);
        }

        Assert.Equal(1, await next);
        await Assert.ThrowsAsync<LedgerLostException>(() => running);
        Assert.Equal(1, await database.ScalarAsync<long>(Sleeps));
        await EndSleepsAsync();
    }

    private NpgsqlDataSource OneSession()
    {
        var settings = new NpgsqlConnectionStringBuilder(database.ConnectionString) { MaxPoolSize = 1, CommandTimeout = 0, Timeout = 60 };
        return NpgsqlDataSource.Create(settings);
    }

    private static Task<object?> RunAsync(LedgerSessions sessions, string sql) => sessions.RunAsync(
        async connection =>
        {
            await using var command = new NpgsqlCommand(sql, connection);
            return await command.ExecuteScalarAsync(CancellationToken.None);
        },
        CancellationToken.None);

    private async Task UntilGivenUpAsync(Task running)
    {
        while (await database.ScalarAsync<long>(Sleeps) == 0)
        {
        }

        while (!running.IsCompleted)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(10, Token);
        }
    }

    private Task EndSleepsAsync() =>
        database.ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query = 'SELECT pg_sleep(600)'");
}
