using System.Text.Json.Nodes;
using OrleansGateway.Tests.Integration.Edge.Realtime;
using OrleansGateway.Tests.Integration.Gateway;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>The gateway's process is killed in the middle of a Realtime response.</summary>
[Collection(FaultsCollection.Name)]
public sealed class RealtimeKillTests(PostgresServer server)
{
    private const string Model = "sim-realtime";
    private const long Balance = 10_000_000_000;

    private static readonly string[] Text = ["text"];

    [Fact]
    public async Task Gateway_KilledInAResponse_SetsNothingAsideForLongAndChargesNothingTwice()
    {
        await using var gateway = await GatewayFixture.StartAsync(server, WithRealtime);
        var account = await gateway.CreateAccountAsync("10");
        var key = await gateway.CreateKeyAsync(account);
        long charged;
        using (var client = await BeginAsync())
        {
            await client.SendAsync(new { type = "response.create", response = new { output_modalities = Text, sim = new { tokens = 5 } } });
            await client.UntilAsync("response.done");
            charged = Balance - (await gateway.Operator.GetAccountAsync(account)).BalanceNanos;
            Assert.InRange(charged, 1, Balance);

            await client.SendAsync(new { type = "response.create", response = new { output_modalities = Text, sim = new { tokens = 50, hang_after = 10 } } });
            await client.UntilAsync("response.output_text.delta");
            Assert.True((await gateway.Operator.GetAccountAsync(account)).HeldNanos > 0);
            gateway.Process.Signal(GatewayProcess.SigKill);
        }

        await gateway.StartGatewayAsync();
        await Load.UntilAsync(
            async _ => await gateway.Operator.GetAccountAsync(account) is { HeldNanos: 0 } free && free.AvailableNanos == free.BalanceNanos, "the hold to be let go");
        Assert.Equal(Balance - charged, (await gateway.Operator.GetAccountAsync(account)).BalanceNanos);
        await gateway.VerifyAsync();

        using var next = await BeginAsync();
        await next.SendAsync(new { type = "response.create", response = new { output_modalities = Text, sim = new { tokens = 5 } } });
        await next.UntilAsync("response.done");
        Assert.Equal(Balance - (2 * charged), (await gateway.Operator.GetAccountAsync(account)).BalanceNanos);

        async Task<RealtimeClient> BeginAsync()
        {
            var client = await RealtimeClient.ConnectAsync(gateway.Url, "?model=" + Model, key);
            await client.UntilAsync("session.created");
            return client;
        }
    }

    private static void WithRealtime(GatewayFixture gateway)
    {
        gateway.Settings["Gateway:Urls"] = FreePort.Address();
        gateway.Settings["Gateway:OperatorUrls"] = FreePort.Address();
        var catalog = JsonNode.Parse(File.ReadAllText(gateway.CatalogPath))!;
        catalog["channels"]![0]!["models"]!.AsArray().Add(Model);
        catalog["models"]!.AsArray().Add(JsonNode.Parse(
            $$"""
            {
              "id": "{{Model}}", "owned_by": "simulated", "created": "2026-01-01", "context_window": 128000, "max_output_tokens": 4096, "realtime": true,
              "modalities": { "input": ["text", "audio"], "output": ["text", "audio"] },
              "prices": [{
                "from": "2026-01-01T00:00:00Z",
                "per_million": { "input": 4, "cached_input": 0.40, "audio_input": 32, "cached_audio_input": 0.40, "output": 24, "audio_output": 64 }
              }]
            }
            """));
        File.WriteAllText(gateway.CatalogPath, catalog.ToJsonString());
    }
}
