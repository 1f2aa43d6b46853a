using Npgsql;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;
using OrleansGateway.Tests.Integration.Ledger;
using OrleansGateway.Tests.Programs.Postgres;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Integration.Operations;

/// <summary>A change once a request id, and what the audit says of it.</summary>
public sealed class ChangesTests(LedgerDatabase database) : IClassFixture<LedgerDatabase>, IDisposable
{
    private readonly AuditLog _audit = new(database.ConnectionString, database.DataSource, TimeProvider.System);
    private readonly string _requestId = Guid.NewGuid().ToString("N");
    private int _acts;

    private static Actor Operator { get; } = new(ActorKind.Operator, "operator", "unix uid 0");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _audit.Dispose();

    [Fact]
    public async Task Run_Twice_ActsOnceAndGivesTheFirstAnswer()
    {
        Assert.Equal("thing 1", (await RunAsync("thing")).Value?.Text);
        Assert.Equal("thing 1", (await RunAsync("thing")).Value?.Text);
        Assert.Equal(1, _acts);
        var audited = await AuditedAsync();
        Assert.Equal(
            ("operator", "operator", "unix uid 0", "test.change", "subject", "done", 0L),
            (audited.ActorKind, audited.ActorId, audited.Address, audited.Action, audited.Subject, audited.Outcome, audited.Retries));
        Assert.Contains("thing 1", audited.After, StringComparison.Ordinal);
        Assert.Contains("old", audited.Before, StringComparison.Ordinal);
        Assert.NotNull(audited.EndedAt);
    }

    [Fact]
    public async Task Run_TwoEqualOnesAtOnce_ActOnce()
    {
        var acting = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        var first = RunAsync("thing", async () =>
        {
            acting.SetResult();
            await goOn.Task;
            return Done();
        });
        await acting.Task;
        var second = RunAsync("thing");
        goOn.SetResult();
        Assert.Equal("thing 1", (await first).Value?.Text);
        Assert.Equal("thing 1", (await second).Value?.Text);
        Assert.Equal(1, _acts);
    }

    [Fact]
    public async Task Run_WhileTheSameRunsOn_SaysSo()
    {
        var acting = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        var first = RunAsync("thing", async () =>
        {
            acting.SetResult();
            await goOn.Task;
            return Done();
        });
        await acting.Task;
        Assert.Equal(FailureKind.RequestRunning, (await RunAsync("thing")).Failure?.Kind);
        Assert.Null((await AuditedAsync()).Outcome);
        goOn.SetResult();
        Assert.Equal("thing 1", (await first).Value?.Text);
    }

    [Fact]
    public async Task Run_OfAnotherRequestUnderTheSameId_IsAConflictAndActsNot()
    {
        await RunAsync("thing");
        var conflict = await RunAsync("other");
        Assert.Equal(FailureKind.RequestIdConflict, conflict.Failure?.Kind);
        Assert.Equal("request_id", Assert.Single(conflict.Failure!.Fields).Field);
        Assert.Equal(1, _acts);
    }

    [Fact]
    public async Task Run_OfAnotherActorUnderTheSameId_IsAnotherRequest()
    {
        await RunAsync("thing");
        Assert.Equal("thing 2", (await RunAsync("thing", actor: new Actor(ActorKind.System, "clock", "here"))).Value?.Text);
    }

    [Fact]
    public async Task Run_ThatIsRefused_IsRefusedAgainThoughItCouldBeDoneNow()
    {
        var refusal = new Failure(FailureKind.InsufficientFunds, "Only 1.00 USD are available.") { Fields = [new FieldProblem("amount_nanos", "Too much.")] };
        await RunAsync("thing", () => Task.FromResult<Result<Thing>>(refusal));
        var again = (await RunAsync("thing")).Failure!;
        Assert.Equal((refusal.Kind, refusal.Message, refusal.Fields[0]), (again.Kind, again.Message, Assert.Single(again.Fields)));
        var audited = await AuditedAsync();
        Assert.Equal(("insufficient_funds", null), (audited.Outcome, audited.After));
    }

    [Fact]
    public async Task Run_WhoseEndIsUnknown_StaysVisibleAndIsCarriedOutByARepeat()
    {
        await Assert.ThrowsAsync<TimeoutException>(() => RunAsync("thing", () => throw new TimeoutException()));
        Assert.Equal((null, null), ((await AuditedAsync()).Outcome, (await AuditedAsync()).EndedAt));
        Assert.Equal(FailureKind.Unavailable, (await RunAsync("thing", () => Task.FromResult<Result<Thing>>(Failure.Unavailable))).Failure?.Kind);
        Assert.Equal(_requestId, Assert.Single(await AuditAsync(new AuditFilter { UnknownOnly = true, RequestId = _requestId })).RequestId);

        // The subject is the first one's, which may be made already.
        Assert.Equal("thing 1", (await RunAsync("thing", subject: "another subject")).Value?.Text);
        var audited = await AuditedAsync();
        Assert.Equal(("subject", "done", 2L), (audited.Subject, audited.Outcome, audited.Retries));
        Assert.Empty(await AuditAsync(new AuditFilter { UnknownOnly = true, RequestId = _requestId }));
    }

    [Fact]
    public async Task Run_WhoseSessionIsLost_LeavesAnUnknownOutcome()
    {
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => RunAsync("thing", async () =>
        {
            await database.ExecuteAsync(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1869021188 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())");
            return Done();
        }));
        Assert.Null((await AuditedAsync()).Outcome);
    }

    [Fact]
    public async Task Run_WhileTheStandbyIsAway_IsGivenUpUncancelledAndKeepsItsLock()
    {
        await using var cluster = await PostgresCluster.StartNewAsync();
        await LedgerDatabase.MigrateAsync(cluster.ConnectionString);
        await using var others = LedgerDataSource.Create(cluster.ConnectionString);
        await SetStandbyAsync("nobody");
        var clock = new FakeTimeProvider();
        using var audit = new AuditLog(cluster.ConnectionString, others, clock);
        var first = RunAsync("thing", audit: audit);
        while (await WaitingAsync() == 0)
        {
        }

        while (!first.IsCompleted)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(10, Token);
        }

        await Assert.ThrowsAsync<LedgerLostException>(() => first);

        // It is not told committed, and the same request is not carried out beside it.
        Assert.Equal(1, await WaitingAsync());
        Assert.Equal(FailureKind.RequestRunning, (await RunAsync("thing", audit: audit)).Failure?.Kind);
        await SetStandbyAsync("");
        Assert.Equal("thing 1", (await RunAsync("thing", audit: audit)).Value?.Text);
        Assert.Equal(1, _acts);

        async Task SetStandbyAsync(string name)
        {
            await using var connection = await others.OpenConnectionAsync(Token);
            foreach (var sql in new[] { $"ALTER SYSTEM SET synchronous_standby_names = '{name}'", "SELECT pg_reload_conf()" })
            {
                await using var command = new NpgsqlCommand(sql, connection);
                await command.ExecuteNonQueryAsync(Token);
            }
        }

        async Task<long> WaitingAsync()
        {
            await using var command = others.CreateCommand("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
            return (long)(await command.ExecuteScalarAsync(Token))!;
        }
    }

    [Fact]
    public async Task Run_OfOneWhoIsGoneOnceItActs_IsWrittenToItsEnd()
    {
        using var gone = new CancellationTokenSource();
        var result = await RunAsync(
            "thing",
            async () =>
            {
                await gone.CancelAsync();
                return Done();
            },
            cancellationToken: gone.Token);
        Assert.Equal("thing 1", result.Value?.Text);
        Assert.Equal("done", (await AuditedAsync()).Outcome);
    }

    [Fact]
    public async Task Run_OfOneWhoIsGoneBefore_LeavesNoTrace()
    {
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => RunAsync("thing", cancellationToken: gone.Token));
        Assert.Empty(await AuditAsync(new AuditFilter { RequestId = _requestId }));
    }

    [Fact]
    public async Task Run_OfAPerson_IsNotAllowedAndLeavesNoTrace()
    {
        Assert.Equal(FailureKind.NotAllowed, (await RunAsync("thing", actor: new Actor(ActorKind.Person, "ada", "192.0.2.1"))).Failure?.Kind);
        Assert.Empty(await AuditAsync(new AuditFilter { RequestId = _requestId }));
        Assert.Equal(0, _acts);
    }

    [Theory]
    [InlineData("UPDATE audit SET outcome = 'done'")]
    [InlineData("DELETE FROM audit")]
    [InlineData("TRUNCATE audit")]
    public async Task Rows_AreForGood(string change)
    {
        await RunAsync("thing");
        var refused = await Assert.ThrowsAsync<PostgresException>(() => database.ExecuteAsync(change));
        Assert.Equal(PostgresErrorCodes.RestrictViolation, refused.SqlState);
        Assert.Equal("done", (await AuditedAsync()).Outcome);
    }

    [Fact]
    public async Task Audit_OfAnAccount_HasItsKeysToo()
    {
        foreach (var subject in new[] { "Account00001", "Account00001/Key000000001", "Account00002" })
        {
            await RunAsync("thing", subject: subject, requestId: Guid.NewGuid().ToString("N"));
        }

        var audited = await AuditAsync(new AuditFilter { Subject = "Account00001" });
        Assert.Equal(["Account00001/Key000000001", "Account00001"], audited.Select(row => row.Subject));
    }

    private Result<Thing> Done() => new Thing($"thing {Interlocked.Increment(ref _acts)}");

    private Task<Result<Thing>> RunAsync(
        string text,
        Func<Task<Result<Thing>>>? act = null,
        Actor? actor = null,
        string subject = "subject",
        string? requestId = null,
        AuditLog? audit = null,
        CancellationToken? cancellationToken = null) => new Changes(audit ?? _audit).RunAsync(
            actor ?? Operator,
            requestId ?? _requestId,
            new Change<Thing>
            {
                Action = "test.change",
                Subject = subject,
                Request = new { text },
                Read = _ => Task.FromResult<Result<Before>>(new Before(new Thing("old"))),
                Act = _ => act?.Invoke() ?? Task.FromResult(Done()),
            },
            cancellationToken ?? Token);

    private async Task<AuditListing> AuditedAsync() => Assert.Single(await AuditAsync(new AuditFilter { RequestId = _requestId, ActorId = "operator" }));

    private Task<IReadOnlyList<AuditListing>> AuditAsync(AuditFilter filter) => new LedgerQueries(database.DataSource).AuditAsync(filter, null, 100, Token);

    private sealed record Thing(string Text);
}
