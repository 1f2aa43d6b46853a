using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

/// <summary>Each unit has its column wherever usage is, and stays itself from the flight to every report.</summary>
public sealed class UsageColumnsTests(PostgresServer server) : IAsyncLifetime
{
    private readonly LedgerDatabase _database = new(server);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _database.InitializeAsync();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task Columns_OfTheTables_AreThoseOfTheUnits()
    {
        string[] row = ["account_id", .. UsageColumns.Sent.Names.Except(["n"])];
        string[] totals = [.. UsageColumns.GroupedBy, "requests", "charge", "shortfall", .. UsageColumns.Counts];

        Assert.Equal(row.Order(StringComparer.Ordinal), await ColumnsAsync("usage"));
        Assert.Equal(totals.Append("hour").Order(StringComparer.Ordinal), await ColumnsAsync("usage_hour"));
        Assert.Equal(totals.Append("day").Order(StringComparer.Ordinal), await ColumnsAsync("usage_day"));
    }

    [Fact]
    public async Task Usage_OfEveryUnit_IsTheSameInRowsListsAndTotals()
    {
        var used = new Usage(unit => 100 + (long)unit) { IsEstimated = true };
        var account = await TestAccount.CreateAsync(_database.Ledger);
        var batch = account.Settle("all", 1);
        await account.ApplyAsync(_database.Ledger, batch with { Usage = [batch.Usage[0] with { Usage = used }] });
        await UsageTotals.AddAsync(_database.DataSource, [], Token);

        using var queries = new LedgerQueries(_database.DataSource);
        Assert.Equal(used, Assert.Single(await queries.UsageAsync(new UsageFilter(), null, 10, Token)).Usage);
        await foreach (var row in queries.ExportUsageAsync(new UsageFilter(), Token))
        {
            Assert.Equal(used, row.Usage);
        }

        Assert.Equal(
            used with { IsEstimated = false }, Assert.Single(await queries.UsageTotalsAsync(new UsageFilter(), UsageGroups.None, Token)).Usage);
        foreach (var table in new[] { "usage", "usage_hour", "usage_day" })
        {
            foreach (var unit in Units.All)
            {
                Assert.Equal(used[unit], await _database.ScalarAsync<long>($"SELECT {unit.Name()}::bigint FROM {table}"));
            }
        }

        Assert.DoesNotContain(
            (await Verifier.RunAsync(_database.DataSource, TestAccount.Start, Token)).Problems,
            problem => problem.Rule.Contains("totals", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Usage_OfOneRowAlone_IsZeroInTheOthersOfItsFlight()
    {
        var account = await TestAccount.CreateAsync(_database.Ledger);
        var batch = account.Settle("of", 1, count: 3);
        await account.ApplyAsync(
            _database.Ledger,
            batch with { Usage = [.. batch.Usage.Select((row, i) => row with { Usage = i == 1 ? new Usage { [Unit.Images] = 7 } : default })] });

        Assert.Equal(
            "of-1:0:0 of-2:7:0 of-3:0:0",
            await _database.ScalarAsync<string>("SELECT string_agg(concat_ws(':', request_id, images, input), ' ' ORDER BY request_id) FROM usage"));
    }

    [Theory]
    [InlineData("usage", "23514")]
    [InlineData("usage_20200101", "23514")]
    public async Task Count_BelowZero_IsRefusedForEachUnit(string table, string state)
    {
        await _database.ExecuteAsync("CREATE TABLE IF NOT EXISTS usage_20200101 (LIKE usage INCLUDING ALL)");
        foreach (var negative in Units.All)
        {
            var refused = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => _database.ExecuteAsync(
                $"""
                INSERT INTO {table} (account_id, {UsageColumns.Each(UsageColumns.Sent.Names.Except(["n"]))})
                SELECT 'a', {UsageColumns.Each(UsageColumns.Sent.Names.Except(["n"]))} FROM (VALUES (now(), 0,
                    {UsageColumns.Each(UsageColumns.Counts.Select(count => count == negative.Name() ? "-1" : "0"))}, 0, 0, false, 'k', 'r', 'completed',
                    'm', 'c', 'e', 'p', 'i', 0)) AS v({UsageColumns.Each(UsageColumns.Sent.Names.Except(["n"]))})
                """));
            Assert.Equal(state, refused.SqlState);
        }
    }

    private async Task<string[]> ColumnsAsync(string table) => await _database.ScalarAsync<string[]>(
        $"SELECT array_agg(attname::text ORDER BY attname) FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped");
}
