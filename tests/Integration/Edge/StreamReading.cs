using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>Reads streams the way a client does.</summary>
internal static class StreamReading
{
    /// <summary>The payloads of a stream's data events.</summary>
    public static IEnumerable<string> Payloads(string text) =>
        text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)
            .Select(block => block.Split('\n').Where(line => line.StartsWith("data: ", StringComparison.Ordinal)).ToList())
            .Where(lines => lines.Count > 0)
            .Select(lines => string.Join('\n', lines.Select(line => line["data: ".Length..])));

    /// <summary>The text that all chunks give together.</summary>
    public static string Content(string text)
    {
        var content = new StringBuilder();
        foreach (var payload in Payloads(text).Where(payload => payload.StartsWith('{')))
        {
            content.Append((string?)JsonNode.Parse(payload)?["choices"]?.AsArray().FirstOrDefault()?["delta"]?["content"]);
        }

        return content.ToString();
    }

    public static async Task<string> TextAsync(this HttpResponseMessage response) =>
        await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

    /// <summary>What came of a stream that is cut: its body ends with an error and without its end marker.</summary>
    public static async Task<string> CutTextAsync(this HttpResponseMessage response)
    {
        var text = await response.TextAsync();
        Assert.NotNull(JsonNode.Parse(Payloads(text).Last())!["error"]);
        Assert.DoesNotContain("[DONE]", text, StringComparison.Ordinal);
        return text;
    }

    /// <summary>The error object of a refusal, which always has its four fields.</summary>
    public static async Task<JsonObject> ErrorAsync(this HttpResponseMessage response)
    {
        var text = await response.TextAsync();
        var error = JsonNode.Parse(text)?["error"]?.AsObject();
        Assert.True(error is not null, text);
        Assert.True(error.ContainsKey("message") && error.ContainsKey("type") && error.ContainsKey("param") && error.ContainsKey("code"), text);
        return error;
    }

    public static string? Header(this HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? string.Join(",", values) : null;
}
