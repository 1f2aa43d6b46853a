using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Tests.Cluster.Running;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Gateway;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Gateway;

/// <summary>Three silos and two edges that nothing happens to.</summary>
public sealed class ClusterTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Admission_OfTenTimesWhatTheMoneyCovers_AdmitsExactlyThat()
    {
        await using var cluster = await ClusterFixture.StartAsync();
        var sent = await AdmissionRace.RunAsync(
            cluster.Provider, [.. cluster.Edges.Select(edge => edge.Url)],
            nanos => FaultPlan.CreateCustomerAsync(cluster.Operator, Money.FormatUsd(nanos)), FaultPlan.Rounds(8));
        await cluster.StopAsync();
        await FaultAudit.CheckAsync("n of 10 n", cluster.DataSource, sent, [], mayEnd: [], unansweredMax: 0, isAnyLost: false, providerFails: false);
    }

    [Fact]
    public async Task Catalog_AppliedThroughOneSilo_IsServedByAllEdgesAndByThoseThatComeLater()
    {
        const string Added = "sim-added";
        await using var cluster = await ClusterFixture.StartAsync();
        var customer = await FaultPlan.CreateCustomerAsync(cluster.Operator, "1");
        var catalog = JsonNode.Parse(TestSettings.Catalog)!;
        var model = catalog["models"]![0]!.DeepClone();
        model["id"] = Added;
        catalog["models"]!.AsArray().Add(model);
        catalog["channels"]![0]!["models"]!.AsArray().Add(Added);
        var file = Path.Combine(Path.GetDirectoryName(cluster.CatalogPath)!, "applied.json");
        await File.WriteAllTextAsync(file, catalog.ToJsonString(), Cancellation);
        foreach (var edge in cluster.Edges)
        {
            Assert.DoesNotContain(Added, await ModelsAsync(edge, customer));
        }

        var (exitCode, output, errors) = await GatewayProcess.RunAsync(cluster.Silos[1].Settings, "catalog", "apply", file);
        Assert.True(exitCode == 0, $"{output}\n{errors}");
        foreach (var edge in cluster.Edges)
        {
            await Load.UntilAsync(async _ => (await ModelsAsync(edge, customer)).Contains(Added, StringComparison.Ordinal), $"{edge} to follow");
        }

        // The configured file, which has not changed, does not undo what was applied.
        await cluster.Silos[0].StopAsync();
        await cluster.Silos[0].StartAsync();
        var later = cluster.AddEdge();
        await later.StartAsync();
        foreach (var edge in cluster.Edges)
        {
            Assert.Contains(Added, await ModelsAsync(edge, customer), StringComparison.Ordinal);
        }

        await cluster.StopAsync();
    }

    [Fact]
    public async Task Dashboard_OnTheOperatorsPortOnly_AsksForTheToken()
    {
        await using var cluster = await ClusterFixture.StartAsync(silos: 1, edges: 1);
        var basic = Convert.ToBase64String(Encoding.ASCII.GetBytes($"anyone:{TestSettings.OperatorToken}"));
        var wrong = Convert.ToBase64String("anyone:wrong"u8);
        var silo = cluster.Silos[0].Url;
        foreach (var page in new[] { "dashboard/", "dashboard/DashboardCounters" })
        {
            Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(silo, page, null));
            Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(silo, page, new("Bearer", "wrong")));
            Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(silo, page, new("Basic", wrong)));
            Assert.Equal(HttpStatusCode.OK, await GetAsync(silo, page, new("Bearer", TestSettings.OperatorToken)));
            Assert.Equal(HttpStatusCode.OK, await GetAsync(silo, page, new("Basic", basic)));
            Assert.Equal(HttpStatusCode.NotFound, await GetAsync(cluster.Edges[0].Url, page, new("Bearer", TestSettings.OperatorToken)));
        }

        await cluster.StopAsync();
    }

    [Fact]
    public async Task Upkeep_OfTheLedger_IsOneSilosWork()
    {
        await using var cluster = await ClusterFixture.StartAsync(silos: 3, edges: 1);
        static int Runs(ClusterNode silo) => silo.Process.Output.Split('\n').Count(line => line.Contains("Upkeep: ", StringComparison.Ordinal));

        // Each silo starts it when it comes, since it cannot know whether another one has.
        await Load.UntilAsync(
            async _ => await cluster.CountAsync("SELECT coalesce(max(version), 0)::bigint FROM reminder") >= 3 && cluster.Silos.Sum(Runs) > 0,
            "the upkeep to be started by each silo, and done");

        Assert.Single(cluster.Silos, silo => Runs(silo) > 0);
        await cluster.StopAsync();
    }

    private static async Task<string> ModelsAsync(ClusterNode edge, Customer customer)
    {
        using var http = new HttpClient { BaseAddress = edge.Url };
        http.DefaultRequestHeaders.Authorization = new("Bearer", customer.Key);
        return await http.GetStringAsync("v1/models", Cancellation);
    }

    private static async Task<HttpStatusCode> GetAsync(Uri url, string page, AuthenticationHeaderValue? authorization)
    {
        using var http = new HttpClient { BaseAddress = url };
        http.DefaultRequestHeaders.Authorization = authorization;
        using var answer = await http.GetAsync(page, Cancellation);
        return answer.StatusCode;
    }
}
