using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using OrleansGateway.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

/// <summary>What keeps a flight from being answered: the way to the database, others' locks, or what was asked.</summary>
public sealed class TransportTests(LedgerDatabase database) : IClassFixture<LedgerDatabase>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Commit_RowIsLocked_NamesItAndCommitsNothing()
    {
        var accounts = await CreateAsync(3);
        await using var other = await LockAsync(accounts[1]);

        var locked = await Assert.ThrowsAsync<AccountsLockedException>(
            () => database.Ledger.CommitAsync([.. accounts.Select(static a => a.Settle("hold", 10))], Token));

        Assert.Equal([accounts[1].Id], locked.AccountIds);
        Assert.Equal("1000,1000,1000", await BalancesAsync(accounts));
    }

    [Fact]
    public async Task Commit_RowIsLocked_TheJournalsFlightMatesGoOn()
    {
        var accounts = await CreateAsync(3);
        using var journal = new Journal(
            database.Ledger, TimeProvider.System, TaskScheduler.Default, new JournalOptions { FlightsMax = 1 }, NullLogger<Journal>.Instance);
        Task<BatchResult>[] results;
        await using (await LockAsync(accounts[1]))
        {
            // The first goes alone; the others gather for the next flight.
            var first = journal.SubmitAsync(accounts[0].Settle("first", 10));
            results = [journal.SubmitAsync(accounts[1].Settle("hold", 10)), journal.SubmitAsync(accounts[2].Settle("hold", 10))];
            Assert.Equal(BatchOutcome.Applied, (await first).Outcome);
            Assert.Equal(BatchOutcome.Applied, (await results[1]).Outcome);
            Assert.False(results[0].IsCompleted);
        }

        Assert.Equal(BatchOutcome.Applied, (await results[0]).Outcome);
        Assert.Equal("990,990,990", await BalancesAsync(accounts));
    }

    [Theory]
    [InlineData("pg_terminate_backend")]
    [InlineData("pg_cancel_backend")]
    public async Task Commit_OperatorEndsIt_IsLost(string signal)
    {
        var accounts = await CreateAsync(1);
        await using var other = await LockAsync(accounts[0]);
        var committing = database.Ledger.CommitAsync([accounts[0].Settle("hold", 10)], Token);
        var signalled = 0L;
        while (signalled == 0)
        {
            signalled = await database.ScalarAsync<long>(
                $"SELECT count({signal}(pid)) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'");
        }

        await Assert.ThrowsAsync<LedgerLostException>(() => committing);
    }

    [Fact]
    public async Task Commit_SchemaLacksWhatItNeeds_IsNoLostAnswer()
    {
        var accounts = await CreateAsync(1);
        await database.ExecuteAsync("ALTER TABLE usage RENAME COLUMN channel TO passage");
        try
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(
                () => database.Ledger.CommitAsync([accounts[0].Settle("hold", 10)], Token));
            Assert.Equal(PostgresErrorCodes.UndefinedColumn, refused.SqlState);
        }
        finally
        {
            await database.ExecuteAsync("ALTER TABLE usage RENAME COLUMN passage TO channel");
        }
    }

    private async Task<TestAccount[]> CreateAsync(int count)
    {
        var accounts = new TestAccount[count];
        for (var i = 0; i < count; i++)
        {
            accounts[i] = await TestAccount.CreateAsync(database.Ledger);
        }

        return accounts;
    }

    private async Task<NpgsqlConnection> LockAsync(TestAccount account)
    {
        var connection = await database.DataSource.OpenConnectionAsync(Token);
        await using var command = new NpgsqlCommand($"BEGIN; SELECT FROM account WHERE id = '{account.Id}' FOR UPDATE", connection);
        await command.ExecuteNonQueryAsync(Token);
        return connection;
    }

    private Task<string> BalancesAsync(TestAccount[] accounts) => database.ScalarAsync<string>(
        $"SELECT string_agg(balance::text, ',') FROM account WHERE id IN ({string.Join(", ", accounts.Select(static a => $"'{a.Id}'"))})");
}
