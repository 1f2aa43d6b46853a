using OrleansGateway.Ledger.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

public sealed class UsagePartitionTests(LedgerDatabase database) : IClassFixture<LedgerDatabase>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task EnsureAndDrop_AsDaysGoBy_KeepRowsInTheirDays()
    {
        // Before any partition is made, all rows land in the default one: of the day before, of the day, and far ahead.
        var account = await TestAccount.CreateAsync(database.Ledger);
        foreach (var (hold, days) in new[] { ("before", -1), ("today", 0), ("far", 30) })
        {
            var batch = account.Settle(hold, 1);
            await account.ApplyAsync(
                database.Ledger, batch with { Usage = [batch.Usage[0] with { At = TestAccount.Start.AddDays(days) }] });
        }

        await Task.WhenAll(EnsureAsync(0), EnsureAsync(0));
        await EnsureAsync(0);
        Assert.Equal("20260313 20260314 20260315 20260316", await DaysAsync());
        Assert.Equal("usage_20260313:before usage_20260314:today usage_default:far", await RowsAsync());

        await EnsureAsync(1);
        await account.ApplyAsync(database.Ledger, account.Settle("again", 1));
        Assert.Equal("20260313 20260314 20260315 20260316 20260317", await DaysAsync());
        Assert.Equal("usage_20260313:before usage_20260314:today usage_20260314:again usage_default:far", await RowsAsync());

        Assert.Equal(2, await UsagePartitions.DropBeforeAsync(database.DataSource, new DateOnly(2026, 3, 15), Token));
        Assert.Equal(0, await UsagePartitions.DropBeforeAsync(database.DataSource, new DateOnly(2026, 3, 14), Token));
        Assert.Equal("20260315 20260316 20260317", await DaysAsync());
        Assert.Equal("usage_default:far", await RowsAsync());
        Assert.True(await database.ScalarAsync<bool>("SELECT purged_before = '2026-03-15 00:00:00+00' FROM usage_purge"));
    }

    private Task EnsureAsync(int day) => UsagePartitions.EnsureAsync(database.DataSource, TestAccount.Start.AddDays(day), Token);

    private Task<string> DaysAsync() => database.ScalarAsync<string>(
        "SELECT string_agg(substr(relname, 7), ' ' ORDER BY relname) FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'usage'::regclass AND relname <> 'usage_default'");

    private Task<string> RowsAsync() =>
        database.ScalarAsync<string>("SELECT string_agg(tableoid::regclass || ':' || request_id, ' ' ORDER BY at, ctid) FROM usage");
}
