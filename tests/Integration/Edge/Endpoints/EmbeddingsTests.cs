using System.Net;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Endpoints;

public sealed class EmbeddingsTests
{
    private const string Path = "/v1/embeddings";
    private const string Answer =
        """{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1.25]}],"model":"up","usage":{"prompt_tokens":7,"total_tokens":7}}""";

    [Fact]
    public async Task Post_OfText_PassesOnAndChargesTheInput()
    {
        await using var edge = await EndpointEdge.StartAsync(Answer);
        var answer = await edge.PostAsync(Path, """{"model":"test-model", "input":"hello", "dimensions":2, "encoding_format":"float"}""");
        Assert.Equal((HttpStatusCode.OK, Answer.Replace("\"up\"", "\"test-model\"", StringComparison.Ordinal)), (answer.Status, answer.Text));
        Assert.StartsWith("POST /v1/embeddings ", edge.Sent, StringComparison.Ordinal);
        Assert.Equal("""{"model":"up", "input":"hello", "dimensions":2, "encoding_format":"float"}""", edge.SentBody);
        Assert.Equal((7, 0, 7000, Path), (edge.Settled.Usage[Unit.Input], edge.Settled.Usage.TotalOutput, edge.Settled.CostNanos, edge.Settled.Ticket.Endpoint));
        Assert.False(edge.Settled.Usage.IsEstimated);
    }

    [Fact]
    public async Task Post_OfTokens_IsBoundByTheirNumber()
    {
        await using var edge = await EndpointEdge.StartAsync(Answer.Replace(",\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}", "", StringComparison.Ordinal));
        var answer = await edge.PostAsync(Path, """{"model":"test-model","input":[[1,2,3],[4,5,6,7]]}""");
        Assert.Equal((HttpStatusCode.OK, 7), (answer.Status, (int)answer.Json["usage"]!["prompt_tokens"]!));

        // 7 tokens, 16 for each input and 64 for the request, at 1000 nanos; no output.
        Assert.Equal((7 + 32 + 64) * 1000, Assert.Single(edge.Edge.Account.Admitted).MostNanos);
        Assert.Equal((7, true), (edge.Settled.Usage[Unit.Input], edge.Settled.Usage.IsEstimated));
    }

    [Fact]
    public async Task Post_OfManyInputs_HasTheWindowForEach()
    {
        await using var edge = await EndpointEdge.StartAsync(Answer, model: model => model["context_window"] = 100);
        await edge.PostAsync(Path, new JsonObject { ["model"] = "test-model", ["input"] = new JsonArray(new string('x', 1000), "y") }.ToJsonString());
        Assert.Equal(200 * 1000, Assert.Single(edge.Edge.Account.Admitted).MostNanos);
    }

    [Fact]
    public async Task Post_ThatAsksForBase64OfAProviderThatHasFloats_GetsBase64()
    {
        await using var edge = await EndpointEdge.StartAsync(Answer);
        var answer = await edge.PostAsync(Path, """{"model":"test-model","input":"hello","encoding_format":"base64"}""");
        var bytes = Convert.FromBase64String((string)answer.Json["data"]![0]!["embedding"]!);
        Assert.Equal([0.5f, -1.25f], [BitConverter.ToSingle(bytes, 0), BitConverter.ToSingle(bytes, 4)]);
        Assert.Equal("test-model", (string?)answer.Json["model"]);
    }

    [Fact]
    public async Task Post_WithShownCost_TellsTheCharge()
    {
        await using var edge = await EndpointEdge.StartAsync(Answer, showCost: true);
        var answer = await edge.PostAsync(Path, """{"model":"test-model","input":"hello"}""");
        Assert.Equal("0.000007", answer.Json["usage"]!["cost"]!.ToJsonString());
    }

    [Theory]
    [InlineData("""{"input":"x"}""", "model")]
    [InlineData("""{"model":"test-model"}""", "input")]
    [InlineData("""{"model":"test-model","input":[]}""", "input")]
    [InlineData("""{"model":"test-model","input":{"text":"x"}}""", "input")]
    [InlineData("""{"model":"test-model","input":["x",1]}""", "input[1]")]
    [InlineData("""{"model":"test-model","input":[-1]}""", "input")]
    [InlineData("""{"model":"test-model","input":[[1],["a"]]}""", "input[1]")]
    [InlineData("""{"model":"test-model","input":"x","dimensions":0}""", "dimensions")]
    [InlineData("""{"model":"test-model","input":"x","dimensions":"2"}""", "dimensions")]
    [InlineData("""{"model":"test-model","input":"x","encoding_format":1}""", "encoding_format")]
    [InlineData("""{"model":"test-model","input":"x","Input":"y"}""", "Input")]
    [InlineData("""{"model":"test-model","input":"x","input":"y"}""", "input")]
    [InlineData("""{"model":"test-model","input":"x" """, "")]
    [InlineData("""["model"]""", "")]
    [InlineData("--boundary", "")]
    [InlineData("", "")]
    public async Task Post_OfWhatIsWrong_IsRefusedAndCostsNothing(string body, string param)
    {
        await using var edge = await EndpointEdge.StartAsync(Answer);
        edge.AssertRefused(await edge.PostAsync(Path, body), param);
    }

    [Fact]
    public async Task Post_OfTooManyInputs_IsRefused()
    {
        await using var edge = await EndpointEdge.StartAsync(Answer);
        var inputs = string.Join(',', Enumerable.Repeat("\"x\"", 2049));
        edge.AssertRefused(await edge.PostAsync(Path, $$"""{"model":"test-model","input":[{{inputs}}]}"""), "input", "array_above_max_length");
    }

    [Theory]
    [InlineData("""{"error":{"message":"Such a thing is not known.","type":"invalid_request_error"}}""")]
    [InlineData("<html></html>")]
    [InlineData("""{"choices":""")]
    [InlineData("{}")]
    public async Task Post_WhoseProviderFails_CostsNothing(string answer)
    {
        await using var edge = await EndpointEdge.StartAsync(answer);
        Assert.NotEqual(HttpStatusCode.OK, (await edge.PostAsync(Path, """{"model":"test-model","input":"x"}""")).Status);
        Assert.Equal(0, edge.Settled.CostNanos);
    }

    [Fact]
    public async Task Post_ToAModelThatIsSoldBySeconds_IsRefused()
    {
        await using var edge = await EndpointEdge.StartAsync(
            Answer, price: new() { ["per_million"] = new JsonObject { ["input"] = 0, ["output"] = 0 }, ["per_second"] = "0.0001" });
        edge.AssertRefused(await edge.PostAsync(Path, """{"model":"test-model","input":"x"}"""), "model", "unsupported_model");
    }
}
