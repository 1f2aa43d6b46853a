using Npgsql;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

/// <summary>Each test corrupts a database of its own.</summary>
public sealed class VerifierTests(PostgresServer server) : IAsyncLifetime
{
    private const string OfCharges = "only charges have what closed them, and only they and chargebacks a shortfall";

    private readonly LedgerDatabase _database = new(server);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _database.InitializeAsync();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task Run_SoundLedger_FindsNothingAndAddsUp()
    {
        var account = await SoundAsync();
        await account.ActivateAsync(_database.Ledger);
        var early = await VerifyAsync(TestAccount.Start.AddSeconds(25));
        Assert.Empty(early.Problems);
        Assert.Equal((2, 5, 3, 1, 2), (early.Accounts, early.LedgerRows, early.UsageRows, early.Keys, early.IdempotencyRows));
        Assert.Equal((1970 + 500, 30, 5), (early.Balance, early.Charged, early.Shortfall));
        Assert.Equal((233, 100, 0), (early.Reserved, early.Quarantined, early.QuarantineOver));
        Assert.Null(early.UsagePurgedBefore);

        var late = await VerifyAsync(TestAccount.Start.AddSeconds(26));
        Assert.Empty(late.Problems);
        Assert.Equal((100, 100), (late.Quarantined, late.QuarantineOver));
    }

    [Fact]
    public async Task Rules_TablesWithoutStatistics_AreNotJoinedRowByRow()
    {
        await using var connection = await _database.DataSource.OpenConnectionAsync(Token);
        await using var transaction = await connection.BeginTransactionAsync(Token);
        await using (var settings = new NpgsqlCommand(Verifier.Settings, connection))
        {
            await settings.ExecuteNonQueryAsync(Token);
        }

        foreach (var rule in VerifierRules.All)
        {
            await using var explain = new NpgsqlCommand($"EXPLAIN {rule.Sql} LIMIT 100", connection);
            await using var plan = await explain.ExecuteReaderAsync(Token);
            while (await plan.ReadAsync(Token))
            {
                Assert.DoesNotContain("Nested Loop Anti Join", plan.GetString(0), StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [InlineData("balance is the sum of the ledger", "UPDATE account SET balance = balance + 1 WHERE id = '{0}'")]
    [InlineData("balance_after is the running sum", "UPDATE ledger SET balance_after = balance_after + 1 WHERE account_id = '{0}' AND seq = 2")]
    [InlineData("seq has no gaps", "UPDATE ledger SET seq = 9 WHERE account_id = '{0}' AND seq = 4")]
    [InlineData("account.seq counts the ledger rows", "UPDATE account SET seq = seq + 1 WHERE id = '{0}'")]
    [InlineData("amount has its kind's sign", "UPDATE ledger SET kind = 'refund' WHERE account_id = '{0}' AND kind = 'topup'")]
    [InlineData(OfCharges, "UPDATE ledger SET closed_by = NULL WHERE account_id = '{0}' AND seq = 3")]
    [InlineData(OfCharges, "UPDATE ledger SET shortfall = 1 WHERE account_id = '{0}' AND seq = 1")]
    [InlineData("bonus is a part of the balance that was given", "UPDATE account SET bonus = 1 WHERE id = '{0}'")]
    [InlineData("bonus is a part of the balance that was given", "UPDATE account SET bonus = balance + 1 WHERE id = '{0}'")]
    [InlineData("kind and ref are unique", "UPDATE ledger SET ref = 'h-1' WHERE account_id = '{0}' AND ref = 'h-2'")]
    [InlineData("money is covered", "UPDATE account SET quarantined = balance WHERE id = '{0}'")]
    [InlineData("money is covered", "UPDATE account SET reserved = -1 WHERE id = '{0}'")]
    [InlineData("version is at least epoch", "UPDATE account SET version = 1, epoch = 2 WHERE id = '{0}'")]
    [InlineData("rows belong to an account", "DELETE FROM account WHERE id = '{0}'")]
    [InlineData("a request has one usage row", "INSERT INTO usage SELECT * FROM usage WHERE account_id = '{0}' AND request_id = 'h-2'")]
    [InlineData("usage has its charge", "UPDATE usage SET charge = charge + 1 WHERE account_id = '{0}' AND request_id = 'h-2'")]
    [InlineData("usage has its charge", "DELETE FROM ledger WHERE account_id = '{0}' AND ref = 'h-2'")]
    [InlineData("a charge has its usage", "DELETE FROM usage WHERE account_id = '{0}' AND request_id = 'h-2'")]
    [InlineData("a key has spent its charges", "UPDATE api_key SET spent_total = spent_total - 1 WHERE account_id = '{0}'")]
    [InlineData("a key has spent its charges", "UPDATE api_key SET spent_total = spent_total + 1 WHERE account_id = '{0}'")]
    [InlineData("a key has spent its charges", "DELETE FROM api_key WHERE account_id = '{0}'")]
    [InlineData("a key's windows are within its total", "UPDATE api_key SET spent_week = 31 WHERE account_id = '{0}'")]
    [InlineData("daily totals are the charges", "UPDATE usage_day SET charge = charge + 1 WHERE account_id = '{0}'")]
    [InlineData("daily totals are the charges", "UPDATE usage_day SET shortfall = 0 WHERE account_id = '{0}'")]
    [InlineData("daily totals are the charges", "UPDATE usage_mark SET seq = seq - 1 WHERE account_id = '{0}'")]
    [InlineData("daily totals are the charges", "DELETE FROM usage_day WHERE account_id = '{0}'")]
    [InlineData("daily totals are the usage", "UPDATE usage_day SET reasoning = reasoning + 1 WHERE account_id = '{0}'")]
    [InlineData("daily totals are the usage", "UPDATE usage_day SET model = 'other' WHERE account_id = '{0}'")]
    [InlineData("hourly totals are the daily ones", "UPDATE usage_hour SET requests = requests - 1 WHERE account_id = '{0}'")]
    [InlineData("hourly totals are the daily ones", "DELETE FROM usage_hour WHERE account_id = '{0}'")]
    [InlineData("an idempotency key stands as its hold does", "UPDATE idempotency SET state = 'running', charge = 0 WHERE account_id = '{0}' AND key = 'done'")]
    [InlineData("an idempotency key stands as its hold does", "UPDATE idempotency SET charge = 9 WHERE account_id = '{0}' AND key = 'done'")]
    [InlineData("an idempotency key stands as its hold does", "UPDATE idempotency SET state = 'completed' WHERE account_id = '{0}' AND key = 'running'")]
    public async Task Run_PlantedCorruption_IsFound(string rule, string corruption)
    {
        var account = await SoundAsync();
        await WithoutConstraintsAsync(corruption.Replace("{0}", account.Id, StringComparison.Ordinal));
        var report = await VerifyAsync(TestAccount.Start);
        Assert.Contains(report.Problems, problem => problem.Rule == rule && problem.AccountId == account.Id);
        Assert.All(report.Problems, problem => Assert.Equal(account.Id, problem.AccountId));
    }

    [Fact]
    public void Rules_All_HaveAPlantedCorruption()
    {
        var planted = typeof(VerifierTests).GetMethod(nameof(Run_PlantedCorruption_IsFound))!
            .GetCustomAttributes(typeof(InlineDataAttribute), inherit: false).Cast<InlineDataAttribute>().Select(data => data.Data[0]);
        Assert.Equal(VerifierRules.All.Select(rule => rule.Name).Order(), planted.Cast<string>().Distinct().Order());
    }

    [Fact]
    public async Task Run_UsagePurged_NeedsNoUsageOfThatTime()
    {
        var account = await SoundAsync();
        await UsagePartitions.EnsureAsync(_database.DataSource, TestAccount.Start, TimeProvider.System, Token);
        await UsagePartitions.DetachBeforeAsync(_database.DataSource, new DateOnly(2026, 3, 15), TimeProvider.System, Token);
        var report = await VerifyAsync(TestAccount.Start);
        Assert.Empty(report.Problems);
        Assert.Equal(0, report.UsageRows);

        var later = account.Settle("later", 1);
        await account.ApplyAsync(_database.Ledger, later with
        {
            Entries = [later.Entries[0] with { At = TestAccount.Start.AddDays(3) }],
            Usage = [],
        });
        Assert.Equal("a charge has its usage", Assert.Single((await VerifyAsync(TestAccount.Start)).Problems).Rule);
    }

    [Theory]
    [InlineData("UPDATE ledger SET amount = amount + 1")]
    [InlineData("DELETE FROM ledger")]
    [InlineData("TRUNCATE ledger")]
    [InlineData("DELETE FROM account")]
    public async Task Ledger_RowsForGood_RefuseChanges(string change)
    {
        await SoundAsync();
        var refused = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => _database.ExecuteAsync(change));
        Assert.Equal("23001", refused.SqlState);
    }

    /// <summary>An account with every kind of row, and one beside it that stays sound.</summary>
    private async Task<TestAccount> SoundAsync()
    {
        var ledger = _database.Ledger;
        await TestAccount.CreateAsync(ledger, 500);
        var account = await TestAccount.CreateAsync(ledger, 2000);
        await account.ApplyAsync(ledger, account.Batch(reserved: 100) with
        {
            Keys = [TestAccount.Key("k1")],
            IdempotencyStarts = [Start("done", "h-1"), Start("running", "open")],
        });
        var settle = account.Settle("h", 10, count: 3);
        var spend = new KeySpend(30, new(2026, 3, 14), 30, new(2026, 3, 9), 30, new(2026, 3, 1), 30);
        await account.ApplyAsync(ledger, settle with
        {
            Entries = settle.Entries.SetItem(2, settle.Entries[2] with { Shortfall = 5, ClosedBy = ClosedBy.Lease }),
            KeySpends = [new KeySpendWrite("k1", spend, TestAccount.Start, "192.0.2.7")],
            IdempotencyEnds = [new("h-1", IdempotencyState.Completed, 10)],
        });
        await UsageTotals.AddAsync(_database.DataSource, [], Token);
        return account;
    }

    private static IdempotencyRow Start(string key, string hold) =>
        new(key, Sha256Hash.Of("body"u8), hold, IdempotencyState.Running, 0, TestAccount.Start);

    private Task<VerifyReport> VerifyAsync(DateTimeOffset now) => Verifier.RunAsync(_database.DataSource, now, Token);

    /// <summary>What a careless hand or a broken disk could do.</summary>
    private Task WithoutConstraintsAsync(string corruption) => _database.ExecuteAsync(
        $"""
        DO $$ DECLARE c record; BEGIN
            FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
                WHERE conrelid IN ('account'::regclass, 'ledger'::regclass, 'api_key'::regclass, 'idempotency'::regclass)
            LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname); END LOOP;
        END $$;
        SET session_replication_role = replica;
        {corruption};
        RESET session_replication_role
        """);
}
