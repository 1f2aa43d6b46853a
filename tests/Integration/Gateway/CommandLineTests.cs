using System.Text.Json.Nodes;
using OrleansGateway.Tests.Integration.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>The operator's command line, with a service and without one.</summary>
public sealed class CommandLineTests(PostgresServer server)
{
    [Fact]
    public async Task Verbs_WhileAServiceRuns_SpeakToIt()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        await OperateAsync(gateway);
        Assert.Equal("1", Value(await DoAsync(gateway, "verify", "--format", "json"), "accounts"));
    }

    [Fact]
    public async Task Verbs_WhileNoServiceRuns_RunTheAccountThemselves()
    {
        await using var gateway = await GatewayFixture.CreateAsync(server);
        gateway.Settings.Remove("Gateway:Catalog");
        await OperateAsync(gateway);
        await gateway.VerifyAsync();
        await using var command = gateway.DataSource.CreateCommand("SELECT reserved + quarantined FROM account");
        Assert.Equal(0L, await command.ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Verbs_WhileAServiceRunsElsewhere_SayThatItIsNotReached()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        gateway.Settings["Gateway:OperatorUrls"] = "http://127.0.0.1:1";
        var (exitCode, _, errors) = await gateway.CommandAsync("account", "list");
        Assert.Equal(1, exitCode);
        Assert.Contains("http://127.0.0.1:1", errors, StringComparison.Ordinal);
        Assert.Contains("Gateway:OperatorUrls", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verbs_WithAnotherToken_SayWhichSettingItIs()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        gateway.Settings["Gateway:OperatorToken"] = "another-token-0123456789";
        var (exitCode, _, errors) = await gateway.CommandAsync("account", "list");
        Assert.Equal(1, exitCode);
        Assert.Contains("Gateway:OperatorToken", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Key_Created_IsShownOnceAndOpensTheRelay()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var account = await gateway.CreateAccountAsync("1");
        var created = await DoAsync(gateway, "key", "create", account, "--name", "CLI", "--models", GatewayFixture.Model, "--cap-day", "0.5", "--format", "json");
        var key = Value(created, "key");
        using (var client = gateway.CreateClient(key))
        {
            using var answer = await client.PostAsync("chat/completions", GatewayFixture.Chat(), TestContext.Current.CancellationToken);
            Assert.Equal(200, (int)answer.StatusCode);
        }

        Assert.DoesNotContain(key[^20..], await DoAsync(gateway, "key", "list", account), StringComparison.Ordinal);
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
    public async Task Verb_ThatIsNotValid_EndsWith2(params string[] arguments)
    {
        await using var gateway = await GatewayFixture.CreateAsync(server);
        var (exitCode, _, errors) = await gateway.CommandAsync(arguments);
        Assert.Equal(2, exitCode);
        Assert.NotEmpty(errors);
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
        await RefuseAsync(gateway, "no account", "account", "show", "Nobody000000");
        await DoAsync(gateway, "verify");
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
