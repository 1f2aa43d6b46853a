using Npgsql;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

public sealed class ActivationTests(LedgerDatabase database) : IClassFixture<LedgerDatabase>
{
    private readonly PostgresLedger _ledger = database.Ledger;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Activate_UnknownAccount_ReturnsNull() =>
        Assert.Null(await _ledger.ActivateAsync("nobody", "a", "p", TestAccount.Start, Token));

    [Fact]
    public async Task Create_Twice_KeepsTheFirst()
    {
        await _ledger.CreateAccountAsync("twice", "First", new RateLimits(1, 2, 3), TestAccount.Start, Token);
        await _ledger.CreateAccountAsync("twice", "Second", RateLimits.None, TestAccount.Start, Token);
        var activated = await _ledger.ActivateAsync("twice", "a", "p", TestAccount.Start, Token);
        Assert.Equal(
            new AccountRow
            {
                AccountId = "twice", Name = "First", Status = AccountStatus.Active, Limits = new RateLimits(1, 2, 3),
                Epoch = 1, Version = 1, Seq = 0, Balance = 0, Reserved = 0, Quarantined = 0, Bonus = 0,
            },
            activated!.Account);
        Assert.Null(activated.EarlierProcess);
        Assert.Empty(activated.Keys);
    }

    [Fact]
    public async Task Activate_Again_RaisesQuarantinesAndReserves()
    {
        var account = await TestAccount.CreateAsync(_ledger, 8007);
        await account.ApplyAsync(_ledger, account.Batch(reserved: 4000));
        var second = await account.ActivateAsync(_ledger, process: "p2");
        Assert.Equal((2, 4000, 500), (second.Account.Epoch, second.Account.Quarantined, second.Account.Reserved));
        Assert.Equal("p1", second.EarlierProcess);
        var third = await account.ActivateAsync(_ledger, process: "p2");
        Assert.Equal((3, 4500, 438), (third.Account.Epoch, third.Account.Quarantined, third.Account.Reserved));
        Assert.Null(third.EarlierProcess); // What is in quarantine comes from both.
    }

    [Fact]
    public async Task Activate_SameActivation_ChangesNothingAndReadsTheSame()
    {
        var account = await TestAccount.CreateAsync(_ledger, 8000);
        var first = await account.ActivateAsync(_ledger, "mine", process: "p2");
        var again = await account.ActivateAsync(_ledger, "mine", process: "p2");
        Assert.Equal((first.Account, first.EarlierProcess), (again.Account, again.EarlierProcess));
        Assert.Equal("p1", again.EarlierProcess);

        var batch = account.Settle("after", 10);
        await account.ApplyAsync(_ledger, batch);
        var later = await account.ActivateAsync(_ledger, "mine", process: "p2");
        Assert.Equal((2, 1 + first.Account.Version, 7990), (later.Account.Epoch, later.Account.Version, later.Account.Balance));
    }

    [Fact]
    public async Task Activate_SameActivationAtOnce_RaisesOnce()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 6).Select(_ => _ledger.ActivateAsync(account.Id, "storm", "p2", TestAccount.Start, Token)));
        Assert.All(answers, answer => Assert.Equal((2, "p1"), (answer!.Account.Epoch, answer.EarlierProcess)));
    }

    [Fact]
    public async Task Activate_TwinsAtOnce_EachHasItsOwnEpoch()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 6).Select(i => _ledger.ActivateAsync(account.Id, $"twin{i}", "p2", TestAccount.Start, Token)));
        Assert.Equal([2, 3, 4, 5, 6, 7], answers.Select(answer => answer!.Account.Epoch).Order());
    }

    [Fact]
    public async Task Activate_RowLockedForLong_GivesUpWithoutADataError()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        await using var connection = await database.DataSource.OpenConnectionAsync(Token);
        await using var transaction = await connection.BeginTransactionAsync(Token);
        await using var hold = new NpgsqlCommand($"SELECT FROM account WHERE id = '{account.Id}' FOR UPDATE", connection);
        await hold.ExecuteNonQueryAsync(Token);
        var lost = await Assert.ThrowsAsync<LedgerLostException>(
            () => _ledger.ActivateAsync(account.Id, "late", "p", TestAccount.Start, Token));
        Assert.Equal(PostgresErrorCodes.LockNotAvailable, Assert.IsType<PostgresException>(lost.InnerException).SqlState);
    }

    [Fact]
    public async Task Activate_Keys_ReadsSettingsAndSpend()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        var rich = new KeySettings
        {
            KeyId = "a-rich", Hash = Sha256Hash.Of("rich"u8), Name = "Rich \"key\"", Status = KeyStatus.Disabled,
            ExpiresAt = TestAccount.Start.AddDays(30), Models = ["one", "two, \"quoted\"\n"], Addresses = ["192.0.2.0/24"],
            Caps = new SpendCaps(1, 2, 3, 4), Limits = new RateLimits(5, 6, 7), ShowCost = true,
        };
        var spend = new KeySpend(9, new(2026, 3, 14), 2, new(2026, 3, 9), 3, new(2026, 3, 1), 4);
        await account.ApplyAsync(_ledger, account.Batch() with
        {
            Keys = [rich, TestAccount.Key("b-plain")],
            // In one flight with the key's own creation.
            KeySpends = [new KeySpendWrite("a-rich", spend, TestAccount.Start, "192.0.2.7")],
        });

        var keys = (await account.ActivateAsync(_ledger)).Keys;
        Assert.Equal(["a-rich", "b-plain"], keys.Select(key => key.Settings.KeyId));
        Assert.Equal(rich.Models, keys[0].Settings.Models);
        Assert.Equal(rich.Addresses, keys[0].Settings.Addresses);
        Assert.Equal(rich, keys[0].Settings with { Models = rich.Models, Addresses = rich.Addresses });
        Assert.Equal(spend, keys[0].Spend);
        Assert.Equal(KeySpend.None, keys[1].Spend);
    }

    [Fact]
    public async Task Commit_KeyChanged_KeepsHashAndSpend()
    {
        var account = await TestAccount.CreateAsync(_ledger);
        var spend = new KeySpend(9, new(2026, 3, 14), 2, new(2026, 3, 9), 3, new(2026, 3, 1), 4);
        await account.ApplyAsync(_ledger, account.Batch() with { Keys = [TestAccount.Key("k1")] });
        await account.ApplyAsync(_ledger, account.Batch() with
        {
            KeySpends = [new KeySpendWrite("k1", spend, TestAccount.Start, "192.0.2.7")],
        });
        var renamed = TestAccount.Key("k1") with { Hash = Sha256Hash.Of("other"u8), Name = "Renamed", Status = KeyStatus.Revoked };
        await account.ApplyAsync(_ledger, account.Batch() with { Keys = [renamed with { Name = "Between" }, renamed] });

        var key = Assert.Single((await account.ActivateAsync(_ledger)).Keys);
        Assert.Equal(
            ("Renamed", KeyStatus.Revoked, Sha256Hash.Of("key"u8), spend),
            (key.Settings.Name, key.Settings.Status, key.Settings.Hash, key.Spend));
        Assert.Equal("192.0.2.7", await database.ScalarAsync<string>($"SELECT used_from FROM api_key WHERE account_id = '{account.Id}'"));

        var more = spend with { TotalNanos = 10 };
        await account.ApplyAsync(_ledger, account.Batch() with
        {
            Keys = [renamed],
            KeySpends = [new KeySpendWrite("k1", more, TestAccount.Start, "192.0.2.8")],
        });
        Assert.Equal(more, Assert.Single((await account.ActivateAsync(_ledger)).Keys).Spend);
    }
}
