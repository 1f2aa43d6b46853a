using Npgsql;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Programs.Postgres;
using OrleansGateway.Tests.Shared.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger.Model;

/// <summary>Where the model and PostgreSQL differ easily: on both, step by step.</summary>
public sealed class LedgerModelRegressionTests(PostgresServer server) : IAsyncLifetime
{
    private readonly LedgerModel _model = new();
    private string _connectionString = "";
    private TwoSessions _sessions = null!;
    private Sequence _sequence = null!;

    public async ValueTask InitializeAsync()
    {
        _connectionString = await server.CreateDatabaseAsync("ledger", LedgerDatabase.MigrateAsync);
        _sessions = await TwoSessions.OpenAsync(_connectionString);
        _sequence = new Sequence(0, _sessions, _model, _model, new Tally());
    }

    public async ValueTask DisposeAsync()
    {
        await _sessions.DisposeAsync();
        await server.DropDatabaseAsync(_connectionString);
    }

    [Fact]
    public async Task Commit_RefusableRowsUnderAnEarlierVersion_AreLeftOut()
    {
        var account = await CreateAsync();
        var stale = account.Credit(new string('x', 129), 5) with { Limits = new RateLimits(0, 0, 0) };
        await CommitAsync(account.Credit("current", 5));
        Assert.False(_model["account1"].Matches(stale));
        await CommitAsync(stale);
        Assert.Single(_model["account1"].Entries);
    }

    [Fact]
    public async Task Commit_TextsOf128WideCharacters_AreStored()
    {
        var account = await CreateAsync();
        await CommitAsync(account.Credit(Flaws.Widest(128), 5));
        Assert.Single(_model["account1"].Entries);
        await CallAsync(ledger => ledger.CreateAccountAsync(Flaws.Widest(128), "", RateLimits.None, TestAccount.Start, default));
        Assert.Equal(2, _model.Accounts.Count());
    }

    [Fact]
    public async Task Commit_WritesBelowZeroOfRowsThatAreNotThere_ChangeNothing()
    {
        var account = await CreateAsync();
        await CommitAsync(account.Batch() with
        {
            KeySpends = [new KeySpendWrite("nothing", KeySpend.None with { DayNanos = -1 }, TestAccount.Start, "")],
            IdempotencyEnds = [new IdempotencyEnd("nothing", IdempotencyState.Running, -1)],
        });
        Assert.Equal(2, _model["account1"].Row.Version);
    }

    [Fact]
    public async Task Commit_TimesBetweenMicroseconds_AreCutOff()
    {
        var account = await CreateAsync();
        var at = TestAccount.Start.AddTicks(19).ToOffset(TimeSpan.FromHours(5));
        await CommitAsync(account.Batch() with
        {
            Keys = [TestAccount.Key("k1") with { ExpiresAt = at }],
            Usage = [TestAccount.Usage("u1", 0) with { At = at }],
            KeySpends = [new KeySpendWrite("k1", KeySpend.None, at, "")],
        });
        Assert.Equal(TestAccount.Start.AddTicks(10), _model["account1"].Usage[0].At);
        await CallAsync(ledger => ledger.ActivateAsync("account1", "a2", "p1", at, default));
    }

    [Fact]
    public async Task AnyCall_TextThatCannotBeSent_IsRefused()
    {
        await CreateAsync();
        foreach (var text in (string[])["a\0", "a\uD800"])
        {
            await CallAsync(ledger => ledger.ActivateAsync("account1", text, "p1", TestAccount.Start, default));
            await CallAsync(ledger => ledger.ActivateAsync(text, "a2", "p1", TestAccount.Start, default));
            await CallAsync(ledger => ledger.FindEntriesAsync("account1", [new EntryRef(EntryKind.Topup, text)], default));
            await CallAsync(ledger => ledger.FindIdempotencyAsync("account1", text, default));
            await CommitAsync(new TestAccount(text).Batch());
        }

        Assert.Equal(1, _model["account1"].Row.Epoch);
    }

    /// <summary>The look at the rows that were left out is a transaction of its own: others may commit before it.</summary>
    [Fact]
    public async Task Commit_OtherCommitsBeforeTheLookAtRowsLeftOut_IsSeen()
    {
        var (written, leftOut) = (await CreateAsync("account1"), await CreateAsync("account2"));
        var first = Operation.Commit("first", [written.Credit("first", 5), leftOut.Batch() with { Version = 9 }]);
        var second = Operation.Commit("second", [written.Credit("second", 5), leftOut.Credit("second", 5)]);

        var look = new TaskCompletionSource();
        _model.BeforeLook = _ => look.Task;
        Task<string>[] expected = [first.AnswerAsync(_model), second.AnswerAsync(_model)];
        look.SetResult();

        await _sessions.CloseGateAsync(TwoSessions.FirstName);
        var firstAnswer = first.AnswerAsync(_sessions.First);
        Assert.True(await _sessions.WaitsAsync(TwoSessions.FirstName, firstAnswer));
        var secondAnswer = second.AnswerAsync(_sessions.Second);
        Assert.True(await _sessions.WaitsAsync(TwoSessions.SecondName, secondAnswer));
        // Whoever asks for the whole table waits for both flights, and their looks wait for it.
        await using var third = new NpgsqlConnection(_connectionString + ";Application Name=third;Pooling=false");
        await third.OpenAsync(TestContext.Current.CancellationToken);
        await using var transaction = await third.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using var command = new NpgsqlCommand("LOCK TABLE account", third);
        var locked = command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        Assert.True(await _sessions.WaitsAsync("third", locked));
        await _sessions.OpenGateAsync(TwoSessions.FirstName);
        await locked;
        await transaction.RollbackAsync(TestContext.Current.CancellationToken);

        string[] answers = [await firstAnswer, await secondAnswer];
        Assert.Equal(await Task.WhenAll(expected), answers);
        Assert.Equal("""[{"IsApplied":true,"Epoch":0,"Version":0},{"IsApplied":false,"Epoch":1,"Version":2}]""", answers[0]);
        Assert.Equal(ModelRows.Of(_model), await _sessions.RowsAsync());
    }

    private async Task<TestAccount> CreateAsync(string id = "account1")
    {
        await CallAsync(ledger => ledger.CreateAccountAsync(id, "Name", RateLimits.None, TestAccount.Start, default));
        await CallAsync(ledger => ledger.ActivateAsync(id, "a1", "p1", TestAccount.Start, default));
        var account = new TestAccount(id);
        await account.ActivateAsync(_model, "a1");
        return account;
    }

    private Task CommitAsync(AccountBatch batch) => _sequence.AloneAsync(Operation.Commit("commit", [batch]), _sessions.First);

    private Task CallAsync<T>(Func<ILedger, Task<T>> call) =>
        _sequence.AloneAsync(new Operation("call", async ledger => await call(ledger)), _sessions.First);

    private Task CallAsync(Func<ILedger, Task> call) => CallAsync(async ledger =>
    {
        await call(ledger);
        return 0;
    });
}
