using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>One gateway a database, and how each of two says where it stands.</summary>
public sealed class HealthTests(PostgresServer server)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Health_OfARunningGateway_IsLiveAndReadyOnBothPorts()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        using var clients = new HttpClient { BaseAddress = gateway.Url };
        Assert.Equal(HttpStatusCode.OK, (await clients.GetAsync("health/live", Cancellation)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await clients.GetAsync("health/ready", Cancellation)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await gateway.OperatorHttp.GetAsync("health/ready", Cancellation)).StatusCode);
    }

    [Fact]
    public async Task SecondGateway_WhileTheFirstRuns_WaitsAndTakesOver()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var account = await gateway.CreateAccountAsync("1");
        var key = await gateway.CreateKeyAsync(account);

        var second = gateway.StartSecond();
        using var clients = new HttpClient { BaseAddress = await GatewayFixture.UrlOfAsync(second) };
        Assert.Equal(HttpStatusCode.OK, (await clients.GetAsync("health/live", Cancellation)).StatusCode);
        using var waiting = await clients.GetAsync("health/ready", Cancellation);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, waiting.StatusCode);
        var reasons = (await waiting.Content.ReadFromJsonAsync<JsonNode>(Cancellation))!["reasons"]!.AsArray();
        Assert.Contains("database lock", reasons[0]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(["no catalog yet"], reasons.Skip(1).Select(reason => reason!.GetValue<string>()));

        gateway.Process.Signal(GatewayProcess.SigKill);
        await second.LineAsync(GatewayFixture.IsServing);
        Assert.Equal(HttpStatusCode.OK, (await clients.GetAsync("health/ready", Cancellation)).StatusCode);
        clients.DefaultRequestHeaders.Add("Authorization", $"Bearer {key}");
        using var answer = await clients.PostAsync("v1/chat/completions", GatewayFixture.Chat(), Cancellation);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await gateway.VerifyAsync();
    }

    [Fact]
    public async Task SecondGateway_WhenTheFirstStops_FindsNothingSetAside()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var account = await gateway.CreateAccountAsync("1");
        using (var client = gateway.CreateClient(await gateway.CreateKeyAsync(account)))
        using (var answer = await client.PostAsync("chat/completions", GatewayFixture.Chat(), Cancellation))
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        gateway.Process.Signal(GatewayProcess.SigTerm);
        Assert.Equal(0, await gateway.Process.EndAsync());
        await using var command = gateway.DataSource.CreateCommand("SELECT reserved + quarantined FROM account");
        Assert.Equal(0L, await command.ExecuteScalarAsync(Cancellation));
        await gateway.VerifyAsync();
    }

    [Fact]
    public async Task Stop_WhileARequestRuns_LetsItEnd()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        using var client = gateway.CreateClient(await gateway.CreateKeyAsync(await gateway.CreateAccountAsync("1")));
        gateway.Provider.Stall();
        var answer = client.PostAsync("chat/completions", GatewayFixture.Chat(), Cancellation);
        await gateway.Provider.WaitUntilAsync(stats => stats.Requests == 1, Cancellation);

        gateway.Process.Signal(GatewayProcess.SigTerm);
        await gateway.Process.LineAsync("Stopping");
        gateway.Provider.Release();
        Assert.Equal(HttpStatusCode.OK, (await answer).StatusCode);
        Assert.Equal(0, await gateway.Process.EndAsync());
        await gateway.VerifyAsync();
    }

    [Fact]
    public async Task Stop_WhileARequestRunsTooLong_CutsItAndEnds()
    {
        await using var gateway = await GatewayFixture.StartAsync(server, fixture => fixture.Settings["Gateway:StopSeconds"] = "0");
        using var client = gateway.CreateClient(await gateway.CreateKeyAsync(await gateway.CreateAccountAsync("1")));
        gateway.Provider.Stall();
        var answer = client.PostAsync("chat/completions", GatewayFixture.Chat(), Cancellation);
        await gateway.Provider.WaitUntilAsync(stats => stats.Requests == 1, Cancellation);

        gateway.Process.Signal(GatewayProcess.SigTerm);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await answer).StatusCode);
        Assert.Equal(0, await gateway.Process.EndAsync());
        await gateway.VerifyAsync();
    }

    [Fact]
    public async Task LockSession_Ended_IsHeldAgain()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        await using (var end = gateway.DataSource.CreateCommand(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = 1869021187 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"))
        {
            Assert.Equal(1L, await end.ExecuteScalarAsync(Cancellation));
        }

        await gateway.Process.LineAsync("is lost");
        await gateway.Process.LineAsync("is held again");
        Assert.Equal("""{"status":"ready"}""", await (await gateway.OperatorHttp.GetAsync("health/ready", Cancellation)).Content.ReadAsStringAsync(Cancellation));
    }
}
