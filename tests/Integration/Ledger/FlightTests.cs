using System.Collections.Immutable;
using Npgsql;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

/// <summary>What one flight changes, leaves out and refuses.</summary>
public sealed class FlightTests(LedgerDatabase database) : IClassFixture<LedgerDatabase>
{
    private readonly PostgresLedger _ledger = database.Ledger;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Commit_Settlement_WritesMoneyLedgerAndUsage()
    {
        var account = await TestAccount.CreateAsync(_ledger, 1000);
        var batch = account.Settle("hold1", 40);
        await account.ApplyAsync(_ledger, batch);

        var entry = Assert.Single(await _ledger.FindEntriesAsync(account.Id, [new EntryRef(EntryKind.Charge, "hold1")], Token));
        Assert.Equal(batch.Entries[0], entry);
        Assert.Equal(
            "1000:960:2:3",
            await database.ScalarAsync<string>(
                $"SELECT concat_ws(':', sum(amount) FILTER (WHERE kind = 'topup'), (SELECT balance FROM account a WHERE a.id = account_id), max(seq), (SELECT version FROM account a WHERE a.id = account_id)) FROM ledger WHERE account_id = '{account.Id}' GROUP BY account_id"));
        Assert.Equal(
            "40|100|1|2|3|20|5|1|12|345|k1|hold1|completed|gpt-test|main|/v1/chat/completions|gpt-test@1|192.0.2.7",
            await database.ScalarAsync<string>(
                $"SELECT concat_ws('|', charge, input, cached_input, cache_write_5m, cache_write_1h, output, reasoning, calls, first_byte_ms, duration_ms, key_id, request_id, status, model, channel, endpoint, price_id, client_address) FROM usage WHERE account_id = '{account.Id}'"));
    }

    [Fact]
    public async Task FindEntries_OfARow_LocksItSoThatItsCommitWaitsForTheStandby()
    {
        var account = await TestAccount.CreateAsync(_ledger, 1000);
        await account.ApplyAsync(_ledger, account.Settle("told", 40));
        var locked = $"SELECT xmax <> '0' FROM ledger WHERE account_id = '{account.Id}' AND ref = 'told'";
        Assert.False(await database.ScalarAsync<bool>(locked));

        await _ledger.FindEntriesAsync(account.Id, [new EntryRef(EntryKind.Charge, "told")], Token);

        Assert.True(await database.ScalarAsync<bool>(locked));
    }

    [Fact]
    public async Task Commit_ReserveAndQuarantine_MoveWithoutARow()
    {
        var account = await TestAccount.CreateAsync(_ledger, 1000);
        await account.ApplyAsync(_ledger, account.Batch(reserved: 600));
        await account.ActivateAsync(_ledger);
        Assert.Equal((1000, 50, 600), (account.Balance, account.Reserved, account.Quarantined));
        await account.ApplyAsync(_ledger, account.Batch(reserved: 600, quarantined: -600));
        await account.ApplyAsync(_ledger, account.Batch(reserved: -650));
        Assert.Equal(1, await RowsAsync(account));
    }

    [Fact]
    public async Task Commit_EveryKind_IsStoredAndFound()
    {
        var account = await TestAccount.CreateAsync(_ledger, 0);
        (EntryKind Kind, long Amount, long Shortfall, ClosedBy? By)[] rows =
        [
            (EntryKind.Topup, 100, 0, null), (EntryKind.Bonus, 10, 0, null), (EntryKind.Charge, -20, 5, ClosedBy.Lease),
            (EntryKind.Charge, 0, 0, ClosedBy.Settlement), (EntryKind.Refund, -30, 0, null), (EntryKind.Compensation, 20, 0, null),
            (EntryKind.Adjustment, -1, 0, null), (EntryKind.Adjustment, 2, 0, null), (EntryKind.Chargeback, -9, 0, null),
            (EntryKind.Chargeback, -8, 7, null), (EntryKind.Chargeback, 0, 3, null),
        ];
        long balance = 0;
        var entries = rows.Select((r, i) =>
            new LedgerEntry(i + 1, r.Kind, r.Amount, r.Shortfall, balance += r.Amount, $"ref{i}", r.By, TestAccount.Start)).ToImmutableArray();
        await account.ApplyAsync(_ledger, account.Batch(balance: balance) with { Entries = entries });
        var found = await _ledger.FindEntriesAsync(account.Id, [.. entries.Select(e => new EntryRef(e.Kind, e.Ref))], Token);
        Assert.Equal(entries, found);
    }

    [Theory]
    [InlineData(EntryKind.Topup, -1)]
    [InlineData(EntryKind.Bonus, 0)]
    [InlineData(EntryKind.Charge, 1)]
    [InlineData(EntryKind.Refund, 1)]
    [InlineData(EntryKind.Compensation, -1)]
    [InlineData(EntryKind.Adjustment, 0)]
    [InlineData(EntryKind.Chargeback, 1)]
    [InlineData(EntryKind.Chargeback, 0)]
    public async Task Commit_WrongSign_IsRefused(EntryKind kind, long amount)
    {
        var account = await TestAccount.CreateAsync(_ledger);
        ClosedBy? by = kind == EntryKind.Charge ? ClosedBy.Settlement : null;
        var batch = account.Batch(balance: amount) with
        {
            Entries = [new LedgerEntry(2, kind, amount, 0, account.Balance + amount, "wrong", by, TestAccount.Start)],
        };
        await RefusedAsync(account, batch);
    }

    [Fact]
    public async Task Commit_EarlierVersion_IsLeftOutWithAllThatBelongsToIt()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        var stale = account.Settle("stale", 10) with
        {
            Keys = [TestAccount.Key("new")],
            IdempotencyStarts = [Start("late", "stale")],
        };
        await account.ApplyAsync(_ledger, account.Credit("second", 5));

        var other = await TestAccount.CreateAsync(_ledger);
        var good = other.Settle("good", 10);
        var answers = await _ledger.CommitAsync([stale, good], Token);

        Assert.Equal([new BatchAnswer(false, account.Epoch, account.Version), new BatchAnswer(true, 0, 0)], answers);
        Assert.Equal(2, await RowsAsync(account));
        Assert.Equal(0, await CountAsync("usage", account));
        Assert.Equal(0, await CountAsync("api_key", account));
        Assert.Equal(0, await CountAsync("idempotency", account));
        Assert.Equal(2, await RowsAsync(other));
    }

    [Fact]
    public async Task Commit_EarlierEpoch_IsLeftOutAndTellsTheNewOne()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        var fenced = account.Settle("fenced", 10);
        await account.ActivateAsync(_ledger);
        var answers = await _ledger.CommitAsync([fenced], Token);
        Assert.Equal([new BatchAnswer(false, account.Epoch, account.Version)], answers);
        Assert.Equal(1, await RowsAsync(account));
    }

    [Fact]
    public async Task Commit_UnknownAccount_IsLeftOutAsEpochZero()
    {
        var answers = await _ledger.CommitAsync([new TestAccount("nobody").Batch()], Token);
        Assert.Equal([new BatchAnswer(false, 0, 0)], answers);
    }

    [Fact]
    public async Task Commit_SentAgain_AppliesOnce()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        var batch = account.Settle("once", 10);
        await account.ApplyAsync(_ledger, batch);
        var answers = await _ledger.CommitAsync([batch], Token);
        Assert.Equal([new BatchAnswer(false, account.Epoch, account.Version)], answers);
        Assert.Equal(2, await RowsAsync(account));
    }

    [Fact]
    public async Task Commit_SentAgainWhileTheFirstRuns_WaitsForItAndAppliesOnce()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        var batch = account.Settle("both", 10);
        // A first try that is still running: the row is changed, and the change is not committed yet.
        await using var first = await database.DataSource.OpenConnectionAsync(Token);
        await using var transaction = await first.BeginTransactionAsync(Token);
        await using var change = new NpgsqlCommand($"UPDATE account SET version = version + 1 WHERE id = '{account.Id}'", first);
        await change.ExecuteNonQueryAsync(Token);

        var second = _ledger.CommitAsync([batch], Token);
        await WaitsForLockAsync();
        Assert.False(second.IsCompleted);
        await transaction.CommitAsync(Token);

        Assert.Equal([new BatchAnswer(false, account.Epoch, account.Version + 1)], await second);
        Assert.Equal(1, await RowsAsync(account));
    }

    [Fact]
    public async Task Commit_SentAgainWhileTheFirstFails_WaitsForItAndApplies()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        await using var first = await database.DataSource.OpenConnectionAsync(Token);
        await using var transaction = await first.BeginTransactionAsync(Token);
        await using var change = new NpgsqlCommand($"UPDATE account SET version = version + 1 WHERE id = '{account.Id}'", first);
        await change.ExecuteNonQueryAsync(Token);

        var second = _ledger.CommitAsync([account.Settle("after", 10)], Token);
        await WaitsForLockAsync();
        await transaction.RollbackAsync(Token);

        Assert.True(Assert.Single(await second).IsApplied);
        Assert.Equal(2, await RowsAsync(account));
    }

    [Fact]
    public async Task Commit_SameBatchOnManySessions_AppliesOnce()
    {
        var account = await TestAccount.CreateAsync(_ledger, 10_000);
        for (var round = 0; round < 20; round++)
        {
            var batch = account.Settle($"round{round}", 10, count: 3);
            var tries = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => _ledger.CommitAsync([batch], Token)));
            Assert.Single(tries, answers => answers[0].IsApplied);
            account.Applied(batch);
            Assert.All(
                tries.Where(answers => !answers[0].IsApplied),
                answers => Assert.Equal(new BatchAnswer(false, account.Epoch, account.Version), answers[0]));
        }

        Assert.Equal(61, await RowsAsync(account));
    }

    [Fact]
    public async Task Commit_SameAccountsInOppositeOrder_NeverDeadlocks()
    {
        var accounts = new List<TestAccount>();
        for (var i = 0; i < 20; i++)
        {
            accounts.Add(await TestAccount.CreateAsync(_ledger, 100_000));
        }

        for (var round = 0; round < 30; round++)
        {
            var batches = accounts.Select(a => a.Settle($"r{round}", 1)).ToImmutableArray();
            var answers = await Task.WhenAll(
                _ledger.CommitAsync(batches, Token),
                _ledger.CommitAsync([.. batches.Reverse()], Token),
                _ledger.CommitAsync(batches, Token));
            for (var i = 0; i < accounts.Count; i++)
            {
                Assert.Single([answers[0][i], answers[1][^(i + 1)], answers[2][i]], answer => answer.IsApplied);
                accounts[i].Applied(batches[i]);
            }
        }
    }

    [Fact]
    public async Task Commit_OneBatchRefused_CommitsNone()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        var poor = await TestAccount.CreateAsync(_ledger, 5);
        var tooMuch = poor.Batch(reserved: 6);
        await Assert.ThrowsAsync<LedgerDataException>(() => _ledger.CommitAsync([account.Settle("good", 10), tooMuch], Token));
        Assert.Equal(1, await RowsAsync(account));
        await account.ApplyAsync(_ledger, account.Settle("good", 10));
    }

    [Fact]
    public async Task Commit_RefThatIsThere_IsRefusedWithoutItsValue()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        var batch = account.Credit("first", 7);
        var refused = await RefusedAsync(account, batch);
        Assert.Contains("ledger_ref", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("first", refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Commit_SameRefUnderAnotherKind_IsApplied()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        await account.ApplyAsync(_ledger, account.Settle("hold", 7));
        await account.ApplyAsync(_ledger, account.Batch(balance: 7) with
        {
            Entries = [new LedgerEntry(account.Seq + 1, EntryKind.Compensation, 7, 0, account.Balance + 7, "hold", null, TestAccount.Start)],
        });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Commit_SeqThatDoesNotFollow_IsRefused(long seq)
    {
        var account = await TestAccount.CreateAsync(_ledger);
        var batch = account.Credit("gap", 7);
        await RefusedAsync(account, batch with { Entries = [batch.Entries[0] with { Seq = seq }] });
    }

    [Theory]
    [InlineData("balance")]
    [InlineData("reserved")]
    [InlineData("quarantined")]
    public async Task Commit_RowIsNotWhatTheBatchClaims_IsRefused(string column)
    {
        var account = await TestAccount.CreateAsync(_ledger);
        await account.ApplyAsync(_ledger, account.Batch(reserved: 100));
        await account.ActivateAsync(_ledger);
        await database.ExecuteAsync($"UPDATE account SET {column} = {column} - 1 WHERE id = '{account.Id}'");
        var refused = await RefusedAsync(account, account.Settle("claims", 10));
        Assert.Contains(column, refused.Message, StringComparison.Ordinal);
        await RefusedAsync(account, account.Batch() with { IsReadOnly = true });
    }

    [Fact]
    public async Task Commit_BatchThatDoesNotAddUp_IsRefused()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        var batch = account.Settle("sum", 10, count: 3);
        await RefusedAsync(account, batch with { Entries = batch.Entries.SetItem(1, batch.Entries[1] with { Amount = -11 }) });
        await RefusedAsync(account, batch with { Entries = batch.Entries.RemoveAt(2) });
        await RefusedAsync(account, batch with { Entries = batch.Entries.RemoveAt(1) });
        await RefusedAsync(account, batch with { Entries = [] });
    }

    [Fact]
    public async Task Commit_BalanceOverflow_IsRefused()
    {
        var account = await TestAccount.CreateAsync(_ledger, long.MaxValue - 5);
        var batch = account.Batch() with { BalanceDelta = 6, BalanceAfter = long.MinValue };
        await RefusedAsync(account, batch);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0xD800)]
    public async Task Commit_TextThatCannotBeStored_IsRefused(int character)
    {
        var reference = "text" + (char)character;
        var account = await TestAccount.CreateAsync(_ledger);
        await RefusedAsync(account, account.Credit(reference, 7));
        await account.ApplyAsync(_ledger, account.Credit("fine", 7));
    }

    [Fact]
    public async Task Commit_KeyListThatIsNotUnicode_IsRefused()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        await RefusedAsync(account, account.Batch() with { Keys = [TestAccount.Key("k1") with { Models = ["\uD800"] }] });
        await RefusedAsync(account, account.Batch() with { Keys = [TestAccount.Key("k1") with { Addresses = ["\uDC00"] }] });
        Assert.Equal(0, await CountAsync("api_key", account));
    }

    [Fact]
    public async Task Commit_RowWrittenTwice_IsRefused()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        await account.ApplyAsync(_ledger, account.Batch() with { Keys = [TestAccount.Key("k1")], IdempotencyStarts = [Start("i1", "h1")] });
        var spend = new KeySpendWrite("k1", KeySpend.None, TestAccount.Start, "192.0.2.7");
        var end = new IdempotencyEnd("h1", IdempotencyState.Completed, 1);
        await RefusedAsync(account, account.Batch() with { KeySpends = [spend, spend] });
        await RefusedAsync(account, account.Batch() with { IdempotencyStarts = [Start("i2", "h2"), Start("i2", "h3")] });
        await RefusedAsync(account, account.Batch() with { IdempotencyEnds = [end, end with { Charge = 2 }] });
        await account.ApplyAsync(_ledger, account.Batch() with { IdempotencyEnds = [end] });
    }

    [Fact]
    public async Task Commit_TwoBatchesOfOneAccount_Throws()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        await Assert.ThrowsAsync<ArgumentException>(() => _ledger.CommitAsync([account.Batch(), account.Batch()], Token));
    }

    [Fact]
    public async Task Commit_ReadOnly_AnswersAndLeavesTheRow()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        var writer = await TestAccount.CreateAsync(_ledger);
        var ask = account.Batch() with { IsReadOnly = true };
        var answers = await _ledger.CommitAsync([ask, writer.Settle("beside", 1)], Token);
        Assert.All(answers, answer => Assert.True(answer.IsApplied));
        Assert.True(Assert.Single(await _ledger.CommitAsync([ask], Token)).IsApplied);

        await account.ActivateAsync(_ledger);
        Assert.Equal([new BatchAnswer(false, account.Epoch, account.Version)], await _ledger.CommitAsync([ask], Token));
    }

    [Fact]
    public async Task Commit_ReadOnlyThatChanges_IsRefused()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        await RefusedAsync(account, account.Settle("no", 1) with { IsReadOnly = true });
    }

    [Fact]
    public async Task Commit_FiveHundredAccounts_AppliesAllInTheirOrder()
    {
        var accounts = await Task.WhenAll(Enumerable.Range(0, 500).Select(_ => TestAccount.CreateAsync(_ledger)));
        var stale = accounts[250].Settle("stale", 1);
        await accounts[250].ApplyAsync(_ledger, accounts[250].Credit("more", 1));
        var batches = accounts.Select(a => a.Settle("wide", 3)).ToImmutableArray().SetItem(250, stale);
        var answers = await _ledger.CommitAsync(batches, Token);
        Assert.Equal(499, answers.Count(answer => answer.IsApplied));
        Assert.Equal(new BatchAnswer(false, accounts[250].Epoch, accounts[250].Version), answers[250]);
        Assert.Equal(499, await database.ScalarAsync<long>("SELECT count(*) FROM ledger WHERE ref = 'wide' AND balance_after = 997"));
    }

    [Fact]
    public async Task Commit_StatusAndLimits_ChangeOnlyWhatTheyName()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        await account.ApplyAsync(_ledger, account.Batch() with { Limits = new RateLimits(5, null, 3) });
        await account.ApplyAsync(_ledger, account.Batch() with { Status = AccountStatus.Suspended });
        var row = (await account.ActivateAsync(_ledger)).Account;
        Assert.Equal((AccountStatus.Suspended, new RateLimits(5, null, 3)), (row.Status, row.Limits));
    }

    private async Task<LedgerDataException> RefusedAsync(TestAccount account, AccountBatch batch)
    {
        var refused = await Assert.ThrowsAsync<LedgerDataException>(() => _ledger.CommitAsync([batch], Token));
        Assert.Equal(account.Seq, await RowsAsync(account));
        return refused;
    }

    private static IdempotencyRow Start(string key, string hold) =>
        new(key, Sha256Hash.Of("body"u8), hold, IdempotencyState.Running, 0, TestAccount.Start);

    private Task<long> RowsAsync(TestAccount account) => CountAsync("ledger", account);

    private Task<long> CountAsync(string table, TestAccount account) =>
        database.ScalarAsync<long>($"SELECT count(*) FROM {table} WHERE account_id = '{account.Id}'");

    private async Task WaitsForLockAsync()
    {
        while (await database.ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0)
        {
            Token.ThrowIfCancellationRequested();
        }
    }
}
