using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Tests.Integration.Edge.Cases;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Gemini;

/// <summary>The relay between a client and a provider that both speak Gemini; the provider does what a test says.</summary>
internal sealed class GeminiEdge(Backend backend, EdgeFixture edge) : IAsyncDisposable
{
    public const string Upstream = "gemini-upstream";
    public const string Hello = """{"contents":[{"role":"user","parts":[{"text":"Say something."}]}]}""";

    public Backend Backend => backend;

    public EdgeFixture Edge => edge;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<GeminiEdge> StartAsync(
        Func<string, IReadOnlyList<Step>> answer, Action<JsonObject>? model = null, Action<JsonObject>? channel = null, IEnumerable<KeyValuePair<string, string?>>? settings = null)
    {
        var backend = new Backend(answer);
        var edge = await EdgeFixture.StartAsync(
            provider: (_, provider) => (provider["kind"], provider["base_url"]) = ("gemini", backend.Url.Replace("/v1/", "/v1beta/", StringComparison.Ordinal)),
            channel: (_, given) =>
            {
                given["models"] = new JsonObject { ["test-model"] = Upstream };
                channel?.Invoke(given);
            },
            model: model,
            settings: settings);
        return new GeminiEdge(backend, edge);
    }

    /// <summary>A provider that answers everything with one response.</summary>
    public static Task<GeminiEdge> AnsweringAsync(string body, int status = 200, Action<JsonObject>? model = null) =>
        StartAsync(_ => [Step.Send(Wire.Http(body, status))], model);

    /// <summary>A provider that answers everything with these events.</summary>
    public static Task<GeminiEdge> StreamingAsync(params string[] responses) =>
        StartAsync(_ => [Step.Send(Wire.Stream([.. responses.Select(response => $"data: {response}\r\n\r\n")]))]);

    public async Task<HttpResponseMessage> PostAsync(string action, string body = Hello, Action<HttpRequestMessage>? change = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, action.StartsWith('/') ? action : $"/v1beta/models/test-model:{action}")
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        change?.Invoke(request);
        return await edge.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
    }

    public async Task<(int Status, JsonNode Answer)> AskAsync(string action, string body = Hello, Action<HttpRequestMessage>? change = null)
    {
        using var response = await PostAsync(action, body, change);
        return ((int)response.StatusCode, JsonNode.Parse(await response.TextAsync())!);
    }

    public async Task<string> TextAsync(string action, string body = Hello)
    {
        using var response = await PostAsync(action, body);
        return await response.TextAsync();
    }

    /// <summary>The one request that the provider got: its first line and its body.</summary>
    public (string Line, JsonNode Body) Sent()
    {
        var request = Assert.Single(backend.Requests);
        return (request[..request.IndexOf('\r', StringComparison.Ordinal)], JsonNode.Parse(request[(request.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..])!);
    }

    public async ValueTask DisposeAsync()
    {
        await edge.DisposeAsync();
        await backend.DisposeAsync();
    }
}
