using System.Collections.Immutable;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Npgsql;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Tests.Integration.Edge;
using OrleansGateway.Tests.Programs.Postgres;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

/// <summary>Each charge is in the totals once, whenever it is committed and whoever counts.</summary>
public sealed class UsageTotalsTests(PostgresServer server) : IAsyncLifetime
{
    private readonly LedgerDatabase _database = new(server);
    private readonly FakeTimeProvider _time = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _database.InitializeAsync();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task Add_Charges_SumsThemByHourAndDay()
    {
        var account = await TestAccount.CreateAsync(_database.Ledger);
        await account.ApplyAsync(_database.Ledger, account.Settle("two", 7, count: 2));
        var short1 = account.Settle("short", 1);
        await account.ApplyAsync(_database.Ledger, short1 with { Entries = [short1.Entries[0] with { Shortfall = 4 }] });
        await SettleAsync(account, "hour later", 3, TestAccount.Start.AddHours(1), usage => usage with { PriceId = "gpt-test@2" });
        await SettleAsync(account, "day later", 0, TestAccount.Start.AddDays(1), usage => usage with { Status = RequestStatus.EdgeLost, KeyId = "k2" });

        Assert.Equal(5, await AddAsync());
        Assert.Equal(0, await AddAsync());

        Assert.Equal(
            """
            2026-03-14 12:00:00+00 k1 gpt-test main gpt-test@1 completed 3 15 4 300 3 6 9 0 0 60 15 0 0 3 0 0 0 0 0 0
            2026-03-14 13:00:00+00 k1 gpt-test main gpt-test@2 completed 1 3 0 100 1 2 3 0 0 20 5 0 0 1 0 0 0 0 0 0
            2026-03-15 12:00:00+00 k2 gpt-test main gpt-test@1 edge_lost 1 0 0 100 1 2 3 0 0 20 5 0 0 1 0 0 0 0 0 0
            """,
            await RowsAsync("usage_hour", "hour"));
        Assert.Equal(
            """
            2026-03-14 k1 gpt-test main gpt-test@1 completed 3 15 4 300 3 6 9 0 0 60 15 0 0 3 0 0 0 0 0 0
            2026-03-14 k1 gpt-test main gpt-test@2 completed 1 3 0 100 1 2 3 0 0 20 5 0 0 1 0 0 0 0 0 0
            2026-03-15 k2 gpt-test main gpt-test@1 edge_lost 1 0 0 100 1 2 3 0 0 20 5 0 0 1 0 0 0 0 0 0
            """,
            await RowsAsync("usage_day", "day"));
        await SoundAsync();
    }

    [Fact]
    public async Task Add_ChargeCommittedLongAfterItsHourWasCounted_IsCountedThen()
    {
        var account = await TestAccount.CreateAsync(_database.Ledger);
        await SettleAsync(account, "now", 1, TestAccount.Start.AddDays(3));
        await AddAsync();
        await SettleAsync(account, "late", 2, TestAccount.Start);

        Assert.Equal(1, await AddAsync());

        Assert.Equal("2026-03-14:2 2026-03-17:1", await DaysAsync());
        await SoundAsync();
    }

    [Fact]
    public async Task Add_ManyAtOnceBesideFlights_CountsEachOnce()
    {
        var accounts = new List<TestAccount>();
        for (var i = 0; i < 120; i++)
        {
            accounts.Add(await TestAccount.CreateAsync(_database.Ledger, 100_000));
        }

        var flights = Task.Run(
            async () =>
            {
                for (var round = 0; round < 15; round++)
                {
                    var batches = accounts.Select(account => account.Settle($"round{round}", 1, count: 2)).ToImmutableArray();
                    Assert.All(await _database.Ledger.CommitAsync(batches, Token), answer => Assert.True(answer.IsApplied));
                    accounts.Zip(batches).ToList().ForEach(pair => pair.First.Applied(pair.Second));
                }
            },
            Token);
        var counted = 0L;
        do
        {
            counted += (await Task.WhenAll(AddAsync(), AddAsync(), AddAsync())).Sum();
        }
        while (!flights.IsCompleted);
        await flights;
        counted += await AddAsync();

        Assert.Equal(120 * 15 * 2, counted);
        await SoundAsync();
    }

    [Fact]
    public async Task Add_MoreThanOneStepOfOneAccount_CountsAll()
    {
        var many = await TestAccount.CreateAsync(_database.Ledger, 100_000);
        var other = await TestAccount.CreateAsync(_database.Ledger);
        foreach (var round in new[] { "a", "b", "c" })
        {
            await many.ApplyAsync(_database.Ledger, many.Settle(round, 1, count: 1500));
        }

        await other.ApplyAsync(_database.Ledger, other.Settle("one", 1));

        Assert.Equal(4501, await AddAsync());
        await SoundAsync();
    }

    [Fact]
    public async Task Add_StepThatFails_CountsNothingOfItAndAllNextTime()
    {
        var account = await TestAccount.CreateAsync(_database.Ledger);
        await account.ApplyAsync(_database.Ledger, account.Settle("one", 1));
        await _database.ExecuteAsync("ALTER TABLE usage_day ADD CONSTRAINT none CHECK (false)");

        await Assert.ThrowsAsync<PostgresException>(AddAsync);

        Assert.Equal(0, await _database.ScalarAsync<long>("SELECT (SELECT count(*) FROM usage_hour) + (SELECT count(*) FROM usage_mark)"));
        await _database.ExecuteAsync("ALTER TABLE usage_day DROP CONSTRAINT none");
        Assert.Equal(1, await AddAsync());
        await SoundAsync();
    }

    [Fact]
    public async Task Add_UsageBeyondWhatALongHolds_IsSummed()
    {
        var account = await TestAccount.CreateAsync(_database.Ledger);
        foreach (var hold in new[] { "one", "two" })
        {
            await SettleAsync(account, hold, 0, TestAccount.Start, usage => usage with { Usage = new Usage { [Unit.Output] = long.MaxValue } });
        }

        await AddAsync();

        Assert.Equal("18446744073709551614", await _database.ScalarAsync<string>("SELECT output::text FROM usage_day"));
        await SoundAsync();
    }

    [Fact]
    public async Task Upkeep_UsageThatIsOld_IsDroppedWithItsHoursAndStaysInItsDays()
    {
        var account = await TestAccount.CreateAsync(_database.Ledger);
        await SettleAsync(account, "old", 1, _time.GetUtcNow().AddDays(-8));
        await SettleAsync(account, "kept", 2, _time.GetUtcNow().AddDays(-7));
        await SettleAsync(account, "new", 3, _time.GetUtcNow());

        var log = await RunUpkeepAsync(days: 7);

        Assert.Equal(
            "Upkeep: made 5 partitions, counted 3 charges, dropped 1 days of usage (kept from 2029-12-25 on), removed 1 hourly totals and 0 idempotency keys, in 0.0 s",
            Assert.Single(log));
        Assert.Equal("kept new", await _database.ScalarAsync<string>("SELECT string_agg(request_id, ' ' ORDER BY at) FROM usage"));
        Assert.Equal(2, await _database.ScalarAsync<long>("SELECT count(*) FROM usage_hour"));
        Assert.Equal("2029-12-24:1 2029-12-25:2 2030-01-01:3", await DaysAsync());
        Assert.Equal(0, await _database.ScalarAsync<long>("SELECT count(*) FROM pg_class WHERE relname = 'usage_20291224'"));
        await SoundAsync();

        // A charge of a day that is long gone: by a clock that is wrong, or after an outage without end.
        await SettleAsync(account, "late", 4, _time.GetUtcNow().AddDays(-8));
        await RunUpkeepAsync(days: 7);
        Assert.Equal("2029-12-24:5 2029-12-25:2 2030-01-01:3", await DaysAsync());
        Assert.Equal(2, await _database.ScalarAsync<long>("SELECT count(*) FROM usage"));
        Assert.Equal(2, await _database.ScalarAsync<long>("SELECT count(*) FROM usage_hour"));
        await SoundAsync();

        // Reports go on by the day.
        var sums = await new LedgerQueries(_database.DataSource).UsageTotalsAsync(new UsageFilter(), UsageGroups.Day, Token);
        Assert.Equal(
            ["2029-12-24 2 5", "2029-12-25 1 2", "2030-01-01 1 3"],
            sums.Select(sum => string.Create(CultureInfo.InvariantCulture, $"{sum.Day:yyyy-MM-dd} {sum.Requests} {sum.Charge}")));
    }

    [Fact]
    public async Task Upkeep_ChargesThatCannotBeCounted_StayUntilTheyAre()
    {
        var account = await TestAccount.CreateAsync(_database.Ledger);
        await SettleAsync(account, "old", 1, _time.GetUtcNow().AddDays(-8));
        await _database.ExecuteAsync("ALTER TABLE usage_day ADD CONSTRAINT none CHECK (false)");

        var log = await RunUpkeepAsync(days: 7);

        Assert.StartsWith("Upkeep of totals failed and is tried again in an hour: ", log[0], StringComparison.Ordinal);
        Assert.Contains("dropped 0 days", log[1], StringComparison.Ordinal);
        Assert.Equal(1, await _database.ScalarAsync<long>("SELECT count(*) FROM usage_20291224"));
        await _database.ExecuteAsync("ALTER TABLE usage_day DROP CONSTRAINT none");
        Assert.Contains("counted 1 charges, dropped 1 days", Assert.Single(await RunUpkeepAsync(days: 7)), StringComparison.Ordinal);
        Assert.Equal("2029-12-24:1", await DaysAsync());
        Assert.Equal("gpt-test", await _database.ScalarAsync<string>("SELECT model FROM usage_day"));
    }

    private async Task SettleAsync(
        TestAccount account, string hold, long cost, DateTimeOffset at, Func<UsageRow, UsageRow>? change = null)
    {
        var batch = account.Settle(hold, cost);
        var usage = batch.Usage[0] with { At = at };
        await account.ApplyAsync(
            _database.Ledger, batch with { Entries = [batch.Entries[0] with { At = at }], Usage = [change?.Invoke(usage) ?? usage] });
    }

    private Task<long> AddAsync() => UsageTotals.AddAsync(_database.DataSource, [], Token);

    /// <returns>What it logged.</returns>
    private async Task<List<string>> RunUpkeepAsync(int days)
    {
        using var log = new LogLines();
        using var logging = LoggerFactory.Create(builder => builder.AddProvider(log));
        await new LedgerUpkeep(_database.DataSource, _time, logging.CreateLogger<LedgerUpkeep>()).RunAsync(days, TimeSpan.FromHours(1), Token);
        return [.. log.Lines.Select(line => line.Text)];
    }

    private async Task SoundAsync() =>
        Assert.DoesNotContain(
            (await Verifier.RunAsync(_database.DataSource, TestAccount.Start, Token)).Problems,
            problem => problem.Rule.Contains("totals", StringComparison.Ordinal));

    private Task<string> DaysAsync() => _database.ScalarAsync<string>(
        "SELECT string_agg(day || ':' || charge, ' ' ORDER BY day) FROM (SELECT day, sum(charge) AS charge FROM usage_day GROUP BY day) d");

    private Task<string> RowsAsync(string table, string period) => _database.ScalarAsync<string>(
        $"""
        SELECT string_agg(concat_ws(' ', {period}, key_id, model, channel, price_id, status, requests, charge, shortfall,
            {UsageColumns.Each(UsageColumns.Counts)}), E'\n'
            ORDER BY {period}, price_id) FROM {table}
        """);
}
