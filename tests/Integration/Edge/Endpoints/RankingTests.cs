using System.Net;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Endpoints;

/// <summary>Moderations and rerank.</summary>
public sealed class RankingTests
{
    private const string Ranked = """{"id":"r1","results":[{"index":1,"relevance_score":0.9}],"meta":{"billed_units":{"search_units":2}}}""";

    [Fact]
    public async Task Post_OfModerations_IsFree()
    {
        const string Said = """{"id":"modr-1","model":"up","results":[{"flagged":false,"categories":{},"category_scores":{}}]}""";
        await using var edge = await EndpointEdge.StartAsync(Said);
        var answer = await edge.PostAsync("/v1/moderations", """{"model":"test-model","input":["one",{"type":"text","text":"two"}]}""");
        Assert.Equal((HttpStatusCode.OK, "test-model"), (answer.Status, (string?)answer.Json["model"]));
        Assert.Equal((0, 0), (Assert.Single(edge.Edge.Account.Admitted).MostNanos, edge.Settled.CostNanos));
    }

    [Fact]
    public async Task Post_OfModerationsWithoutAModel_IsForTheUsualOne()
    {
        await using var edge = await EndpointEdge.StartAsync(
            """{"id":"modr-1","model":"up","results":[]}""", model: model => model["aliases"] = new JsonArray("omni-moderation-latest"));
        var answer = await edge.PostAsync("/v1/moderations", """{"input":"x"}""");
        Assert.Equal((HttpStatusCode.OK, """{"model":"up","input":"x"}"""), (answer.Status, edge.SentBody));
        Assert.Equal("omni-moderation-latest", (string?)answer.Json["model"]);
    }

    [Theory]
    [InlineData("""{"model":"test-model"}""")]
    [InlineData("""{"model":"test-model","input":1}""")]
    public async Task Post_OfModerationsOfNothing_IsRefused(string body)
    {
        await using var edge = await EndpointEdge.StartAsync("{}");
        edge.AssertRefused(await edge.PostAsync("/v1/moderations", body), "input");
    }

    [Fact]
    public async Task Post_OfRerank_IsChargedBySearches()
    {
        await using var edge = await EndpointEdge.StartAsync(
            Ranked, price: new() { ["per_million"] = new JsonObject { ["input"] = 0, ["output"] = 0 }, ["per_search"] = "0.002" });
        var answer = await edge.PostAsync("/v1/rerank", """{"model":"test-model","query":"q","documents":["a",{"text":"b"}],"top_n":1}""");
        Assert.Equal((HttpStatusCode.OK, Ranked), (answer.Status, answer.Text));
        Assert.Equal((2, 4_000_000), (edge.Settled.Usage[Unit.Searches], edge.Settled.CostNanos));
        Assert.Equal(2_000_000, Assert.Single(edge.Edge.Account.Admitted).MostNanos);
    }

    [Fact]
    public async Task Post_OfRerankWithTokens_IsChargedByThem()
    {
        await using var edge = await EndpointEdge.StartAsync("""{"object":"list","data":[{"index":0,"relevance_score":1}],"model":"up","usage":{"total_tokens":26}}""");
        await edge.PostAsync("/v1/rerank", """{"model":"test-model","query":"qq","documents":["abc","d"],"top_k":1}""");
        Assert.Equal((26, 26_000), (edge.Settled.Usage[Unit.Input], edge.Settled.CostNanos));

        // The query once for each document.
        Assert.Equal((4 + 4 + 64) * 1000, Assert.Single(edge.Edge.Account.Admitted).MostNanos);
    }

    [Fact]
    public async Task Post_OfRerankWithoutUsage_IsEstimated()
    {
        await using var edge = await EndpointEdge.StartAsync("""{"results":[]}""");
        await edge.PostAsync("/v1/rerank", """{"model":"test-model","query":"four","documents":["four","four"]}""");
        Assert.Equal((4, true), (edge.Settled.Usage[Unit.Input], edge.Settled.Usage.IsEstimated));
    }

    [Theory]
    [InlineData("""{"model":"test-model","documents":["a"]}""", "query")]
    [InlineData("""{"model":"test-model","query":"q"}""", "documents")]
    [InlineData("""{"model":"test-model","query":"q","documents":[]}""", "documents")]
    [InlineData("""{"model":"test-model","query":"q","documents":[1]}""", "documents[0]")]
    [InlineData("""{"model":"test-model","query":"q","documents":[{"image":"https://x/y.png"}]}""", "documents")]
    public async Task Post_OfRerankOfNothing_IsRefused(string body, string param)
    {
        await using var edge = await EndpointEdge.StartAsync(Ranked);
        edge.AssertRefused(await edge.PostAsync("/v1/rerank", body), param);
    }
}
