using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

public sealed class LedgerQueriesTests(LedgerDatabase database) : IClassFixture<LedgerDatabase>, IDisposable
{
    private readonly LedgerQueries _queries = new(database.DataSource);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _queries.Dispose();

    [Fact]
    public async Task Accounts_FilteredAndPaged_ComeById()
    {
        foreach (var (id, name) in new[] { ("q1", "Alpha needle"), ("q2", "NEEDLE beta"), ("q3", "Needle gamma"), ("q4", "Other") })
        {
            await database.Ledger.CreateAccountAsync(id, name, new RateLimits(null, 5, null), TestAccount.Start, Token);
        }

        await database.ExecuteAsync("UPDATE account SET status = 'suspended' WHERE id = 'q3'");
        Assert.Equal(["q1", "q2"], Ids(await _queries.AccountsAsync(null, "needle", null, 2, Token)));
        Assert.Equal(["q3"], Ids(await _queries.AccountsAsync(null, "needle", "q2", 2, Token)));
        Assert.Equal(["q3"], Ids(await _queries.AccountsAsync(AccountStatus.Suspended, null, null, 10, Token)));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => _queries.AccountsAsync(null, null, null, 1001, Token));

        var account = await _queries.AccountAsync("q3", Token);
        Assert.Equal(
            new AccountListing
            {
                AccountId = "q3", Name = "Needle gamma", Status = AccountStatus.Suspended, TokensPerMinute = 5, Epoch = 0, Seq = 0,
                Balance = 0, Reserved = 0, Quarantined = 0, CreatedAt = TestAccount.Start,
            },
            account);
        Assert.Null(await _queries.AccountAsync("nobody", Token));
    }

    [Fact]
    public async Task Keys_OfAnAccount_TellTheirLastUse()
    {
        var account = await TestAccount.CreateAsync(database.Ledger);
        var spend = new KeySpend(9, new(2026, 3, 14), 2, new(2026, 3, 9), 3, new(2026, 3, 1), 4);
        await account.ApplyAsync(database.Ledger, account.Batch() with
        {
            Keys = [TestAccount.Key("used"), TestAccount.Key("new")],
            KeySpends = [new KeySpendWrite("used", spend, TestAccount.Start, "192.0.2.7")],
        });
        var keys = await _queries.KeysAsync(account.Id, null, 10, Token);
        Assert.Equal(
            [("new", KeySpend.None, null, null), ("used", spend, TestAccount.Start, "192.0.2.7")],
            keys.Select(key => (key.Settings.KeyId, key.Spend, key.UsedAt, key.UsedFrom)));
        Assert.Equal(["new"], (await _queries.KeysAsync(account.Id, null, 1, Token)).Select(key => key.Settings.KeyId));
        Assert.Equal(["used"], (await _queries.KeysAsync(account.Id, "new", 1, Token)).Select(key => key.Settings.KeyId));
    }

    [Fact]
    public async Task Ledger_Paged_ComesNewestFirst()
    {
        var account = await TestAccount.CreateAsync(database.Ledger);
        await account.ApplyAsync(database.Ledger, account.Settle("page", 10, count: 3));
        var later = account.Credit("later", 5);
        await account.ApplyAsync(database.Ledger, later with { Entries = [later.Entries[0] with { At = TestAccount.Start.AddHours(1) }] });

        var first = await _queries.LedgerAsync(account.Id, null, null, null, 2, Token);
        Assert.Equal([5, 4], first.Select(row => row.Seq));
        Assert.Equal([3, 2], (await _queries.LedgerAsync(account.Id, null, null, first[^1].Seq, 2, Token)).Select(row => row.Seq));
        Assert.Equal([5], (await _queries.LedgerAsync(account.Id, TestAccount.Start.AddTicks(10), null, null, 9, Token)).Select(row => row.Seq));
        Assert.Equal([4, 3, 2, 1], (await _queries.LedgerAsync(account.Id, null, TestAccount.Start.AddHours(1), null, 9, Token)).Select(row => row.Seq));
        var exported = new List<long>();
        await foreach (var row in _queries.ExportLedgerAsync(account.Id, null, TestAccount.Start.AddHours(1), Token))
        {
            exported.Add(row.Seq);
        }

        Assert.Equal([1, 2, 3, 4], exported);
        Assert.Equal(
            new LedgerListing
            {
                Seq = 4, At = TestAccount.Start, Kind = EntryKind.Charge, Amount = -10, Shortfall = 0, BalanceAfter = 970, Ref = "page-3",
                ClosedBy = ClosedBy.Settlement,
            },
            first[1]);
    }

    [Fact]
    public async Task Usage_FilteredPagedExportedAndSummed_IsTheSameUsage()
    {
        var account = await TestAccount.CreateAsync(database.Ledger);
        var batch = account.Settle("u", 10, count: 6);
        UsageRow Changed(int i) => batch.Usage[i] with
        {
            At = TestAccount.Start.AddHours(i / 2 * 12), // 12:00, 0:00 and 12:00 of the next day, two each
            Model = i % 2 == 0 ? "even" : "odd",
            KeyId = i < 3 ? "k1" : "k2",
            Status = i == 5 ? RequestStatus.ClientGone : RequestStatus.Completed,
        };
        var entries = batch.Entries.Select((entry, i) => entry with { At = TestAccount.Start.AddHours(i / 2 * 12), Shortfall = i == 5 ? 7 : 0 });
        await account.ApplyAsync(database.Ledger, batch with { Entries = [.. entries], Usage = [.. Enumerable.Range(0, 6).Select(Changed)] });
        var all = new UsageFilter { AccountId = account.Id };

        var first = await _queries.UsageAsync(all, null, 3, Token);
        var second = await _queries.UsageAsync(all, UsagePlace.Of(first[^1]), 3, Token);
        var third = await _queries.UsageAsync(all, UsagePlace.Of(second[^1]), 3, Token);
        Assert.Equal(["u-6", "u-5", "u-4", "u-3", "u-2", "u-1"], first.Concat(second).Concat(third).Select(row => row.RequestId));
        Assert.Equal(
            (TestAccount.Start, 2, 3, 345, "completed", "gpt-test@1"),
            (second[^1].At, second[^1].Usage[Unit.CacheWrite5m], second[^1].Usage[Unit.CacheWrite1h], second[^1].DurationMs, second[^1].Status, second[^1].PriceId));

        Assert.Equal(["u-5", "u-3", "u-1"], Requests(await _queries.UsageAsync(all with { Model = "even" }, null, 9, Token)));
        Assert.Equal(["u-3", "u-2", "u-1"], Requests(await _queries.UsageAsync(all with { KeyId = "k1" }, null, 9, Token)));
        Assert.Equal(["u-6"], Requests(await _queries.UsageAsync(all with { Status = RequestStatus.ClientGone }, null, 9, Token)));
        Assert.Equal(["u-4", "u-3"], Requests(await _queries.UsageAsync(
            all with { From = TestAccount.Start.AddHours(12), To = TestAccount.Start.AddHours(24), Channel = "main" }, null, 9, Token)));

        var exported = new List<string>();
        await foreach (var row in _queries.ExportUsageAsync(all, Token))
        {
            exported.Add(row.RequestId);
        }

        Assert.Equal(["u-1", "u-2", "u-3", "u-4", "u-5", "u-6"], exported);

        var days = await _queries.UsageTotalsAsync(all, UsageGroups.Day | UsageGroups.Key, Token);
        Assert.Equal(
            [
                new UsageTotal { Day = new(2026, 3, 14), KeyId = "k1", Requests = 2, Completed = 2, Usage = Times(2), Charge = 20, Shortfall = 0 },
                new UsageTotal { Day = new(2026, 3, 15), KeyId = "k1", Requests = 1, Completed = 1, Usage = Times(1), Charge = 10, Shortfall = 0 },
                new UsageTotal { Day = new(2026, 3, 15), KeyId = "k2", Requests = 3, Completed = 2, Usage = Times(3), Charge = 30, Shortfall = 7 },
            ],
            days);
        Assert.Equal(60, Assert.Single(await _queries.UsageTotalsAsync(all, UsageGroups.None, Token)).Charge);
        Assert.Equal([0, 7], (await _queries.UsageTotalsAsync(all, UsageGroups.Model, Token)).Select(total => total.Shortfall));
        Assert.Equal(["even", "odd"], (await _queries.UsageTotalsAsync(all, UsageGroups.Model, Token)).Select(total => total.Model));
    }

    /// <summary>What is counted in hours, what is not yet, and what lies within an hour add up to the rows.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(330)]
    public async Task Totals_OfSpansOfTime_AreTheSumsOfTheirRows(int offsetMinutes)
    {
        var account = await TestAccount.CreateAsync(database.Ledger);
        var begin = TestAccount.Start.AddDays(offsetMinutes == 0 ? 10 : 20);
        var at = Enumerable.Range(0, 48).Select(i => begin.AddMinutes(i * 47)).ToList();
        for (var i = 0; i < at.Count; i++)
        {
            if (i == 30)
            {
                await UsageTotals.AddAsync(database.DataSource, [], Token);
            }

            var batch = account.Settle($"s-{i}", 1);
            await account.ApplyAsync(database.Ledger, batch with
            {
                Entries = [batch.Entries[0] with { At = at[i], Shortfall = i % 7 }],
                Usage = [batch.Usage[0] with { At = at[i], Status = i % 3 == 0 ? RequestStatus.ProviderError : RequestStatus.Completed }],
            });
        }

        var filter = new UsageFilter { AccountId = account.Id };
        var bounds = Enumerable.Range(0, 5).Select(i => begin.AddMinutes(offsetMinutes % 60).AddHours(i * 8)).ToList();
        var sums = await _queries.UsageTotalsAsync(filter, bounds, UsageGroups.Status, Token);
        for (var i = 0; i < 8; i++)
        {
            var (span, isFailed) = (i / 2, i % 2 == 0);
            var expected = Enumerable.Range(0, 48).Where(n => at[n] >= bounds[span] && at[n] < bounds[span + 1] && (n % 3 == 0) == isFailed).ToList();
            var sum = sums.SingleOrDefault(one => one.Span == span && one.Status == (isFailed ? "provider_error" : "completed"));
            Assert.Equal(
                (expected.Count, expected.Count, expected.Sum(n => n % 7)),
                ((int)(sum?.Requests ?? 0), (int)(sum?.Charge ?? 0), (int)(sum?.Shortfall ?? 0)));
        }

        Assert.Equal(48, Assert.Single(await _queries.UsageTotalsAsync(filter, UsageGroups.None, Token)).Requests);
        Assert.Equal(["s-9"], Requests(await _queries.UsageAsync(filter with { RequestId = "s-9" }, null, 9, Token)));
    }

    private static Usage Times(long rows) => new(unit => rows * TestAccount.Usage("one", 0).Usage[unit]);

    private static IEnumerable<string> Ids(IEnumerable<AccountListing> accounts) => accounts.Select(account => account.AccountId);

    private static IEnumerable<string> Requests(IEnumerable<UsageListing> rows) => rows.Select(row => row.RequestId);
}
