using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.SimulatedProvider;
using Xunit;

namespace OrleansGateway.Tests.Unit.SimulatedProvider;

/// <summary>What the simulated provider answers to those who speak Gemini.</summary>
public sealed class GeminiShapeTests : IAsyncLifetime
{
    private const string Thinking = """{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"maxOutputTokens":3,"thinkingConfig":{"includeThoughts":true}},"sim":{"tokens":9}}""";
    private const string Tools = """{"contents":[{"parts":[{"text":"read_file {\"path\":\"a\"}"}]}],"tools":[{"functionDeclarations":[{"name":"read_file"}]}]}""";

    private readonly HttpClient _client = new();
    private SimulatedProviderHost _provider = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _provider = await SimulatedProviderHost.StartAsync(new SimulatedProviderOptions { ApiKey = "secret" }, Cancellation);
        _client.BaseAddress = _provider.BaseAddress;
        _client.DefaultRequestHeaders.Add("x-goog-api-key", "secret");
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _provider.DisposeAsync();
    }

    [Fact]
    public async Task GenerateContent_WithThoughts_IsCutAtItsLimitAndCountsThem()
    {
        var answer = JsonNode.Parse(await PostAsync("generateContent", Thinking))!;
        var candidate = answer["candidates"]![0]!;
        Assert.Equal("MAX_TOKENS", (string?)candidate["finishReason"]);
        Assert.Equal([true, false], candidate["content"]!["parts"]!.AsArray().Select(part => part!["thought"] is not null));
        Assert.Equal((3, 4), ((int)answer["usageMetadata"]!["candidatesTokenCount"]!, (int)answer["usageMetadata"]!["thoughtsTokenCount"]!));
    }

    [Fact]
    public async Task StreamGenerateContent_InBothForms_SaysTheSame()
    {
        var events = (await PostAsync("streamGenerateContent?alt=sse", Thinking)).Split("\r\n\r\n", StringSplitOptions.RemoveEmptyEntries).Select(data => data["data: ".Length..]).ToList();
        var items = JsonNode.Parse(await PostAsync("streamGenerateContent", Thinking))!.AsArray();
        Assert.Equal(5, events.Count);
        Assert.Equal(events.Select(Parts), items.Select(item => Parts(item!.ToJsonString())));

        static string Parts(string response) => JsonNode.Parse(response)!["candidates"]!.ToJsonString();
    }

    [Fact]
    public async Task GenerateContent_ThatNamesAFunction_CallsIt()
    {
        var part = JsonNode.Parse(await PostAsync("generateContent", Tools))!["candidates"]![0]!["content"]!["parts"]![0]!;
        Assert.Equal(("read_file", "a"), ((string?)part["functionCall"]!["name"], (string?)part["functionCall"]!["args"]!["path"]));
        Assert.NotNull(part["thoughtSignature"]);
    }

    [Fact]
    public async Task OtherMethods_AreAnswered()
    {
        Assert.Equal("""{"totalTokens":1}""", await PostAsync("countTokens", """{"contents":[{"parts":[{"text":"x"}]}]}"""));
        Assert.Equal(2, JsonNode.Parse(await PostAsync("batchEmbedContents", """{"requests":[{},{}]}"""))!["embeddings"]!.AsArray().Count);
        Assert.Contains("values", await PostAsync("embedContent", "{}"), StringComparison.Ordinal);
        Assert.Contains("NOT_FOUND", await PostAsync("predict", "{}", HttpStatusCode.NotFound), StringComparison.Ordinal);
        _client.DefaultRequestHeaders.Remove("x-goog-api-key");
        Assert.Contains("API key not valid", await PostAsync("generateContent", "{}", HttpStatusCode.BadRequest), StringComparison.Ordinal);
    }

    private async Task<string> PostAsync(string action, string body, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var response = await _client.PostAsync(
            new Uri($"/v1beta/models/sim-gemini:{action}", UriKind.Relative), new StringContent(body, Encoding.UTF8, "application/json"), Cancellation);
        Assert.Equal(expected, response.StatusCode);
        return await response.Content.ReadAsStringAsync(Cancellation);
    }
}
