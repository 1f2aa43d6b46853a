using System.Collections.Immutable;
using Npgsql;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger.Releases;

/// <summary>
/// A cluster is updated one silo after another, and an update can be taken back: what the release before sends has to work on this schema.
/// When a new release begins, the last build of the one before it writes what it sends to a file beside this:
/// <c>RECORD_STATEMENTS=…/releaseN.json dotnet … --filter-class '*ReleaseTests'</c>.
/// </summary>
public sealed class ReleaseTests(PostgresServer server) : IAsyncLifetime
{
    private const int ChargesSent = 6;

    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Ledger", "Releases");

    private readonly LedgerDatabase _database = new(server);

    public static TheoryData<int> Earlier =>
    [
        .. LedgerMigrator.Embedded().Select(migration => migration.Release).Distinct().Where(release => release < LedgerMigrator.Embedded()[^1].Release),
    ];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _database.InitializeAsync();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Theory]
    [MemberData(nameof(Earlier))]
    public async Task Statements_OfAnEarlierRelease_AreAnsweredOnThisSchemaAsOnItsOwn(int release)
    {
        var recorded = ReleaseStatements.Read(Path.Combine(Folder, $"release{release}.json"));

        var answered = await recorded.SendAsync(_database.DataSource, Token);

        Assert.Equal(recorded.Sent.Select(sent => sent.Rows), answered.Sent.Select(sent => sent.Rows));
        Assert.Equal(ChargesSent, await UsageTotals.AddAsync(_database.DataSource, [], Token));
        Assert.Empty((await Verifier.RunAsync(_database.DataSource, TestAccount.Start, Token)).Problems);
    }

    [Fact]
    public async Task Statements_OfThisBuild_CanBeRecordedAndSentAgain()
    {
        await using var cluster = await PostgresCluster.StartNewAsync();
        await LedgerDatabase.MigrateAsync(cluster.ConnectionString);
        var recorded = await ReleaseStatements.RecordAsync(cluster, WorkAsync);
        var answered = await recorded.SendAsync(_database.DataSource, Token);
        if (Environment.GetEnvironmentVariable("RECORD_STATEMENTS") is { Length: > 0 } path)
        {
            answered.Write(path);
        }

        await using var first = LedgerDataSource.Create(cluster.ConnectionString);
        foreach (var table in new[] { "account", "ledger", "usage", "api_key", "idempotency" })
        {
            var sql = $"SELECT string_agg(t::text, E'\n' ORDER BY t::text) FROM {table} t";
            await using var command = first.CreateCommand(sql);
            Assert.Equal((string?)await command.ExecuteScalarAsync(Token), await _database.ScalarAsync<string>(sql));
        }
    }

    /// <summary>Everything that the ledger is asked for at least once.</summary>
    private static async Task WorkAsync(NpgsqlDataSource dataSource)
    {
        var ledger = new PostgresLedger(dataSource, dataSource, TimeProvider.System);
        var (one, two) = (new TestAccount("one"), new TestAccount("two"));
        await ledger.CreateAccountAsync(one.Id, "Größe", RateLimits.None, TestAccount.Start, Token);
        await ledger.CreateAccountAsync(two.Id, "It's two", new RateLimits(60, 100_000, 5), TestAccount.Start, Token);
        await ledger.CreateAccountAsync(two.Id, "again", RateLimits.None, TestAccount.Start, Token);
        await one.ActivateAsync(ledger);
        await two.ActivateAsync(ledger);
        await ledger.ActivateAsync("nobody", "activation1", "p1", TestAccount.Start, Token);

        await FlyAsync(ledger, (one, one.Credit("order-1", 5000)), (two, two.Credit("order-2", 3000)));
        await FlyAsync(ledger, (one, one.Batch(reserved: 600) with
        {
            Keys =
            [
                TestAccount.Key("k1") with
                {
                    Models = ["gpt-test", "o\"ne"], Addresses = ["192.0.2.0/24"], ExpiresAt = TestAccount.Start.AddDays(30),
                    Caps = new SpendCaps(4000, 2000, null, null), Limits = new RateLimits(10, null, 2), ShowCost = true,
                },
            ],
            IdempotencyStarts = [Start("done", "h-1"), Start("ended", "late"), Start("running", "open")],
        }), (two, two.Batch() with { Keys = [TestAccount.Key("k1")] }));
        var spend = new KeySpend(45, new(2026, 3, 14), 45, new(2026, 3, 9), 45, new(2026, 3, 1), 45);
        var settle = one.Settle("h", 15, count: 3);
        var settlement = settle with
        {
            Entries = settle.Entries.SetItem(2, settle.Entries[2] with { Shortfall = 5, ClosedBy = ClosedBy.Lease }),
            KeySpends = [new KeySpendWrite("k1", spend, TestAccount.Start, "192.0.2.7")],
            IdempotencyEnds = [new("h-1", IdempotencyState.Completed, 15)],
        };
        var other = two.Settle("other", 0, count: 2);
        await FlyAsync(ledger, (one, settlement), (two, other));

        // Sent again: left out, and told what is there.
        await ledger.CommitAsync([settlement, one.Batch() with { AccountId = "nobody" }], Token);
        await FlyAsync(ledger, (one, one.Batch() with { IsReadOnly = true }), (two, two.Batch() with
        {
            Status = AccountStatus.Suspended,
            Limits = new RateLimits(null, 7, null),
        }));
        await one.ActivateAsync(ledger, process: "p2");
        await FlyAsync(ledger, (one, one.Batch(reserved: one.Quarantined, quarantined: -one.Quarantined)));
        await FlyAsync(ledger, (one, Moves(one)), (two, two.Settle("last", 3) with
        {
            KeySpends = [new KeySpendWrite("k1", spend with { TotalNanos = 3, DayNanos = 3, WeekNanos = 3, MonthNanos = 3 }, TestAccount.Start, "::1")],
        }));
        await FlyAsync(ledger, (one, one.Batch() with
        {
            Keys = [TestAccount.Key("k1") with { Status = KeyStatus.Disabled }, TestAccount.Key("k2")],
            IdempotencyStarts = [Start("done", "h-9") with { At = TestAccount.Start.AddDays(2) }],
            IdempotencyEnds = [new("late", IdempotencyState.Ended, 0), new("none", IdempotencyState.Completed, 0)],
        }));
        await ledger.FindEntriesAsync(one.Id, [new(EntryKind.Charge, "h-3"), new(EntryKind.Topup, "order-1"), new(EntryKind.Charge, "none")], Token);
        await ledger.FindIdempotencyAsync(one.Id, "done", Token);
        await ledger.FindIdempotencyAsync(one.Id, "none", Token);
        await one.ActivateAsync(ledger, process: "p3");
    }

    /// <summary>A row of each kind that is no charge.</summary>
    private static AccountBatch Moves(TestAccount account)
    {
        (EntryKind Kind, long Amount)[] rows =
        [
            (EntryKind.Bonus, 10), (EntryKind.Refund, -30), (EntryKind.Compensation, 20), (EntryKind.Adjustment, -1), (EntryKind.Adjustment, 2),
        ];
        var balance = account.Balance;
        var entries = rows.Select((row, i) =>
            new LedgerEntry(account.Seq + i + 1, row.Kind, row.Amount, 0, balance += row.Amount, $"move{i}", null, TestAccount.Start)).ToImmutableArray();
        return account.Batch(balance: balance - account.Balance) with { Entries = entries };
    }

    private static async Task FlyAsync(PostgresLedger ledger, params (TestAccount Account, AccountBatch Batch)[] flight)
    {
        Assert.All(await ledger.CommitAsync([.. flight.Select(one => one.Batch)], Token), answer => Assert.True(answer.IsApplied));
        foreach (var (account, batch) in flight)
        {
            account.Applied(batch);
        }
    }

    private static IdempotencyRow Start(string key, string hold) =>
        new(key, Sha256Hash.Of("body"u8), hold, IdempotencyState.Running, 0, TestAccount.Start);
}
