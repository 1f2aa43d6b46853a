using Npgsql;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

public sealed class IdempotencyTests(LedgerDatabase database) : IClassFixture<LedgerDatabase>
{
    private readonly PostgresLedger _ledger = database.Ledger;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Find_UnknownKey_ReturnsNull() => Assert.Null(await _ledger.FindIdempotencyAsync("nobody", "key", Token));

    [Fact]
    public async Task Commit_StartThenEnd_IsFoundAsItStands()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        var start = Row("key", "hold");
        await account.ApplyAsync(_ledger, account.Batch() with { IdempotencyStarts = [start] });
        Assert.Equal(start, await _ledger.FindIdempotencyAsync(account.Id, "key", Token));

        await account.ApplyAsync(_ledger, account.Settle("hold", 7) with
        {
            IdempotencyEnds = [new("hold", IdempotencyState.Completed, 7), new("hold without a key", IdempotencyState.Completed, 7)],
        });
        Assert.Equal(
            start with { State = IdempotencyState.Completed, Charge = 7 }, await _ledger.FindIdempotencyAsync(account.Id, "key", Token));
        Assert.Equal(1, await CountAsync(account));
    }

    [Fact]
    public async Task Find_ARow_LocksItSoThatItsCommitWaitsForTheStandby()
    {
        const string Locked = "SELECT xmax <> '0' FROM idempotency WHERE hold_id = 'told'";
        var account = await TestAccount.CreateAsync(_ledger);
        await account.ApplyAsync(_ledger, account.Batch() with { IdempotencyStarts = [Row("key", "told")] });
        Assert.False(await database.ScalarAsync<bool>(Locked));

        await _ledger.FindIdempotencyAsync(account.Id, "key", Token);

        Assert.True(await database.ScalarAsync<bool>(Locked));
    }

    [Fact]
    public async Task Commit_StartOfAKeyThatIsThere_TakesItsPlace()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        await account.ApplyAsync(_ledger, account.Batch() with { IdempotencyStarts = [Row("key", "first")] });
        var second = Row("key", "second") with { BodyHash = Sha256Hash.Of("other"u8), At = TestAccount.Start.AddHours(1) };
        // The end of the outlived request arrives with its successor: the key is the successor's by now.
        await account.ApplyAsync(_ledger, account.Batch() with
        {
            IdempotencyStarts = [second],
            IdempotencyEnds = [new("first", IdempotencyState.Completed, 0)],
        });
        Assert.Equal(second, await _ledger.FindIdempotencyAsync(account.Id, "key", Token));
    }

    [Fact]
    public async Task Commit_StartAndEndInOneFlight_IsEnded()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        await account.ApplyAsync(_ledger, account.Batch() with
        {
            IdempotencyStarts = [Row("key", "short"), Row("other", "long")],
            IdempotencyEnds = [new("short", IdempotencyState.Ended, 0)],
        });
        Assert.Equal(IdempotencyState.Ended, (await _ledger.FindIdempotencyAsync(account.Id, "key", Token))!.State);
        Assert.Equal(IdempotencyState.Running, (await _ledger.FindIdempotencyAsync(account.Id, "other", Token))!.State);
    }

    [Fact]
    public async Task Purge_OldRows_KeepsWhatMayStillRun()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        var now = TestAccount.Start.AddDays(10);
        await IdempotencyPurge.RunAsync(database.DataSource, now, TimeSpan.Zero, Token); // the other tests' rows
        IdempotencyRow Aged(string key, IdempotencyState state, double hours) =>
            Row(key, key) with { State = state, At = now.AddHours(-hours) };
        await account.ApplyAsync(_ledger, account.Batch() with
        {
            IdempotencyStarts =
            [
                Aged("done young", IdempotencyState.Completed, 23.9), Aged("done old", IdempotencyState.Completed, 24.1),
                Aged("ended old", IdempotencyState.Ended, 24.1), Aged("running old", IdempotencyState.Running, 24.1),
                Aged("running outlived", IdempotencyState.Running, 30.1),
            ],
        });
        Assert.Equal(3, await IdempotencyPurge.RunAsync(database.DataSource, now, TimeSpan.FromHours(30), Token));
        Assert.NotNull(await _ledger.FindIdempotencyAsync(account.Id, "done young", Token));
        Assert.NotNull(await _ledger.FindIdempotencyAsync(account.Id, "running old", Token));
    }

    [Fact]
    public async Task Purge_FindsWhatIsOldByItsIndex()
    {
        await using var connection = await database.DataSource.OpenConnectionAsync(Token);
        await using var transaction = await connection.BeginTransactionAsync(Token);
        await using (var setting = new NpgsqlCommand("SET LOCAL enable_seqscan = off", connection))
        {
            await setting.ExecuteNonQueryAsync(Token);
        }

        await using var explain = new NpgsqlCommand($"EXPLAIN {Batches.Sql("idempotency", IdempotencyPurge.Which, 2_000)}", connection)
        {
            Parameters = { new() { Value = TestAccount.Start.UtcDateTime }, new() { Value = TestAccount.Start.UtcDateTime } },
        };
        var plan = new List<string>();
        await using var reader = await explain.ExecuteReaderAsync(Token);
        while (await reader.ReadAsync(Token))
        {
            plan.Add(reader.GetString(0).Trim());
        }

        Assert.Contains(plan, static line => line.Contains("Scan on idempotency_at", StringComparison.Ordinal));
        Assert.Contains(plan, static line => line.StartsWith("Index Cond: (at <", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Purge_MoreThanOneBatch_RemovesAllButWhatIsInUse()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        var now = TestAccount.Start.AddDays(20);
        await IdempotencyPurge.RunAsync(database.DataSource, now, TimeSpan.Zero, Token);
        var starts = Enumerable.Range(0, 4_500).Select(i => Row($"k{i}", $"h{i}") with { State = IdempotencyState.Ended, At = now.AddDays(-2) });
        await account.ApplyAsync(_ledger, account.Batch() with { IdempotencyStarts = [.. starts] });
        await using var user = await database.DataSource.OpenConnectionAsync(Token);
        await using var transaction = await user.BeginTransactionAsync(Token);
        await using (var use = new NpgsqlCommand($"UPDATE idempotency SET charge = 1 WHERE account_id = '{account.Id}' AND key = 'k7'", user))
        {
            await use.ExecuteNonQueryAsync(Token);
        }

        Assert.Equal(4_499, await IdempotencyPurge.RunAsync(database.DataSource, now, TimeSpan.FromHours(30), Token));

        await transaction.CommitAsync(Token);
        Assert.Equal(1, await IdempotencyPurge.RunAsync(database.DataSource, now, TimeSpan.FromHours(30), Token));
    }

    private static IdempotencyRow Row(string key, string hold) =>
        new(key, Sha256Hash.Of("body"u8), hold, IdempotencyState.Running, 0, TestAccount.Start);

    private Task<long> CountAsync(TestAccount account) =>
        database.ScalarAsync<long>($"SELECT count(*) FROM idempotency WHERE account_id = '{account.Id}'");
}
