using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using OrleansGateway.Tests.Integration.Edge.Cases;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Golden;

/// <summary>
/// Each front before each provider: what the provider is sent, and what the client gets of its answer, as the file beside this says.
/// <c>GOLDEN=write</c> in the environment writes the files anew; read the difference.
/// </summary>
public sealed partial class GoldenTests
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, IndentSize = 1, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly string[] Exchanges =
        ["text", "streamed-text", "tool", "parallel-tools", "streamed-tool", "image", "reasoning", "schema", "stop", "error-before", "error-in-stream"];

    public static TheoryData<string, string> Pairs()
    {
        var data = new TheoryData<string, string>();
        foreach (var front in (string[])["openai", "anthropic", "gemini"])
        {
            foreach (var back in (string[])["openai", "anthropic", "gemini"])
            {
                data.Add(front, back);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Exchanges_OfEachFrontWithEachProvider_AreAsReviewed(string front, string back)
    {
        var text = new StringBuilder();
        foreach (var exchange in Exchanges)
        {
            text.Append("=== ").Append(exchange).Append("\n\n").Append(await RunAsync(front, back, exchange)).Append('\n');
        }

        var path = PathOf($"{front}-before-{back}.txt");
        if (Environment.GetEnvironmentVariable("GOLDEN") == "write")
        {
            await File.WriteAllTextAsync(path, text.ToString(), TestContext.Current.CancellationToken);
        }

        Assert.Equal(await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken), text.ToString());
    }

    private static async Task<string> RunAsync(string front, string back, string exchange)
    {
        await using var provider = new Backend(_ => [Step.Send(GoldenAnswers.Of(back, exchange))]);
        await using var edge = await EdgeFixture.StartAsync(
            provider: (_, fields) => (fields["kind"], fields["base_url"]) = (back, provider.Url),
            channel: (_, fields) => fields["models"] = new JsonObject { ["test-model"] = "up" },
            model: model =>
            {
                model["modalities"] = new JsonObject { ["input"] = new JsonArray("text", "image") };
                model["bounds"] = new JsonObject { ["image_tokens"] = 2000 };
            });
        var (url, body) = GoldenRequests.Of(front, exchange);
        using var response = await edge.Client.PostAsync(url, new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        var got = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var sent = Assert.Single(provider.Requests);
        var settled = Assert.Single(edge.Account.Settled);
        return Scrubbed(
            $"""
            The provider gets {sent[..sent.IndexOf(" HTTP", StringComparison.Ordinal)]}
            {Shown(sent[(sent.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..])}

            The client gets {(int)response.StatusCode} {response.Content.Headers.ContentType}
            {Shown(got)}

            Charged: {settled.Usage}

            """.ReplaceLineEndings("\n"));
    }

    /// <summary>JSON one member a line, anything else as it is.</summary>
    private static string Shown(string body)
    {
        try
        {
            return JsonNode.Parse(body)!.ToJsonString(Indented);
        }
        catch (JsonException)
        {
            return body.TrimEnd('\n');
        }
    }

    /// <summary>The same without what differs from run to run.</summary>
    private static string Scrubbed(string text) => OwnTime().Replace(OwnId().Replace(text, "$1…"), "$1…");

    private static string PathOf(string name, [CallerFilePath] string own = "") => Path.Combine(Path.GetDirectoryName(own)!, name);

    /// <summary>Ids that the gateway makes.</summary>
    [GeneratedRegex("((?:req|chatcmpl-req|msg_req|call|toolu|msg|resp|gen)[_-])(?:[0-9A-Za-z]{16,}|[0-9a-f]{32})")]
    private static partial Regex OwnId();

    [GeneratedRegex("(\"created\": ?)[1-9][0-9]{8,}")]
    private static partial Regex OwnTime();
}
