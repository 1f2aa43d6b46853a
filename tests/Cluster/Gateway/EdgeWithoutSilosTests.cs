using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Tests.Cluster.Running;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Gateway;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Gateway;

/// <summary>An edge while there is no silo.</summary>
public sealed class EdgeWithoutSilosTests
{
    private static readonly ChatPlan Plan = new(IsStream: false, Tokens: 3, TokenRate: 0);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Edge_StartedBeforeAnySilo_SendsClientsAwayAndServesOnceSilosCome()
    {
        await using var cluster = await ClusterFixture.StartAsync(silos: 0, edges: 0);
        var edge = cluster.AddEdge();
        edge.Start();
        await edge.UnreadyAsync("silo");
        await AssertLiveAsync(edge);
        await AssertSentAwayAsync(edge, Key());

        var silo = cluster.AddSilo();
        await silo.StartAsync();
        await edge.ReadyAsync();
        await AssertServesAsync(edge, await FaultPlan.CreateCustomerAsync(cluster.Operator, "1"));
        await cluster.StopAsync();
    }

    [Fact]
    public async Task Edge_StoppedBeforeAnySiloCame_EndsCleanly()
    {
        await using var cluster = await ClusterFixture.StartAsync(silos: 0, edges: 0);
        var edge = cluster.AddEdge();
        edge.Start();
        await edge.UnreadyAsync("silo");
        await edge.StopAsync();
    }

    [Fact]
    public async Task Edge_StoppedWhileRedisCannotBeReached_EndsCleanly()
    {
        await using var cluster = await ClusterFixture.StartAsync(silos: 0, edges: 0);
        var like = cluster.AddEdge();
        await using var edge = new ClusterNode(
            "edge", "Edge", like.Url.AbsoluteUri, new Dictionary<string, string?>(like.Settings) { ["Cluster:Redis"] = "127.0.0.1:1,ssl=true" });
        edge.Start();
        await edge.UnreadyAsync("silo");
        await edge.Process.LineAsync("Cluster:Redis (Cluster__Redis): Redis cannot be reached");
        await edge.StopAsync();
    }

    [Fact]
    public async Task Edge_OnAnAddressThatIsTaken_EndsAndNamesIt()
    {
        await using var cluster = await ClusterFixture.StartAsync(silos: 0, edges: 0);
        var edge = cluster.AddEdge();
        using var taken = new TcpListener(IPAddress.Loopback, edge.Url.Port);
        taken.Start();
        edge.Start();

        Assert.Equal(1, await edge.Process.EndAsync());
        Assert.Contains("Gateway:Urls", edge.Process.Output, StringComparison.Ordinal);
        Assert.Contains(edge.Url.Authority, edge.Process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled", edge.Process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Edge_WhoseSilosAllGoAndComeBack_SendsClientsAwayMeanwhile()
    {
        await using var cluster = await ClusterFixture.StartAsync(silos: 2, edges: 1);
        var edge = cluster.Edges[0];
        var customer = await FaultPlan.CreateCustomerAsync(cluster.Operator, "1");
        await AssertServesAsync(edge, customer);
        foreach (var stop in new Func<ClusterNode, Task>[] { silo => silo.StopAsync(), KillAsync })
        {
            await Task.WhenAll(cluster.Silos.Select(stop));
            await edge.UnreadyAsync("silo");
            await AssertLiveAsync(edge);
            await AssertSentAwayAsync(edge, customer.Key);

            await Task.WhenAll(cluster.Silos.Select(silo => silo.StartAsync()));
            await edge.ReadyAsync();
            await AssertServesAsync(edge, customer);
        }

        await cluster.StopAsync();

        static async Task KillAsync(ClusterNode silo)
        {
            silo.Process.Signal(GatewayProcess.SigKill);
            await silo.Process.EndAsync();
        }
    }

    /// <summary>A key such as a customer would have, of an account that is not there.</summary>
    private static string Key()
    {
        Assert.True(SigningSecrets.TryParse([TestSettings.SigningSecret], out var secret));
        return ApiKey.Create(Ids.NewAccountId(RandomSource.Secure), Ids.NewKeyId(RandomSource.Secure), RandomSource.Secure, secret, out _);
    }

    private static async Task AssertLiveAsync(ClusterNode edge)
    {
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri(edge.Url, "health/live"), Cancellation);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    /// <summary>In OpenAI's form of an error, and long before a client gives up.</summary>
    private static async Task AssertSentAwayAsync(ClusterNode edge, string key)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(10), BaseAddress = edge.Url };
        http.DefaultRequestHeaders.Authorization = new("Bearer", key);
        var body = new JsonObject
        {
            ["model"] = TestSettings.Model,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "Hello" }),
        };
        await AssertRefusedAsync(http.PostAsync("v1/chat/completions", new StringContent(body.ToJsonString(), null, "application/json"), Cancellation));
        await AssertRefusedAsync(http.GetAsync("v1/models", Cancellation));
    }

    private static async Task AssertRefusedAsync(Task<HttpResponseMessage> sending)
    {
        using var answer = await sending;
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.True(answer.StatusCode == HttpStatusCode.ServiceUnavailable, text);
        Assert.NotNull(answer.Headers.RetryAfter);
        var error = JsonNode.Parse(text)!["error"]!.AsObject();
        Assert.NotEqual("", error["message"]!.GetValue<string>());
        Assert.All(["type", "code", "param"], field => Assert.True(error.ContainsKey(field), text));
    }

    private static async Task AssertServesAsync(ClusterNode edge, Customer customer)
    {
        using var client = new ChatClient();
        var sent = await client.SendAsync(edge.Url, customer, Plan);
        Assert.True(sent.Fate == Fate.Completed, $"{sent}: {sent.ErrorMessage}");
    }
}
