using System.Net;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Endpoints;

public sealed class ImageTests
{
    private const string Path = "/v1/images/generations";
    private const string Edits = "/v1/images/edits";
    private const string Png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    private const string Made =
        """{"created":1,"data":[{"b64_json":"AAAA"}],"usage":{"input_tokens":9,"input_tokens_details":{"text_tokens":5,"image_tokens":4},"output_tokens":196,"total_tokens":205}}""";

    private static readonly JsonObject ByPicture = new() { ["per_million"] = new JsonObject { ["input"] = 0, ["output"] = 0 }, ["per_image"] = "0.04" };
    private static readonly JsonObject ByTokens = new() { ["per_million"] = new JsonObject { ["input"] = 5, ["image_input"] = 8, ["output"] = 30, ["image_output"] = 30 } };

    [Fact]
    public async Task Generate_ByTokens_ChargesTheUsage()
    {
        await using var edge = await EndpointEdge.StartAsync(Made, price: ByTokens, model: Paints);
        var answer = await edge.PostAsync(Path, """{"model":"test-model","prompt":"A cat.","n":1,"size":"1024x1024","quality":"high"}""");
        Assert.Equal((HttpStatusCode.OK, Made), (answer.Status, answer.Text));
        Assert.StartsWith("POST /v1/images/generations ", edge.Sent, StringComparison.Ordinal);
        Assert.Equal((5, 4, 196), (edge.Settled.Usage[Unit.Input], edge.Settled.Usage[Unit.ImageInput], edge.Settled.Usage[Unit.ImageOutput]));
        Assert.Equal((5 * 5000) + (4 * 8000) + (196 * 30_000), edge.Settled.CostNanos);

        // Prompt and frame at the dearest kind of input; a picture of 7024 tokens.
        Assert.Equal(((6 + 64) * 8000) + (7024 * 30_000), Assert.Single(edge.Edge.Account.Admitted).MostNanos);
    }

    [Fact]
    public async Task Generate_ByPicture_ChargesThoseThatCame()
    {
        await using var edge = await EndpointEdge.StartAsync("""{"created":1,"data":[{"url":"a"},{"url":"b"},{"url":"c"}]}""", price: ByPicture);
        await edge.PostAsync(Path, """{"model":"test-model","prompt":"A cat.","n":4}""");
        Assert.Equal(160_000_000, Assert.Single(edge.Edge.Account.Admitted).MostNanos);
        Assert.Equal((3, 120_000_000), (edge.Settled.Usage[Unit.Images], edge.Settled.CostNanos));
    }

    [Fact]
    public async Task Generate_AsEvents_PassesThemOn()
    {
        const string Events = "event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"AA\",\"partial_image_index\":0}\n\n"
            + "event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"b64_json\":\"AAAA\",\"usage\":{\"input_tokens\":5,\"output_tokens\":296,\"total_tokens\":301}}\n\n";
        await using var edge = await EndpointEdge.StartAsync(Events, "text/event-stream", ByTokens, Paints);
        var answer = await edge.PostAsync(Path, """{"model":"test-model","prompt":"A cat.","stream":true,"partial_images":1,"quality":"low","size":"1024x1024"}""");
        Assert.Equal((HttpStatusCode.OK, Events), (answer.Status, answer.Text));
        Assert.Equal((296, 1), (edge.Settled.Usage[Unit.ImageOutput], edge.Settled.Usage[Unit.Images]));
        Assert.Equal(((6 + 64) * 8000) + ((272 + 100) * 30_000), Assert.Single(edge.Edge.Account.Admitted).LeastNanos);
    }

    [Fact]
    public async Task Generate_AsEventsOfAProviderThatHasNone_GivesOneForEachPicture()
    {
        await using var edge = await EndpointEdge.StartAsync(
            """{"created":1,"data":[{"b64_json":"AA=="},{ "b64_json":"AQ==" }],"usage":{"input_tokens":5,"output_tokens":392}}""", price: ByTokens, model: Paints);
        var answer = await edge.PostAsync(Path, """{"model":"test-model","prompt":"A cat.","stream":true,"n":2}""");
        Assert.Equal(
            "event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"b64_json\":\"AA==\"}\n\n"
            + "event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"b64_json\":\"AQ==\",\"usage\":{\"input_tokens\":5,\"output_tokens\":392}}\n\n",
            answer.Text);
        Assert.Equal((392, 2), (edge.Settled.Usage[Unit.ImageOutput], edge.Settled.Usage[Unit.Images]));
    }

    [Fact]
    public async Task Generate_AsEventsThatBreakOff_CostsItsBound()
    {
        const string Events = "event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"AA\",\"partial_image_index\":0}\n\n";
        await using var edge = await EndpointEdge.StartAsync(Events, "text/event-stream", ByTokens, Paints);
        var answer = await edge.PostAsync(Path, """{"model":"test-model","prompt":"A cat.","stream":true,"partial_images":1,"quality":"low","size":"1024x1024"}""");
        Assert.Contains("data: {\"error\":", answer.Text, StringComparison.Ordinal);
        Assert.Equal((372, true), (edge.Settled.Usage[Unit.ImageOutput], edge.Settled.Usage.IsEstimated));
    }

    [Theory]
    [InlineData("""{"model":"test-model"}""", "prompt")]
    [InlineData("""{"model":"test-model","prompt":"x","n":0}""", "n")]
    [InlineData("""{"model":"test-model","prompt":"x","n":9}""", "n")]
    [InlineData("""{"model":"test-model","prompt":"x","size":1024}""", "size")]
    [InlineData("""{"model":"test-model","prompt":"x","partial_images":4}""", "partial_images")]
    [InlineData("""{"model":"test-model","prompt":"x","output_format":"svg"}""", "output_format")]
    [InlineData("""{"model":"test-model","prompt":"x","image":"https://x/y.png"}""", "image")]
    public async Task Generate_OfWhatIsWrong_IsRefusedAndCostsNothing(string body, string param)
    {
        await using var edge = await EndpointEdge.StartAsync(Made, price: ByPicture);
        edge.AssertRefused(await edge.PostAsync(Path, body), param);
    }

    [Fact]
    public async Task Generate_WithAModelOfText_IsRefused()
    {
        await using var edge = await EndpointEdge.StartAsync(Made);
        edge.AssertRefused(await edge.PostAsync(Path, """{"model":"test-model","prompt":"x"}"""), "model", "unsupported_model");
    }

    [Fact]
    public async Task Edit_OfAFile_PassesTheFormOn()
    {
        await using var edge = await EndpointEdge.StartAsync(Made, price: ByTokens, model: Paints);
        var answer = await edge.PostFormAsync(
            Edits, ("model", "test-model"u8.ToArray()), ("prompt", "A dog."u8.ToArray()), ("image[]=a.png", Convert.FromBase64String(Png)), ("quality", "low"u8.ToArray()));
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Text);
        Assert.StartsWith("POST /v1/images/edits ", edge.Sent, StringComparison.Ordinal);
        Assert.DoesNotContain("test-model", edge.SentBody, StringComparison.Ordinal);
        Assert.Equal(((6 + 64 + 1000) * 8000) + (659 * 30_000L), Assert.Single(edge.Edge.Account.Admitted).MostNanos);
    }

    [Fact]
    public async Task Edit_OfADataUrl_PassesItOn()
    {
        await using var edge = await EndpointEdge.StartAsync(Made, price: ByTokens, model: Paints);
        var body = $$"""{"model":"test-model","prompt":"A dog.","images":[{"image_url":"data:image/png;base64,{{Png}}"}]}""";
        var answer = await edge.PostAsync(Edits, body);
        Assert.Equal((HttpStatusCode.OK, body.Replace("test-model", "up", StringComparison.Ordinal)), (answer.Status, edge.SentBody));
    }

    [Theory]
    [InlineData("""{"model":"test-model","prompt":"x","images":[{"file_id":"file-abc"}]}""", "images[0].file_id")]
    [InlineData("""{"model":"test-model","prompt":"x","images":[{"image_url":"https://x/y.png"}],"mask":{"file_id":"file-abc"}}""", "mask.file_id")]
    [InlineData("""{"model":"test-model","prompt":"x","images":[{"image_url":"data:image/png;base64,§"}]}""", "images[0].image_url")]
    [InlineData("""{"model":"test-model","prompt":"x","images":[{"image_url":"ftp://x"}]}""", "images[0].image_url")]
    [InlineData("""{"model":"test-model","prompt":"x","images":[{}]}""", "images[0]")]
    [InlineData("""{"model":"test-model","prompt":"x"}""", "images")]
    public async Task Edit_OfWhatIsWrong_IsRefusedAndCostsNothing(string body, string param)
    {
        await using var edge = await EndpointEdge.StartAsync(Made, price: ByPicture);
        edge.AssertRefused(await edge.PostAsync(Edits, body), param);
    }

    [Fact]
    public async Task Edit_OfAFileThatIsNoPicture_IsRefused()
    {
        await using var edge = await EndpointEdge.StartAsync(Made, price: ByPicture);
        edge.AssertRefused(
            await edge.PostFormAsync(Edits, ("model", "test-model"u8.ToArray()), ("prompt", "x"u8.ToArray()), ("image=a.txt", "words"u8.ToArray())), "image");
    }

    private static void Paints(JsonObject model)
    {
        model["modalities"] = new JsonObject { ["input"] = new JsonArray("text", "image"), ["output"] = new JsonArray("image") };
        model["max_output_tokens"] = 100_000;
        model["bounds"] = new JsonObject { ["image_tokens"] = 1000 };
    }
}
