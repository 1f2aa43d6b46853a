using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using OrleansGateway.Tests.Integration.Edge.Cases;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Fuzz;

/// <summary>
/// Requests to every front before every kind of provider, and answers of these, changed at random. <c>FUZZ_REQUESTS</c> says how many, for each
/// front and kind; <c>FUZZ_SEED</c> with which seed they begin.
/// </summary>
public sealed class FuzzTests
{
    private static readonly int Count = Setting("FUZZ_REQUESTS", 8);
    private static readonly int Seed = Setting("FUZZ_SEED", 1);

    public static TheoryData<string, bool> Backs
    {
        get
        {
            var backs = new TheoryData<string, bool>();
            foreach (var back in new[] { "openai", "responses", "anthropic", "gemini" })
            {
                backs.Add(back, true);
                backs.Add(back, false);
            }

            return backs;
        }
    }

    [Theory]
    [MemberData(nameof(Backs))]
    public async Task Request_ThatIsChanged_IsAnsweredOrRefusedAndLeavesNothingHeld(string back, bool isSold)
    {
        await using var backend = new Backend(request => Answer(request, null));
        await using var edge = await StartAsync(backend, back, isSold);
        await RunAsync(edge, Count, Samples.Requests, async (front, random) =>
        {
            var bytes = Changed(front.Sample[random.Next(front.Sample.Length)], random);
            using var response = await PostAsync(edge, front.Path, bytes, random);
            var text = await response.TextAsync();
            var status = (int)response.StatusCode;
            Assert.True(status == 200 || status is >= 400 and < 500, $"{status} {text}");
            if (status != 200)
            {
                AssertError(front.Path, text);
            }
        });
    }

    [Theory]
    [MemberData(nameof(Backs))]
    public async Task Answer_ThatIsChanged_IsPassedOnOrTheProvidersFailureAndLeavesNothingHeld(string back, bool isSold)
    {
        var seed = Seed;
        await using var backend = new Backend(request => Answer(request, new Random(Interlocked.Increment(ref seed))));
        await using var edge = await StartAsync(backend, back, isSold);
        await RunAsync(edge, Count, Samples.Requests, async (front, random) =>
        {
            using var response = await PostAsync(edge, front.Path, Encoding.UTF8.GetBytes(front.Sample[random.Next(front.Sample.Length)]), random);
            var text = await response.TextAsync();
            var status = (int)response.StatusCode;
            Assert.True(status is >= 200 and < 600 and not 500, $"{status} {text}");
            if (status != 200)
            {
                AssertError(front.Path, text);
            }
        });
    }

    /// <summary>Forms, and what is none any more.</summary>
    [Fact]
    public async Task Form_ThatIsChanged_IsAnsweredOrRefusedAndLeavesNothingHeld()
    {
        await using var backend = new Backend(request => Answer(request, null));
        await using var edge = await StartAsync(backend, "openai", isSold: true);
        await RunAsync(edge, Count * 8, FormSamples.Forms, async (form, random) =>
        {
            var (type, body) = FormSamples.Changed(form.Sample, random);
            var request = new HttpRequestMessage(HttpMethod.Post, form.Path) { Content = new ByteArrayContent(body) };
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
            using var response = await edge.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
            var text = await response.TextAsync();
            var status = (int)response.StatusCode;
            Assert.True(status == 200 || status is >= 400 and < 500, $"{status} {text}");
            if (status != 200)
            {
                AssertError(form.Path, text);
            }
        });
    }

    /// <summary>What a provider says it costs there, nobody is told.</summary>
    [Theory]
    [InlineData("openai")]
    [InlineData("responses")]
    [InlineData("anthropic")]
    [InlineData("gemini")]
    public async Task Answer_WithTheProvidersCost_DoesNotTellIt(string back)
    {
        await using var backend = new Backend(request => Answer(request, null));
        await using var edge = await StartAsync(backend, back, isSold: true);
        var answered = 0;
        foreach (var (path, body) in Samples.Requests.SelectMany(front => front.Bodies.SelectMany(body => new[] { (front.Path, body), (front.Path, body.Replace("\"stream\":true,", "", StringComparison.Ordinal)) })))
        {
            using var response = await PostAsync(edge, path, Encoding.UTF8.GetBytes(body.Replace("\"stream_options\":{\"include_usage\":true},", "", StringComparison.Ordinal)), null);
            var text = await response.TextAsync();
            answered += response.IsSuccessStatusCode ? 1 : 0;
            Assert.DoesNotContain("\"cost\"", text, StringComparison.Ordinal);
        }

        Assert.InRange(answered, 10, int.MaxValue);
    }

    private static async Task RunAsync<T>(EdgeFixture edge, int count, IReadOnlyList<(string Path, T Sample)> samples, Func<(string Path, T Sample), Random, Task> ask)
    {
        await Parallel.ForEachAsync(
            Enumerable.Range(0, count * samples.Count),
            new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = TestContext.Current.CancellationToken },
            async (number, _) =>
            {
                var seed = Seed + number;
                try
                {
                    await ask(samples[number % samples.Count], new Random(seed));
                }
                catch (Exception exception)
                {
                    throw new InvalidOperationException($"FUZZ_SEED={seed} {samples[number % samples.Count].Path}: {Errors(edge)}", exception);
                }
            });
        Assert.Equal("", Errors(edge));
        Assert.NotEmpty(edge.Account.Settled);
        Assert.Equal(edge.Account.Admitted.Count, edge.Account.Settled.Count);
        Assert.Equal(0, edge.Accounts.OpenHolds);
    }

    private static string Errors(EdgeFixture edge) =>
        string.Join('\n', edge.Log.Lines.Where(line => line.Level >= LogLevel.Error && !line.Text.Contains("channel", StringComparison.OrdinalIgnoreCase)).Select(line => line.Text));

    private static byte[] Changed(string body, Random random)
    {
        var tree = JsonTree.Parse(body);
        for (var changes = random.Next(5); changes > 0; changes--)
        {
            tree.Mutate(random);
        }

        var bytes = Encoding.UTF8.GetBytes(tree.ToString());
        for (var changes = random.Next(5) == 0 ? random.Next(1, 4) : 0; changes > 0; changes--)
        {
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        }

        return random.Next(20) == 0 ? bytes[..random.Next(bytes.Length)] : bytes;
    }

    private static async Task<HttpResponseMessage> PostAsync(EdgeFixture edge, string path, byte[] body, Random? random)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        if (random?.Next(4) == 0)
        {
            request.Headers.Add("anthropic-beta", "context-1m-2025-08-07, interleaved-thinking-2025-05-14");
        }

        return await edge.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
    }

    /// <summary>An error in the form of its front, which says something.</summary>
    private static void AssertError(string path, string text)
    {
        var root = JsonNode.Parse(text);
        var error = (root is JsonArray list ? list[0]! : root!)["error"]!;
        Assert.NotEmpty((string)error["message"]!);
        if (path.StartsWith("/v1/messages", StringComparison.Ordinal))
        {
            Assert.Equal("error", (string?)root!["type"]);
        }
        else if (path.StartsWith("/v1beta", StringComparison.Ordinal))
        {
            Assert.NotEmpty((string)error["status"]!);
        }
        else
        {
            Assert.NotEmpty((string)error["type"]!);
        }
    }

    private static Step[] Answer(string request, Random? random)
    {
        var (line, body) = (request[..request.IndexOf('\r', StringComparison.Ordinal)], request[(request.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
        var (_, whole, events) = Samples.Answers.First(answer => line.Contains(answer.Path, StringComparison.Ordinal));
        var isStream = events.Length > 0
            && (line.Contains("streamGenerateContent", StringComparison.Ordinal) || line.Contains("/speech", StringComparison.Ordinal) || body.Contains("\"stream\":true", StringComparison.Ordinal));
        if (body.Contains("\r\n\r\ntext\r\n", StringComparison.Ordinal))
        {
            // A form that asks for text.
            return [Step.Send(Wire.Http("hi", type: "text/plain"))];
        }

        if (random is null)
        {
            return [Step.Send(isStream ? Wire.Stream(Events(events)) : Wire.Http(whole))];
        }

        isStream = random.Next(8) == 0 ? events.Length > 0 : isStream;
        events = [.. events.Select(sent => random.Next(3) > 0 || sent[0] != '{' ? sent : Mutated(sent, random)).Where(_ => random.Next(20) > 0)];
        var bytes = Encoding.UTF8.GetBytes(isStream ? Wire.Stream(Events(events)) : Wire.Http(Mutated(whole, random), random.Next(10) == 0 ? 400 : 200));
        for (var changes = random.Next(4) == 0 ? random.Next(1, 4) : 0; changes > 0; changes--)
        {
            // The answer's head stays.
            bytes[random.Next(Math.Min(80, bytes.Length - 1), bytes.Length)] = (byte)random.Next(256);
        }

        return [Step.Send(bytes)];
    }

    private static string Mutated(string json, Random random)
    {
        var tree = JsonTree.Parse(json);
        for (var changes = random.Next(1, 4); changes > 0; changes--)
        {
            tree.Mutate(random);
        }

        return tree.ToString();
    }

    private static string Events(string[] events) => string.Concat(events.Select(sent =>
        JsonName(sent) is { } name ? $"event: {name}\ndata: {sent}\n\n" : $"data: {sent}\n\n"));

    private static string? JsonName(string sent) => sent.StartsWith("{\"type\":\"", StringComparison.Ordinal) ? sent[9..sent.IndexOf('"', 9)] : null;

    /// <param name="isSold">Whether what providers run has prices; what has none is left out.</param>
    private static Task<EdgeFixture> StartAsync(Backend backend, string back, bool isSold) => EdgeFixture.StartAsync(
        provider: (_, provider) =>
        {
            provider["kind"] = back == "responses" ? "openai" : back;
            provider["base_url"] = back == "gemini" ? backend.Url.Replace("/v1/", "/v1beta/", StringComparison.Ordinal) : backend.Url;
        },
        channel: (_, channel) =>
        {
            channel["models"] = new JsonObject { ["test-model"] = back == "anthropic" ? "claude-sonnet-4-6" : "up" };
            channel["unpriced"] = "drop";
            channel["responses"] = back == "responses";
            channel["drop_params"] = isSold ? new JsonArray("seed", "user") : [];
        },
        model: model =>
        {
            model["modalities"] = new JsonObject { ["input"] = new JsonArray("text", "image", "audio", "file"), ["output"] = new JsonArray("text", "image", "audio") };
            var price = model["prices"]![0]!;
            price["per_million"]!["characters"] = 1;
            (price["per_image"], price["per_second"]) = ("0.01", "0.01");
            if (isSold)
            {
                price["per_search"] = "0.01";
                price["service_tiers"] = new JsonObject { ["scale"] = 2 };
            }
        });

    private static int Setting(string name, int fallback) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : fallback;
}
