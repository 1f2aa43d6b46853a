using System.ClientModel;
using System.Text.Json.Nodes;
using OpenAI;
using OpenAI.Audio;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Endpoints;

/// <summary>The official .NET client, set up as a customer would, and the simulated provider behind the relay.</summary>
public sealed class OpenAIClientEndpointTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Embed_SeveralTexts_GivesAVectorEach()
    {
        await using var edge = await EdgeFixture.StartAsync();
        var vectors = (await Client(edge).GetEmbeddingClient("test-model").GenerateEmbeddingsAsync(["one", "two"], new() { Dimensions = 3 }, Cancellation)).Value;
        Assert.Equal([3, 3], vectors.Select(vector => vector.ToFloats().Length));
        Assert.NotEqual(vectors[0].ToFloats().ToArray(), vectors[1].ToFloats().ToArray());
        Assert.Equal(vectors.Usage.InputTokenCount, Assert.Single(edge.Account.Settled).Usage[Unit.Input]);
    }

    [Fact]
    public async Task Classify_Text_IsFree()
    {
        await using var edge = await EdgeFixture.StartAsync();
        var result = (await Client(edge).GetModerationClient("test-model").ClassifyTextAsync("peace", Cancellation)).Value;
        Assert.False(result.Flagged);
        Assert.Equal(0, Assert.Single(edge.Account.Settled).CostNanos);
    }

    [Fact]
    public async Task Speak_AndTranscribe_GoThereAndBack()
    {
        await using var edge = await EdgeFixture.StartAsync(model: Hears);
        var client = Client(edge).GetAudioClient("test-model");
        var sound = (await client.GenerateSpeechAsync("A text of some forty five characters, spoken.", GeneratedSpeechVoice.Alloy, cancellationToken: Cancellation)).Value;
        var said = (await client.TranscribeAudioAsync(sound.ToStream(), "a.wav", cancellationToken: Cancellation)).Value;
        Assert.Equal($"A file of {sound.ToMemory().Length} bytes.", said.Text);
        Assert.Equal(45, edge.Account.Settled.First().Usage[Unit.Characters]);
        Assert.Equal(3, edge.Account.Settled.Last().Usage[Unit.Seconds]);
    }

    [Fact]
    public async Task Paint_APicture_GivesIt()
    {
        await using var edge = await EdgeFixture.StartAsync(model: Hears);
        var picture = (await Client(edge).GetImageClient("test-model").GenerateImageAsync("A cat.", cancellationToken: Cancellation)).Value;
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], picture.ImageBytes.ToArray()[..4]);
        Assert.Equal((196, 1), (Assert.Single(edge.Account.Settled).Usage[Unit.ImageOutput], edge.Account.Settled.First().Usage[Unit.Images]));
    }

    [Fact]
    public async Task Embed_WithAnUnknownModel_ThrowsTheClientsOwn()
    {
        await using var edge = await EdgeFixture.StartAsync();
        var error = await Assert.ThrowsAsync<ClientResultException>(() => Client(edge).GetEmbeddingClient("nobody").GenerateEmbeddingAsync("x", cancellationToken: Cancellation));
        Assert.Equal(404, error.Status);
        Assert.Contains("nobody", error.Message, StringComparison.Ordinal);
    }

    private static void Hears(JsonObject model)
    {
        model["modalities"] = new JsonObject { ["input"] = new JsonArray("text", "audio"), ["output"] = new JsonArray("text", "audio", "image") };
        model["max_output_tokens"] = 100_000;
        model["prices"]![0]!["per_second"] = "0.0001";
        model["prices"]![0]!["per_million"]!["characters"] = "15";
    }

    private static OpenAIClient Client(EdgeFixture edge) =>
        new(new ApiKeyCredential(edge.Key), new OpenAIClientOptions { Endpoint = new Uri(edge.Client.BaseAddress!, "v1") });
}
