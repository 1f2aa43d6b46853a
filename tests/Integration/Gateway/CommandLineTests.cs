using System.Text.Json.Nodes;
using Npgsql;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>The operator's command line, with a service and without one.</summary>
public sealed class CommandLineTests(PostgresServer server, SharedGateway shared) : IClassFixture<SharedGateway>
{
    [Fact]
    public async Task Verbs_WhileAServiceRuns_SpeakToIt()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        await OperateAsync(gateway);
        Assert.Equal("1", Value(await DoAsync(gateway, "verify", "--format", "json"), "accounts"));
    }

    [Fact]
    public async Task Verbs_WhileNoServiceRuns_ReadTheSameFromTheDatabase()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var account = await gateway.CreateAccountAsync("1");
        using (var client = gateway.CreateClient(await gateway.CreateKeyAsync(account)))
        {
            using var answer = await client.PostAsync("chat/completions", GatewayFixture.Chat(), TestContext.Current.CancellationToken);
            Assert.Equal(200, (int)answer.StatusCode);
        }

        string[][] verbs =
        [
            ["key", "list", account, "--format", "json"],
            ["usage", "--format", "csv"],
            ["usage", "--by", "day,model,key"],
            ["usage", "--export", "--account", account, "--format", "json"],
            ["ledger", account],
            ["ledger", account, "--export", "--format", "csv"],
            ["verify"],
            ["catalog", "models"],
        ];
        var told = new List<string>();
        foreach (var verb in verbs)
        {
            told.Add(await DoAsync(gateway, verb));
        }

        gateway.Process.Signal(GatewayProcess.SigTerm);
        Assert.Equal(0, await gateway.Process.EndAsync());

        foreach (var (verb, before) in verbs.Zip(told))
        {
            var (exitCode, output, errors) = await gateway.CommandAsync(verb);
            Assert.Equal((0, before), (exitCode, output));
            Assert.Equal($"No service runs at {gateway.Settings["Gateway:OperatorSocket"]}: read from the database.", errors);
        }

        Assert.Contains(account, await DoAsync(gateway, "account", "list"), StringComparison.Ordinal);
        var shown = await DoAsync(gateway, "account", "show", account, "--format", "json");
        Assert.Equal(("active", ""), (Value(shown, "status"), Value(shown, "available_usd")));
        await RefuseUnknownAccountAsync(gateway);
    }

    [Fact]
    public async Task Changes_WhileNoServiceRuns_SayThatTheyNeedIt()
    {
        await using var gateway = await GatewayFixture.CreateAsync(server);
        string[][] changes =
        [
            ["account", "create", "Ada"],
            ["account", "credit", "FirstAccount", "1"],
            ["key", "create", "FirstAccount"],
            ["catalog", "reload"],
        ];
        foreach (var change in changes)
        {
            await RefuseAsync(gateway, $"'{change[0]} {change[1]}' needs the running service", change);
            await RefuseAsync(gateway, "Gateway:OperatorSocket", change);
        }
    }

    [Fact]
    public async Task Verbs_OnADatabaseThatNoServiceHasPrepared_SayWhatToDo()
    {
        await using var gateway = await GatewayFixture.CreateAsync(server);
        await RefuseAsync(gateway, "Start the service", "account", "list");
        gateway.Settings["ConnectionStrings:Ledger"] = "";
        await RefuseAsync(gateway, "ConnectionStrings:Ledger", "account", "list");
    }

    [Fact]
    public async Task Verbs_WithSeveralAddresses_SpeakToTheOneThatAnswers()
    {
        var url = $"http://127.0.0.1:{FreePort.Next()}";
        await using var gateway = await GatewayFixture.StartAsync(server, fixture => fixture.Settings["Gateway:OperatorGrpcUrls"] = url);
        var socket = gateway.Settings["Gateway:OperatorSocket"];
        gateway.Settings["Gateway:OperatorSocket"] = $"{socket}.gone;{socket};{socket}.gone";
        await DoAsync(gateway, "account", "create", "by socket");
        gateway.Settings["Gateway:OperatorSocket"] = $"{socket}.gone";
        await DoAsync(gateway, "account", "create", "by port");
        gateway.Settings["Gateway:OperatorGrpcUrls"] = "tcp:8082";
        await RefuseAsync(gateway, "Gateway:OperatorGrpcUrls", "account", "list");
    }

    [Fact]
    public async Task Credit_RepeatedWithItsRequestId_IsDoneOnce()
    {
        var gateway = shared.Gateway;
        var account = await gateway.CreateAccountAsync("1");
        string[] credit = ["account", "credit", account, "2", "--request-id", "top-up-7", "--format", "json"];
        var first = await DoAsync(gateway, credit);
        Assert.Equal(("3.00", "top-up-7"), (Value(first, "balance_usd"), Value(first, "ref")));
        Assert.Equal(first, await DoAsync(gateway, credit));
        await RefuseAsync(gateway, "request_id was used", "account", "credit", account, "3", "--request-id", "top-up-7");
    }

    [Fact]
    public async Task Verbs_WithAnotherToken_SayWhichSettingItIs()
    {
        var gateway = shared.Gateway;
        var settings = new Dictionary<string, string?>(gateway.Settings) { ["Gateway:OperatorToken"] = "another-token-0123456789" };
        var (exitCode, _, errors) = await GatewayProcess.RunAsync(settings, "account", "list");
        Assert.Equal(1, exitCode);
        Assert.Contains("Gateway:OperatorToken", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Key_Created_IsShownOnceAndOpensTheRelay()
    {
        var gateway = shared.Gateway;
        var account = await gateway.CreateAccountAsync("1");
        var created = await DoAsync(gateway, "key", "create", account, "--name", "CLI", "--models", GatewayFixture.Model, "--cap-day", "0.5", "--format", "json");
        var key = Value(created, "key");
        using (var client = gateway.CreateClient(key))
        {
            using var answer = await client.PostAsync("chat/completions", GatewayFixture.Chat(), TestContext.Current.CancellationToken);
            Assert.Equal(200, (int)answer.StatusCode);
        }

        Assert.DoesNotContain(key[^20..], await DoAsync(gateway, "key", "list", account), StringComparison.Ordinal);
        await DoAsync(gateway, "key", "update", account, Value(created, "id"), "--cap-day", "0.75");
        var kept = await DoAsync(gateway, "key", "list", account, "--format", "json");
        Assert.Equal(("CLI", "0.75"), (Value(kept, "name"), Value(kept, "cap_day_usd")));
        Assert.Contains(GatewayFixture.Model, Value(kept, "models"), StringComparison.Ordinal);
        await DoAsync(gateway, "key", "revoke", account, Value(created, "id"));
        var (exitCode, _, errors) = await gateway.CommandAsync("key", "enable", account, Value(created, "id"));
        Assert.Equal(1, exitCode);
        Assert.Contains("stays so", errors, StringComparison.Ordinal);

        var usage = await DoAsync(gateway, "usage", "--account", account, "--format", "csv");
        Assert.Equal(2, usage.Split('\n').Length);
        Assert.Contains(GatewayFixture.Model, usage, StringComparison.Ordinal);
        Assert.Contains("completed", await DoAsync(gateway, "usage", "--all"), StringComparison.Ordinal);
        Assert.Equal("1", Value(await DoAsync(gateway, "usage", "--by", "day,model", "--format", "json"), "requests"));
        Assert.Equal("charge", Value(await DoAsync(gateway, "ledger", account, "--limit", "1", "--format", "json"), "kind"));
        Assert.DoesNotContain(key[^20..], gateway.Process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_OfBooksThatAreOff_NamesTheAccountAndFails()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var account = await gateway.CreateAccountAsync("1");
        await using (var forge = gateway.DataSource.CreateCommand("UPDATE account SET balance = balance + 1"))
        {
            await forge.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        var (exitCode, output, _) = await gateway.CommandAsync("verify");
        Assert.Equal(1, exitCode);
        Assert.Contains(account, output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("frob")]
    [InlineData("account")]
    [InlineData("account", "credit", "FirstAccount", "-1")]
    [InlineData("account", "credit", "FirstAccount", "1e3")]
    [InlineData("account", "credit", "FirstAccount", "1", "--kind", "charge")]
    [InlineData("account", "list", "--format", "xml")]
    [InlineData("account", "list", "--limit", "many")]
    [InlineData("key", "create", "FirstAccount", "--expires", "soon")]
    [InlineData("account", "create")]
    [InlineData("usage", "--by", "week")]
    [InlineData("usage", "--status", "fine")]
    public async Task Verb_ThatIsNotValid_EndsWith2(params string[] arguments)
    {
        await using var gateway = await GatewayFixture.CreateAsync(server);
        var (exitCode, _, errors) = await gateway.CommandAsync(arguments);
        Assert.Equal(2, exitCode);
        Assert.NotEmpty(errors);
    }

    [Fact]
    public async Task Lists_OfManyRows_AreWholeOrAsLongAsAskedFor()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        await AddUsageAsync(gateway, 20_000, modelLength: 10);
        Assert.Equal(101, (await DoAsync(gateway, "usage", "--format", "csv")).Split('\n').Length);
        Assert.Equal(1_501, (await DoAsync(gateway, "usage", "--format", "csv", "--limit", "1500")).Split('\n').Length);
        Assert.Equal(20_001, (await DoAsync(gateway, "usage", "--export", "--format", "csv")).Split('\n').Length);
        var rows = JsonNode.Parse(await DoAsync(gateway, "usage", "--export", "--format", "json"))!.AsArray();
        Assert.Equal(20_000, rows.Select(row => row!["request_id"]!.GetValue<string>()).Distinct().Count());
        Assert.Equal("[]", await DoAsync(gateway, "usage", "--model", "none-such", "--format", "json"));
    }

    [Fact]
    public async Task Export_CutOff_HasWrittenTheRowsThatHadCome()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        await AddUsageAsync(gateway, 20_000, modelLength: 1_000);
        using var export = GatewayProcess.StartVerb(gateway.Settings, "usage", "--export", "--format", "csv");
        var errors = export.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.StartsWith("at,account_id,", await export.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.NotNull(await export.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));

        // Nobody reads on, so the service cannot have sent all of 20 MB.
        gateway.Process.Signal(GatewayProcess.SigKill);
        await gateway.Process.EndAsync();
        var rest = await export.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await export.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(1, export.ExitCode);
        Assert.InRange(rest.Split('\n').Length, 1, 19_000);
        Assert.Contains(gateway.Settings["Gateway:OperatorSocket"]!, await errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Export_Interrupted_EndsWith130()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        await AddUsageAsync(gateway, 20_000, modelLength: 1_000);
        using var export = GatewayProcess.StartVerb(gateway.Settings, "usage", "--export", "--format", "csv");
        var errors = export.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.NotNull(await export.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));

        GatewayProcess.Signal(export, GatewayProcess.SigInt);
        await export.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await export.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(130, export.ExitCode);
        Assert.Contains("Called off.", await errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tables_OfLongTexts_Fit120ColumnsWhileCsvAndJsonAreWhole()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var name = string.Join(' ', Enumerable.Repeat("long-name", 19));
        var account = Value(await DoAsync(gateway, "account", "create", name, "--format", "json"), "id");
        await DoAsync(gateway, "account", "credit", account, "9000000000.123456789", "--ref", new string('r', 128));
        var key = Value(await DoAsync(gateway, "key", "create", account, "--name", name, "--format", "json"), "id");
        await AddUsageAsync(gateway, 250, modelLength: 200);
        string[][] tables =
        [
            ["account", "list"],
            ["account", "show", account],
            ["key", "list", account],
            ["usage"],
            ["usage", "--export"],
            ["usage", "--by", "day,account,key,model,channel"],
            ["ledger", account],
        ];
        foreach (var table in tables)
        {
            var output = await DoAsync(gateway, table);
            Assert.All(output.Split('\n'), line => Assert.InRange(line.Length, 1, 120));
        }

        Assert.Contains(key, await DoAsync(gateway, "key", "list", account), StringComparison.Ordinal);
        Assert.Contains(name, await DoAsync(gateway, "account", "list", "--format", "csv"), StringComparison.Ordinal);
        Assert.Equal(name, Value(await DoAsync(gateway, "account", "list", "--format", "json"), "name"));
    }

    [Fact]
    public async Task CatalogCheck_NeedsNothingButTheFile()
    {
        await using var gateway = await GatewayFixture.CreateAsync(server);
        var settings = new Dictionary<string, string?> { ["SIMULATED_PROVIDER_URL"] = "http://127.0.0.1:1/v1" };
        Assert.Equal(0, (await GatewayProcess.RunAsync(settings, "catalog", "check", gateway.CatalogPath)).ExitCode);
        await File.WriteAllTextAsync(gateway.CatalogPath, "{ \"models\": 1 }", TestContext.Current.CancellationToken);
        var (exitCode, _, errors) = await GatewayProcess.RunAsync(settings, "catalog", "check", gateway.CatalogPath);
        Assert.Equal(1, exitCode);
        Assert.Contains("line 1, models", errors, StringComparison.Ordinal);
    }

    /// <summary>An account's life, verb by verb.</summary>
    private static async Task OperateAsync(GatewayFixture gateway)
    {
        var account = Value(await DoAsync(gateway, "account", "create", "Ada", "--concurrency", "3", "--format", "json"), "id");
        await DoAsync(gateway, "account", "credit", account, "10", "--ref", "order-1");
        Assert.Equal("true", Value(await DoAsync(gateway, "account", "credit", account, "10", "--ref", "order-1", "--format", "json"), "is_repeat"));
        await RefuseAsync(gateway, "another amount", "account", "credit", account, "11", "--ref", "order-1");
        await DoAsync(gateway, "account", "debit", account, "2.5");
        await RefuseAsync(gateway, "7.50 USD are available", "account", "debit", account, "7.6");
        await DoAsync(gateway, "account", "suspend", account);
        await DoAsync(gateway, "account", "resume", account);
        await DoAsync(gateway, "account", "limits", account, "--requests-per-minute", "60", "--concurrency", "none");
        var key = Value(await DoAsync(gateway, "key", "create", account, "--format", "json"), "id");
        await DoAsync(gateway, "key", "disable", account, key);
        await DoAsync(gateway, "key", "enable", account, key);
        await DoAsync(gateway, "key", "update", account, key, "--cap-total", "5", "--expires", "2031-01-31");
        Assert.Equal("5.00", Value(await DoAsync(gateway, "key", "list", account, "--format", "json"), "cap_total_usd"));

        var shown = await DoAsync(gateway, "account", "show", account, "--format", "json");
        Assert.Equal(("7.50", "active", "60", ""), (Value(shown, "balance_usd"), Value(shown, "status"), Value(shown, "requests_per_minute"), Value(shown, "concurrency")));
        Assert.Equal(3, (await DoAsync(gateway, "ledger", account, "--format", "csv")).Split('\n').Length);
        await DoAsync(gateway, "account", "close", account);
        await RefuseAsync(gateway, "stays so", "account", "resume", account);
        Assert.Contains("closed", await DoAsync(gateway, "account", "list"), StringComparison.Ordinal);
        await RefuseUnknownAccountAsync(gateway);
        await DoAsync(gateway, "verify");
    }

    private static async Task RefuseUnknownAccountAsync(GatewayFixture gateway)
    {
        string[][] verbs =
        [
            ["account", "show", "Nobody000000"], ["ledger", "Nobody000000"], ["ledger", "Nobody000000", "--export"], ["key", "list", "Nobody000000"],
            ["usage", "--account", "Nobody000000"], ["usage", "--account", "nobody", "--by", "day"], ["usage", "--account", "Nobody000000", "--export"],
        ];
        foreach (var verb in verbs)
        {
            await RefuseAsync(gateway, "no account", verb);
        }
    }

    /// <summary>Rows of usage as the gateway would write them, of nobody.</summary>
    private static async Task AddUsageAsync(GatewayFixture gateway, int rows, int modelLength)
    {
        await using var command = gateway.DataSource.CreateCommand(
            """
            INSERT INTO usage (at, charge, input, cached_input, cache_write_5m, cache_write_1h, audio_input, image_input, output, reasoning,
                audio_output, image_output, calls, first_byte_ms, duration_ms, is_estimated, account_id, key_id, request_id, status, model,
                channel, endpoint, price_id, client_address)
            SELECT now(), 1000000000 + n, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 10, 20, false, 'Nobody000000', 'NoKey0000000', 'r-' || n, 'completed',
                repeat('m', $2), 'channel', 'chat', 'price', '192.0.2.1'
            FROM generate_series(1, $1) AS n
            """);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = rows });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = modelLength });
        Assert.Equal(rows, await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken));
    }

    private static async Task<string> DoAsync(GatewayFixture gateway, params string[] arguments)
    {
        var (exitCode, output, errors) = await gateway.CommandAsync(arguments);
        Assert.True(exitCode == 0, $"{string.Join(' ', arguments)}: {exitCode}\n{output}\n{errors}");
        return output;
    }

    private static async Task RefuseAsync(GatewayFixture gateway, string says, params string[] arguments)
    {
        var (exitCode, _, errors) = await gateway.CommandAsync(arguments);
        Assert.Equal(1, exitCode);
        Assert.Contains(says, errors, StringComparison.Ordinal);
    }

    /// <summary>A field of an answer, or of its first row, as text.</summary>
    private static string Value(string json, string field)
    {
        var answer = JsonNode.Parse(json)!;
        return ((answer is JsonArray rows ? rows[0]! : answer)[field])?.ToString() ?? "";
    }
}
