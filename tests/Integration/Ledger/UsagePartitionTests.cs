using System.Diagnostics;
using Npgsql;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

public sealed class UsagePartitionTests(PostgresServer server) : IAsyncLifetime
{
    private readonly LedgerDatabase _database = new(server);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _database.InitializeAsync();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task EnsureAndDrop_AsDaysGoBy_KeepRowsInTheirDays()
    {
        // Before any partition is made, all rows land in the default one: of the day before, of the day, and far ahead.
        var account = await TestAccount.CreateAsync(_database.Ledger);
        foreach (var (hold, days) in new[] { ("before", -1), ("today", 0), ("far", 30) })
        {
            await SettleAsync(account, hold, days);
        }

        await Task.WhenAll(EnsureAsync(0), EnsureAsync(0));
        await EnsureAsync(0);
        Assert.Equal("20260313 20260314 20260315 20260316", await DaysAsync());
        Assert.Equal("usage_20260313:before usage_20260314:today usage_default:far", await RowsAsync());

        Assert.Equal(1, await EnsureAsync(1));
        await account.ApplyAsync(_database.Ledger, account.Settle("again", 1));
        Assert.Equal("20260313 20260314 20260315 20260316 20260317", await DaysAsync());
        Assert.Equal("usage_20260313:before usage_20260314:today usage_20260314:again usage_default:far", await RowsAsync());

        await DetachBeforeAsync(new(2026, 3, 15));
        await DetachBeforeAsync(new(2026, 3, 14));
        Assert.Equal([new(2026, 3, 13), new(2026, 3, 14)], await UsagePartitions.DetachedAsync(_database.DataSource, Token));
        Assert.Equal("20260315 20260316 20260317", await DaysAsync());
        Assert.Equal("usage_default:far", await RowsAsync());
        Assert.True(await _database.ScalarAsync<bool>("SELECT purged_before = '2026-03-15 00:00:00+00' FROM usage_purge"));

        // A row of a day that is detached waits in the default partition until that day's table is gone.
        await SettleAsync(account, "late", 0);
        Assert.Equal(0, await EnsureAsync(1));
        await UsagePartitions.DropAsync(_database.DataSource, new(2026, 3, 14), TimeProvider.System, Token);
        Assert.Equal(1, await EnsureAsync(1));
        Assert.Equal("usage_20260314:late usage_default:far", await RowsAsync());
        Assert.Equal([new(2026, 3, 13)], await UsagePartitions.DetachedAsync(_database.DataSource, Token));
    }

    [Fact]
    public async Task DetachAndDrop_BesideALongReport_HoldUpNoFlight()
    {
        var account = await TestAccount.CreateAsync(_database.Ledger, balance: 1_000_000_000);
        await EnsureAsync(0);
        await using var report = await _database.DataSource.OpenConnectionAsync(Token);
        await using var reading = await report.BeginTransactionAsync(Token);
        await using (var read = new NpgsqlCommand("SELECT count(*) FROM usage", report))
        {
            await read.ExecuteScalarAsync(Token);
        }

        // Long enough for several tries, each of which has the flights behind it wait.
        var flights = 0;
        var detaching = DetachBeforeAsync(new(2026, 3, 15));
        for (var since = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(since) < TimeSpan.FromSeconds(1);)
        {
            await FlyAsync();
        }

        Assert.False(detaching.IsCompleted);
        await reading.CommitAsync(Token);
        while (!detaching.IsCompleted)
        {
            await FlyAsync();
        }

        await detaching;
        Assert.Equal([new(2026, 3, 14)], await UsagePartitions.DetachedAsync(_database.DataSource, Token));

        var dropping = UsagePartitions.DropAsync(_database.DataSource, new(2026, 3, 14), TimeProvider.System, Token);
        while (!dropping.IsCompleted)
        {
            await FlyAsync();
        }

        await dropping;
        Assert.Empty(await UsagePartitions.DetachedAsync(_database.DataSource, Token));

        // Fails if it waits for a lock for longer than a flight does.
        Task FlyAsync() => account.ApplyAsync(_database.Ledger, account.Settle($"beside {flights++}", 1));
    }

    /// <summary>With the usage, but not the charge, so many days later.</summary>
    private async Task SettleAsync(TestAccount account, string hold, int days)
    {
        var batch = account.Settle(hold, 1);
        await account.ApplyAsync(_database.Ledger, batch with { Usage = [batch.Usage[0] with { At = TestAccount.Start.AddDays(days) }] });
    }

    private Task<int> EnsureAsync(int day) =>
        UsagePartitions.EnsureAsync(_database.DataSource, TestAccount.Start.AddDays(day), TimeProvider.System, Token);

    private Task DetachBeforeAsync(DateOnly day) => UsagePartitions.DetachBeforeAsync(_database.DataSource, day, TimeProvider.System, Token);

    private Task<string> DaysAsync() => _database.ScalarAsync<string>(
        "SELECT string_agg(substr(relname, 7), ' ' ORDER BY relname) FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'usage'::regclass AND relname <> 'usage_default'");

    private Task<string> RowsAsync() =>
        _database.ScalarAsync<string>("SELECT string_agg(tableoid::regclass || ':' || request_id, ' ' ORDER BY at, ctid) FROM usage");
}
