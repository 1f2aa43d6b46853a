using System.Net;
using System.Runtime.Versioning;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Reflection.V1Alpha;
using OrleansGateway.Operator.Contracts;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>The operator API through a client generated from its .proto alone: who is let in, what it does, what it refuses.</summary>
public sealed class OperatorApiTests(PostgresServer server, SharedGateway shared) : IClassFixture<SharedGateway>
{
    private const string Nobody = "Nobody000000";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Calls_WithWrongTokens_AreRefusedSlowedDownAndNeverShutOutTheRightOne()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        using var without = new OperatorClient(gateway.Operator.Address, token: null);
        var missing = await RefusedAsync(StatusCode.Unauthenticated, () => without.Accounts.ListAccountsAsync(new ListAccountsRequest(), cancellationToken: Cancellation));
        Assert.Contains("Gateway:OperatorToken", missing.Status.Detail, StringComparison.Ordinal);
        Assert.Equal("UNAUTHENTICATED", missing.GetRpcStatus()!.GetDetail<ErrorInfo>()!.Reason);

        var codes = new Dictionary<StatusCode, int>();
        using var wrong = new OperatorClient(gateway.Operator.Address, "wrong-token-0123456789");
        for (var i = 0; i < 1000; i++)
        {
            var refused = await Assert.ThrowsAsync<RpcException>(async () => await wrong.Accounts.ListAccountsAsync(new ListAccountsRequest(), cancellationToken: Cancellation));
            codes[refused.StatusCode] = codes.GetValueOrDefault(refused.StatusCode) + 1;
        }

        Assert.Equal([StatusCode.ResourceExhausted, StatusCode.Unauthenticated], codes.Keys.Order());
        Assert.True(codes[StatusCode.ResourceExhausted] > codes[StatusCode.Unauthenticated]);
        Assert.Empty((await gateway.Operator.Accounts.ListAccountsAsync(new ListAccountsRequest(), cancellationToken: Cancellation)).Accounts);
        Assert.DoesNotContain("wrong-token", gateway.Process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_IsToldToEverybodyAndReflectionToOperators()
    {
        var gateway = shared.Gateway;
        using var without = new OperatorClient(gateway.Operator.Address, token: null);
        var health = await new Health.HealthClient(without.Calls).CheckAsync(new HealthCheckRequest(), cancellationToken: Cancellation);
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, health.Status);
        await RefusedAsync(StatusCode.Unauthenticated, async () => await ServicesAsync(without));
        Assert.Superset(
            new HashSet<string>
            {
                "orleansgateway.operator.v1.AccountService", "orleansgateway.operator.v1.KeyService", "orleansgateway.operator.v1.CatalogService",
                "orleansgateway.operator.v1.ReportService", "grpc.health.v1.Health",
            },
            await ServicesAsync(gateway.Operator));
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task Socket_IsTheGatewaysUsersAloneAndTheClientsPortKnowsNothingOfIt()
    {
        var gateway = shared.Gateway;
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(gateway.Operator.Address));
        foreach (var url in new[] { gateway.Url, gateway.OperatorHttp.BaseAddress! })
        {
            using var client = new HttpClient { BaseAddress = url };
            client.DefaultRequestHeaders.Authorization = new("Bearer", GatewayFixture.OperatorToken);
            using var answer = await client.GetAsync("operator/accounts/none", Cancellation);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }

        using var anyone = new HttpClient { BaseAddress = gateway.OperatorHttp.BaseAddress };
        using var page = await anyone.GetAsync("dashboard/", Cancellation);
        Assert.Equal(HttpStatusCode.Unauthorized, page.StatusCode);
    }

    [Fact]
    public async Task Requests_ThatAreNotValid_NameTheFieldAndChangeNothing()
    {
        var gateway = shared.Gateway;
        var account = await gateway.CreateAccountAsync("1");
        var audited = (await AuditAsync(gateway)).Count;
        var all = await CountAsync(gateway);
        var (accounts, keys, reports) = (gateway.Operator.Accounts, gateway.Operator.Keys, gateway.Operator.Reports);
        var limits = new RateLimits { Concurrency = 3 };

        await AssertInvalidAsync("name", id => accounts.CreateAccountAsync(new CreateAccountRequest { RequestId = id }, cancellationToken: Cancellation));
        await AssertInvalidAsync("account_id", id => accounts.CreateAccountAsync(new CreateAccountRequest { RequestId = id, AccountId = "x", Name = "A" }, cancellationToken: Cancellation));
        await AssertInvalidAsync("request_id", _ => accounts.CreateAccountAsync(new CreateAccountRequest { Name = "A" }, cancellationToken: Cancellation));
        await AssertInvalidAsync("limits.concurrency", id => accounts.CreateAccountAsync(
            new CreateAccountRequest { RequestId = id, Name = "A", Limits = new RateLimits { Concurrency = 0 } }, cancellationToken: Cancellation));
        await AssertInvalidAsync("update_mask", id => accounts.UpdateAccountAsync(
            new UpdateAccountRequest { RequestId = id, AccountId = account, Limits = limits }, cancellationToken: Cancellation));
        await AssertInvalidAsync("update_mask", id => accounts.UpdateAccountAsync(
            new UpdateAccountRequest { RequestId = id, AccountId = account, Limits = limits, UpdateMask = Mask("balance_nanos") }, cancellationToken: Cancellation));
        await AssertInvalidAsync("status", id => accounts.SetAccountStatusAsync(new SetAccountStatusRequest { RequestId = id, AccountId = account }, cancellationToken: Cancellation));
        await AssertInvalidAsync("status", id => accounts.SetAccountStatusAsync(
            new SetAccountStatusRequest { RequestId = id, AccountId = account, Status = (AccountStatus)7 }, cancellationToken: Cancellation));
        await AssertInvalidAsync("kind", id => accounts.MoveMoneyAsync(new MoveMoneyRequest { RequestId = id, AccountId = account, AmountNanos = 1 }, cancellationToken: Cancellation));
        await AssertInvalidAsync("kind", id => accounts.MoveMoneyAsync(
            new MoveMoneyRequest { RequestId = id, AccountId = account, Kind = EntryKind.Charge, AmountNanos = -1 }, cancellationToken: Cancellation));
        await AssertInvalidAsync("amount_nanos", id => accounts.MoveMoneyAsync(
            new MoveMoneyRequest { RequestId = id, AccountId = account, Kind = EntryKind.Topup, AmountNanos = -1 }, cancellationToken: Cancellation));
        await AssertInvalidAsync("ref", id => accounts.MoveMoneyAsync(
            new MoveMoneyRequest { RequestId = id, AccountId = account, Kind = EntryKind.Topup, AmountNanos = 1, Ref = "\0" }, cancellationToken: Cancellation));
        await AssertInvalidAsync("settings.addresses[0]", id => keys.CreateKeyAsync(
            new CreateKeyRequest { RequestId = id, AccountId = account, Settings = new KeySettings { Name = "K", Addresses = { "here" } } }, cancellationToken: Cancellation));
        await AssertInvalidAsync("settings.expires_at", id => keys.CreateKeyAsync(
            new CreateKeyRequest { RequestId = id, AccountId = account, Settings = new KeySettings { Name = "K", ExpiresAt = new Timestamp { Nanos = -1 } } },
            cancellationToken: Cancellation));
        await AssertInvalidAsync("update_mask", id => keys.UpdateKeyAsync(
            new UpdateKeyRequest { RequestId = id, AccountId = account, KeyId = "nosuchkey000", Settings = new KeySettings { Name = "K" }, UpdateMask = Mask("secret") },
            cancellationToken: Cancellation));
        await AssertInvalidAsync("page_size", _ => accounts.ListAccountsAsync(new ListAccountsRequest { PageSize = 1001 }, cancellationToken: Cancellation));
        await AssertInvalidAsync("search", _ => accounts.ListAccountsAsync(new ListAccountsRequest { Search = "\0" }, cancellationToken: Cancellation));
        await AssertInvalidAsync("filter.status", _ => reports.ListUsageAsync(
            new ListUsageRequest { Filter = new UsageFilter { Status = (RequestStatus)99 } }, cancellationToken: Cancellation));

        await AssertMissingAsync("UNKNOWN_ACCOUNT", Nobody, _ => accounts.GetAccountAsync(new GetAccountRequest { AccountId = Nobody }, cancellationToken: Cancellation));
        await AssertMissingAsync("UNKNOWN_ACCOUNT", "nobody", _ => accounts.GetAccountAsync(new GetAccountRequest { AccountId = "nobody" }, cancellationToken: Cancellation));
        await AssertMissingAsync("UNKNOWN_ACCOUNT", Nobody, id => accounts.MoveMoneyAsync(
            new MoveMoneyRequest { RequestId = id, AccountId = Nobody, Kind = EntryKind.Topup, AmountNanos = 1 }, cancellationToken: Cancellation));
        await AssertMissingAsync("UNKNOWN_ACCOUNT", Nobody, id => keys.CreateKeyAsync(
            new CreateKeyRequest { RequestId = id, AccountId = Nobody, Settings = new KeySettings { Name = "K" } }, cancellationToken: Cancellation));
        await AssertMissingAsync("UNKNOWN_ACCOUNT", Nobody, id => accounts.UpdateAccountAsync(
            new UpdateAccountRequest { RequestId = id, AccountId = Nobody, Limits = limits, UpdateMask = Mask("limits.concurrency") }, cancellationToken: Cancellation));
        await AssertMissingAsync("UNKNOWN_ACCOUNT", Nobody, id => accounts.SetAccountStatusAsync(
            new SetAccountStatusRequest { RequestId = id, AccountId = Nobody, Status = AccountStatus.Suspended }, cancellationToken: Cancellation));
        await AssertMissingAsync("UNKNOWN_ACCOUNT", Nobody, id => keys.UpdateKeyAsync(
            new UpdateKeyRequest { RequestId = id, AccountId = Nobody, KeyId = "nosuchkey000", Settings = new KeySettings { Name = "K" }, UpdateMask = Mask("name") },
            cancellationToken: Cancellation));
        await AssertMissingAsync("UNKNOWN_ACCOUNT", Nobody, id => keys.SetKeyStatusAsync(
            new SetKeyStatusRequest { RequestId = id, AccountId = Nobody, KeyId = "nosuchkey000", Status = KeyStatus.Revoked }, cancellationToken: Cancellation));
        await AssertMissingAsync("UNKNOWN_ACCOUNT", Nobody, _ => keys.ListKeysAsync(new ListKeysRequest { AccountId = Nobody }, cancellationToken: Cancellation));
        await AssertMissingAsync("UNKNOWN_ACCOUNT", Nobody, _ => reports.ListLedgerAsync(new ListLedgerRequest { AccountId = Nobody }, cancellationToken: Cancellation));
        await AssertMissingAsync("UNKNOWN_KEY", "nosuchkey000", id => keys.SetKeyStatusAsync(
            new SetKeyStatusRequest { RequestId = id, AccountId = account, KeyId = "nosuchkey000", Status = KeyStatus.Revoked }, cancellationToken: Cancellation));
        await AssertMissingAsync("UNKNOWN_KEY", account, id => keys.UpdateKeyAsync(
            new UpdateKeyRequest { RequestId = id, AccountId = account, KeyId = "\0", Settings = new KeySettings { Name = "K" }, UpdateMask = Mask("name") }, cancellationToken: Cancellation));

        Assert.Equal(1_000_000_000, (await gateway.Operator.GetAccountAsync(account)).BalanceNanos);
        Assert.Equal(all, await CountAsync(gateway));
        Assert.Empty((await keys.ListKeysAsync(new ListKeysRequest { AccountId = account }, cancellationToken: Cancellation)).Keys);
        Assert.Equal(audited, (await AuditAsync(gateway)).Count);

        async Task AssertInvalidAsync<T>(string field, Func<string, AsyncUnaryCall<T>> call)
        {
            var refused = await RefusedAsync(StatusCode.InvalidArgument, () => call(OperatorClient.NewRequestId()));
            Assert.Equal(field, Assert.Single(refused.GetRpcStatus()!.GetDetail<BadRequest>()!.FieldViolations).Field);
        }

        async Task AssertMissingAsync<T>(string reason, string says, Func<string, AsyncUnaryCall<T>> call)
        {
            var refused = await RefusedAsync(StatusCode.NotFound, () => call(OperatorClient.NewRequestId()));
            Assert.Equal(reason, refused.GetRpcStatus()!.GetDetail<ErrorInfo>()!.Reason);
            Assert.Contains(says, refused.Status.Detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Changes_OfAnAccountAndAKey_AreDoneOnceAndAudited()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var (accounts, keys) = (gateway.Operator.Accounts, gateway.Operator.Keys);
        var create = new CreateAccountRequest { RequestId = "create-1", Name = "Ada", Limits = new RateLimits { Concurrency = 3, RequestsPerMinute = 60 } };
        var made = await accounts.CreateAccountAsync(create, cancellationToken: Cancellation);
        Assert.Equal(made, await accounts.CreateAccountAsync(create, cancellationToken: Cancellation));
        var account = made.AccountId;

        var top = new MoveMoneyRequest { RequestId = "top-1", AccountId = account, Kind = EntryKind.Topup, AmountNanos = 5_000_000_000 };
        var twice = await Task.WhenAll(MoveAsync(top), MoveAsync(top));
        Assert.Equal(twice[0], twice[1]);
        Assert.Equal((5_000_000_000, false, "top-1"), (twice[0].BalanceNanos, twice[0].IsRepeat, twice[0].Ref));
        var again = top.Clone();
        again.RequestId = "top-2";
        again.Ref = "top-1";
        Assert.True((await MoveAsync(again)).IsRepeat);
        var other = top.Clone();
        other.AmountNanos = 6;
        await AssertReasonAsync(StatusCode.AlreadyExists, "REQUEST_ID_CONFLICT", () => accounts.MoveMoneyAsync(other, cancellationToken: Cancellation));
        other.RequestId = "top-3";
        other.Ref = "top-1";
        await AssertReasonAsync(StatusCode.AlreadyExists, "REF_CONFLICT", () => accounts.MoveMoneyAsync(other, cancellationToken: Cancellation));
        var debit = new MoveMoneyRequest { RequestId = "debit-1", AccountId = account, Kind = EntryKind.Adjustment, AmountNanos = -6_000_000_000 };
        var poor = await AssertReasonAsync(StatusCode.FailedPrecondition, "INSUFFICIENT_FUNDS", () => accounts.MoveMoneyAsync(debit, cancellationToken: Cancellation));
        Assert.Contains("5.00 USD", poor.Status.Detail, StringComparison.Ordinal);

        var changed = await accounts.UpdateAccountAsync(
            new UpdateAccountRequest { RequestId = "limits-1", AccountId = account, Limits = new RateLimits { TokensPerMinute = 9 }, UpdateMask = Mask("limits.tokens_per_minute", "limits.concurrency") },
            cancellationToken: Cancellation);
        Assert.Equal(new RateLimits { RequestsPerMinute = 60, TokensPerMinute = 9 }, changed.Limits);

        var createKey = new CreateKeyRequest { RequestId = "key-1", AccountId = account, Settings = new KeySettings { Name = "K", Models = { GatewayFixture.Model } } };
        var key = await keys.CreateKeyAsync(createKey, cancellationToken: Cancellation);
        var repeated = await keys.CreateKeyAsync(createKey, cancellationToken: Cancellation);
        Assert.StartsWith("sk-og-", key.Secret, StringComparison.Ordinal);
        Assert.Equal((key.Key, ""), (repeated.Key, repeated.Secret));
        var updated = await keys.UpdateKeyAsync(
            new UpdateKeyRequest
            {
                RequestId = "key-2",
                AccountId = account,
                KeyId = key.Key.KeyId,
                Settings = new KeySettings { Caps = new SpendCaps { DayNanos = 7 }, Name = "unnamed" },
                UpdateMask = Mask("caps.day_nanos", "models"),
            },
            cancellationToken: Cancellation);
        Assert.Equal(("K", 7, 0), (updated.Settings.Name, updated.Settings.Caps.DayNanos, updated.Settings.Models.Count));
        Assert.Equal(KeyStatus.Revoked, (await SetKeyAsync("key-3", KeyStatus.Revoked)).Status);
        await AssertReasonAsync(StatusCode.FailedPrecondition, "CLOSED_FOR_GOOD", () => SetKeyCall("key-4", KeyStatus.Active));
        await accounts.SetAccountStatusAsync(new SetAccountStatusRequest { RequestId = "close-1", AccountId = account, Status = AccountStatus.Closed }, cancellationToken: Cancellation);

        // The first answer, though the account is closed by now.
        Assert.Equal(twice[0], await MoveAsync(top));
        var audit = await AuditAsync(gateway);
        Assert.Equal(
            [
                ("create-1", "account.create", "done"), ("top-1", "account.move", "done"), ("top-2", "account.move", "done"), ("top-3", "account.move", "ref_conflict"),
                ("debit-1", "account.move", "insufficient_funds"), ("limits-1", "account.update", "done"), ("key-1", "key.create", "done"),
                ("key-2", "key.update", "done"), ("key-3", "key.status", "done"), ("key-4", "key.status", "closed_for_good"), ("close-1", "account.status", "done"),
            ],
            audit.Reverse().Select(entry => (entry.RequestId, entry.Action, entry.Outcome)));
        Assert.All(audit, entry => Assert.Equal("operator", entry.ActorId));
        Assert.All(audit, entry => Assert.StartsWith("unix uid ", entry.Address, StringComparison.Ordinal));
        await AssertNoSecretAsync(gateway, key.Secret);
        await gateway.VerifyAsync();

        async Task<MoveMoneyResponse> MoveAsync(MoveMoneyRequest move) => await accounts.MoveMoneyAsync(move, cancellationToken: Cancellation);

        async Task<Key> SetKeyAsync(string id, KeyStatus status) => await SetKeyCall(id, status);

        AsyncUnaryCall<Key> SetKeyCall(string id, KeyStatus status) => keys.SetKeyStatusAsync(
            new SetKeyStatusRequest { RequestId = id, AccountId = account, KeyId = key.Key.KeyId, Status = status }, cancellationToken: Cancellation);
    }

    [Fact]
    public async Task Lists_PageByPage_HaveEveryRowOnceAndWakeNoAccount()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        await ExecuteAsync(gateway, "INSERT INTO account (id, name, created_at) SELECT 'Asleep' || lpad(i::text, 6, '0'), 'Asleep', now() FROM generate_series(1, 5) i");
        await ExecuteAsync(gateway, """
            INSERT INTO api_key (account_id, id, hash, status, name, models, addresses, show_cost)
            SELECT 'Asleep000001', 'Key' || lpad(i::text, 9, '0'), sha256(i::text::bytea), 'active', 'K', '{}', '{}', false FROM generate_series(1, 3) i
            """);
        var ids = new List<string>();
        var tokens = new List<string> { "" };
        do
        {
            var page = await AccountsAsync(tokens[^1]);
            Assert.True(page.Accounts.Count <= 2);
            ids.AddRange(page.Accounts.Select(account => account.AccountId));
            tokens.Add(page.NextPageToken);
        }
        while (tokens[^1].Length > 0);

        Assert.Equal(Enumerable.Range(1, 5).Select(number => $"Asleep{number:D6}"), ids);
        var first = await KeysAsync("");
        Assert.Equal(["Key000000001", "Key000000002"], first.Keys.Select(key => key.KeyId));
        Assert.Equal(["Key000000003"], (await KeysAsync(first.NextPageToken)).Keys.Select(key => key.KeyId));
        await gateway.Operator.Reports.ListLedgerAsync(new ListLedgerRequest { AccountId = "Asleep000001" }, cancellationToken: Cancellation);

        foreach (var wrong in new[] { first.NextPageToken, "x", tokens[1] + "x" })
        {
            var refused = await RefusedAsync(StatusCode.InvalidArgument, () => gateway.Operator.Accounts.ListAccountsAsync(
                new ListAccountsRequest { PageSize = 2, PageToken = wrong, Search = wrong == "x" ? "Asleep" : "" }, cancellationToken: Cancellation));
            Assert.Equal("page_token", Assert.Single(refused.GetRpcStatus()!.GetDetail<BadRequest>()!.FieldViolations).Field);
        }

        await RefusedAsync(StatusCode.InvalidArgument, () => gateway.Operator.Accounts.ListAccountsAsync(
            new ListAccountsRequest { PageSize = 2, PageToken = tokens[1], Search = "Asleep" }, cancellationToken: Cancellation));
        await using var woken = gateway.DataSource.CreateCommand("SELECT count(*) FROM account WHERE epoch > 0");
        Assert.Equal(0L, await woken.ExecuteScalarAsync(Cancellation));

        async Task<ListAccountsResponse> AccountsAsync(string token) =>
            await gateway.Operator.Accounts.ListAccountsAsync(new ListAccountsRequest { PageSize = 2, PageToken = token }, cancellationToken: Cancellation);

        async Task<ListKeysResponse> KeysAsync(string token) =>
            await gateway.Operator.Keys.ListKeysAsync(new ListKeysRequest { AccountId = "Asleep000001", PageSize = 2, PageToken = token }, cancellationToken: Cancellation);
    }

    [Fact]
    public async Task Usage_AndLedger_AreListedStreamedAndSummed()
    {
        var gateway = shared.Gateway;
        var account = await gateway.CreateAccountAsync("1");
        using var client = gateway.CreateClient(await gateway.CreateKeyAsync(account));
        for (var i = 0; i < 3; i++)
        {
            using var answer = await client.PostAsync("chat/completions", GatewayFixture.Chat(), Cancellation);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        var reports = gateway.Operator.Reports;
        var filter = new UsageFilter { AccountId = account };
        var streamed = await ReadAsync(reports.ExportUsage(new ExportUsageRequest { Filter = filter }, cancellationToken: Cancellation));
        var listed = new List<UsageRow>();
        var token = "";
        do
        {
            var page = await reports.ListUsageAsync(new ListUsageRequest { Filter = filter, PageSize = 2, PageToken = token }, cancellationToken: Cancellation);
            listed.AddRange(page.Rows);
            token = page.NextPageToken;
        }
        while (token.Length > 0);

        Assert.Equal(3, streamed.Count);
        Assert.Equal(streamed, Enumerable.Reverse(listed));
        Assert.All(streamed, row => Assert.Equal((GatewayFixture.Model, RequestStatus.Completed), (row.Model, row.Status)));
        var sums = await reports.SumUsageAsync(new SumUsageRequest { Filter = filter, GroupBy = { UsageGroup.Day, UsageGroup.Model } }, cancellationToken: Cancellation);
        Assert.Equal(streamed.Sum(row => row.ChargeNanos), sums.Totals.Sum(total => total.ChargeNanos));
        Assert.All(streamed, row => Assert.True(row.Units["input"] > 0 && row.Units["output"] > 0 && row.Units["calls"] == 1));
        foreach (var unit in streamed.SelectMany(row => row.Units.Keys))
        {
            Assert.Equal(streamed.Sum(row => row.Units[unit]), sums.Totals.Sum(total => total.Units[unit]));
        }

        Assert.All(sums.Totals, total => Assert.Equal((true, true, false), (total.HasDay, total.HasModel, total.HasKeyId)));

        var ledger = await ReadAsync(reports.ExportLedger(new ExportLedgerRequest { AccountId = account }, cancellationToken: Cancellation));
        Assert.Equal([1, 2, 3, 4], ledger.Select(row => row.Seq));
        Assert.Equal([EntryKind.Topup, EntryKind.Charge, EntryKind.Charge, EntryKind.Charge], ledger.Select(row => row.Kind));
        var newest = await reports.ListLedgerAsync(new ListLedgerRequest { AccountId = account, PageSize = 1 }, cancellationToken: Cancellation);
        Assert.Equal(ledger[^1], Assert.Single(newest.Rows));
        await RefusedAsync(StatusCode.NotFound, async () => await ReadAsync(reports.ExportLedger(new ExportLedgerRequest { AccountId = Nobody }, cancellationToken: Cancellation)));
        var books = await reports.VerifyAsync(new VerifyRequest(), cancellationToken: Cancellation);
        Assert.Equal((await CountAsync(gateway), 0), (books.Accounts, books.Problems.Count));
    }

    [Fact]
    public async Task Deadline_OfAQuery_EndsItInTheDatabaseToo()
    {
        var gateway = shared.Gateway;
        await using var connection = await gateway.DataSource.OpenConnectionAsync(Cancellation);
        await using var transaction = await connection.BeginTransactionAsync(Cancellation);
        await using var hold = new Npgsql.NpgsqlCommand("LOCK TABLE usage IN ACCESS EXCLUSIVE MODE", connection);
        await hold.ExecuteNonQueryAsync(Cancellation);

        await RefusedAsync(StatusCode.DeadlineExceeded, () => gateway.Operator.Reports.ListUsageAsync(
            new ListUsageRequest(), deadline: DateTime.UtcNow.AddSeconds(1), cancellationToken: Cancellation));

        await using var waiting = new Npgsql.NpgsqlCommand("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'usage'::regclass", connection);
        while ((long)(await waiting.ExecuteScalarAsync(Cancellation))! > 0)
        {
            await Task.Yield();
        }
    }

    [Fact]
    public async Task Deadline_OfAChangeThatIsUnderWay_EndsInAnOutcomeThatARepeatIsGiven()
    {
        var gateway = shared.Gateway;
        var account = await gateway.CreateAccountAsync("1");
        var move = new MoveMoneyRequest { RequestId = "late-1", AccountId = account, Kind = EntryKind.Bonus, AmountNanos = 5 };
        await using (var connection = await gateway.DataSource.OpenConnectionAsync(Cancellation))
        await using (var transaction = await connection.BeginTransactionAsync(Cancellation))
        {
            await using var hold = new Npgsql.NpgsqlCommand("SELECT FROM account FOR UPDATE", connection);
            await hold.ExecuteNonQueryAsync(Cancellation);
            await RefusedAsync(StatusCode.DeadlineExceeded, () => gateway.Operator.Accounts.MoveMoneyAsync(
                move, deadline: DateTime.UtcNow.AddSeconds(2), cancellationToken: Cancellation));
            var entry = Assert.Single(await AuditAsync(gateway), entry => entry.RequestId == "late-1");
            Assert.Equal(("", null), (entry.Outcome, entry.EndedAt));
        }

        MoveMoneyResponse? answer = null;
        while (answer is null)
        {
            try
            {
                answer = await gateway.Operator.Accounts.MoveMoneyAsync(move, cancellationToken: Cancellation);
            }
            catch (RpcException exception) when (exception.StatusCode is StatusCode.Aborted or StatusCode.Unavailable)
            {
                // It is under way still.
            }
        }

        Assert.Equal(1_000_000_005, answer.BalanceNanos);
        Assert.Equal("done", Assert.Single(await AuditAsync(gateway), entry => entry.RequestId == "late-1").Outcome);
        await gateway.VerifyAsync();
    }

    private static FieldMask Mask(params string[] paths) => new() { Paths = { paths } };

    private static async Task<RpcException> RefusedAsync<T>(StatusCode code, Func<AsyncUnaryCall<T>> call) => await RefusedAsync(code, async () => await call());

    private static async Task<RpcException> RefusedAsync(StatusCode code, Func<Task> call)
    {
        var refused = await Assert.ThrowsAsync<RpcException>(call);
        Assert.Equal(code, refused.StatusCode);
        return refused;
    }

    private static async Task<RpcException> AssertReasonAsync<T>(StatusCode code, string reason, Func<AsyncUnaryCall<T>> call)
    {
        var refused = await RefusedAsync(code, call);
        var info = refused.GetRpcStatus()!.GetDetail<ErrorInfo>()!;
        Assert.Equal(("orleansgateway", reason), (info.Domain, info.Reason));
        return refused;
    }

    private static async Task<List<T>> ReadAsync<T>(AsyncServerStreamingCall<T> call)
    {
        using (call)
        {
            var rows = new List<T>();
            await foreach (var row in call.ResponseStream.ReadAllAsync(Cancellation))
            {
                rows.Add(row);
            }

            return rows;
        }
    }

    /// <summary>What operators did.</summary>
    private static async Task<IReadOnlyList<AuditEntry>> AuditAsync(GatewayFixture gateway) =>
    [
        .. (await gateway.Operator.Reports.ListAuditAsync(new ListAuditRequest { PageSize = 1000 }, cancellationToken: Cancellation)).Entries
            .Where(entry => entry.ActorKind == ActorKind.Operator),
    ];

    /// <summary>How many accounts there are.</summary>
    private static async Task<long> CountAsync(GatewayFixture gateway)
    {
        await using var command = gateway.DataSource.CreateCommand("SELECT count(*) FROM account");
        return (long)(await command.ExecuteScalarAsync(Cancellation))!;
    }

    private static async Task<HashSet<string>> ServicesAsync(OperatorClient client)
    {
        using var call = new ServerReflection.ServerReflectionClient(client.Calls).ServerReflectionInfo(cancellationToken: Cancellation);
        await call.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = "" }, Cancellation);
        await call.RequestStream.CompleteAsync();
        Assert.True(await call.ResponseStream.MoveNext(Cancellation));
        return [.. call.ResponseStream.Current.ListServicesResponse.Service.Select(service => service.Name)];
    }

    private static async Task ExecuteAsync(GatewayFixture gateway, string sql)
    {
        await using var command = gateway.DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancellation);
    }

    /// <summary>Neither the key's random part nor its digest is in the audit.</summary>
    private static async Task AssertNoSecretAsync(GatewayFixture gateway, string secret)
    {
        var random = secret[^38..^16];
        var digest = System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(random));
        await using var command = gateway.DataSource.CreateCommand("SELECT string_agg(audit::text, ' ') FROM audit");
        var audit = (string)(await command.ExecuteScalarAsync(Cancellation))!;
        Assert.DoesNotContain(random, audit, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToHexString(digest), audit, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(Convert.ToBase64String(digest), audit, StringComparison.Ordinal);
        Assert.DoesNotContain("hash", audit, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(random, gateway.Process.Output, StringComparison.Ordinal);
    }
}
