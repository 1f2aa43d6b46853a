using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Tests.Programs.Faults;
using Xunit;
using static OrleansGateway.Tests.Integration.Edge.Cases.Wire;

namespace OrleansGateway.Tests.Integration.Edge.Cases;

/// <summary>Answers that are not streamed and larger than is kept: they go out as they come, their end once it is paid for.</summary>
public sealed partial class CaseTests
{
    private const int MiB = 1024 * 1024;
    private const string Embed = """{"model":"test-model","input":"hello","encoding_format":"float"}""";
    private const string Draw = """{"model":"test-model","prompt":"a cat","n":2}""";

    /// <summary>Far less than an answer has that goes out as it comes.</summary>
    private static readonly KeyValuePair<string, string?> LittleRoom = new("Edge:MaxAnswerBytes", "65536");

    private static readonly string Vectors = string.Join(',', Enumerable.Range(0, 400).Select(static i =>
        $$"""{"object":"embedding","index":{{i}},"embedding":[{{string.Join(',', Enumerable.Range(0, 1536).Select(n => "-0.0" + (1_000_000 + (n * i % 9_000_000)).ToString(CultureInfo.InvariantCulture)))}}]}"""));

    private static string Embeddings => $$$"""{"object":"list","data":[{{{Vectors}}}],"model":"up-m1","usage":{"prompt_tokens":7,"total_tokens":7,"cost":0.5}}""";

    [Fact]
    public async Task LargeAnswer_OfVectors_GoesOnAsItComesAndIsCharged()
    {
        await using var run = await Run.StartAsync(_ => [Step.Send(Http(Embeddings))], _ => [], settings: [LittleRoom]);
        using var response = await PostAsync(run, "/v1/embeddings", Embed);
        Assert.Equal((HttpStatusCode.OK, "application/json", null), (response.StatusCode, response.Content.Headers.ContentType!.MediaType, response.Content.Headers.ContentLength));
        var text = await response.TextAsync();
        Assert.True(text.Length > 5 * MiB);
        Assert.Equal($$$"""{"data":[{{{Vectors}}}],"object":"list","model":"test-model","usage":{"prompt_tokens":7,"total_tokens":7}}""", text);
        Assert.Equal((7000, false, RequestStatus.Completed), (run.Settled.CostNanos, run.Settled.Usage.IsEstimated, run.Settled.Status));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task LargeAnswer_OfPictures_GoesOnAsItComesAndIsCharged(bool isUsageFirst)
    {
        var picture = new string('A', (5 * MiB / 2) + 1);
        var pictures = $"\"data\":[{{\"b64_json\":\"{picture}\"}},{{\"b64_json\":\"{picture}\"}}]";
        const string Usage = """ "usage":{"input_tokens":5,"output_tokens":20,"total_tokens":25,"cost":1}""";
        var sent = isUsageFirst ? $$"""{"created":1,{{Usage}},{{pictures}}}""" : $$"""{"created":1,{{pictures}},{{Usage}}}""";
        await using var run = await Run.StartAsync(_ => [Step.Send(Http(sent))], _ => [], model: SoldByPicture, settings: [LittleRoom]);
        using var response = await PostAsync(run, "/v1/images/generations", Draw);
        var answer = JsonNode.Parse(await response.TextAsync())!;
        Assert.Equal([picture, picture], answer["data"]!.AsArray().Select(one => (string?)one!["b64_json"]));
        Assert.Equal((1, """{"input_tokens":5,"output_tokens":20,"total_tokens":25}"""), ((int)answer["created"]!, answer["usage"]!.ToJsonString()));
        Assert.Equal((2, 20, false), (run.Settled.Usage[Unit.Images], run.Settled.Usage[Unit.ImageOutput], run.Settled.Usage.IsEstimated));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task LargeAnswer_OfProbabilities_GoesOnAndTellsTheUsageThatIsCharged(bool hasUsage)
    {
        var logprobs = string.Join(',', Enumerable.Repeat("""{"token":"\"]}","logprob":-0.1,"top_logprobs":[{"token":"a","logprob":-2}]}""", 2000));
        var choices = $$"""[{"index":0,"message":{"role":"assistant","content":"{{new string('a', 400)}}"},"logprobs":{"content":[{{logprobs}}]},"finish_reason":"stop"}]""";
        var sent = $$"""{"id":"c1","object":"chat.completion","model":"up","choices":{{choices}}{{(hasUsage ? $",\"usage\":{Usage(5, 100)}" : "")}} }""";
        await using var run = await Run.StartAsync(_ => [Step.Send(Http(sent))], _ => [], settings: [LittleRoom]);
        var answer = await run.WholeAsync();
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(choices), answer["choices"]));
        Assert.Equal(("c1", "test-model", 100), ((string?)answer["id"], (string?)answer["model"], (int)answer["usage"]!["completion_tokens"]!));
        Assert.Equal((100, !hasUsage), (run.Settled.Usage.TotalOutput, run.Settled.Usage.IsEstimated));
    }

    [Fact]
    public async Task LargeAnswer_OfAProviderWithItsOwnReasonsToEnd_EndsForOneThatClientsKnow()
    {
        var message = $$"""{"role":"assistant","content":"{{new string('a', 2 * MiB)}}"}""";
        var sent = Http(Whole(Usage(5, 100), message).Replace("\"stop\"", "\"sensitive\"", StringComparison.Ordinal));
        await using var backend = new Backend(_ => [Step.Send(sent)]);
        await using var edge = await EdgeFixture.StartAsync(provider: (_, provider) => (provider["kind"], provider["base_url"]) = ("zhipu", backend.Url));
        using var response = await edge.PostAsync(Run.Body(stream: false));
        var choice = JsonNode.Parse(await response.TextAsync())!["choices"]![0]!;
        Assert.Equal(("content_filter", 2 * MiB), ((string?)choice["finish_reason"], ((string)choice["message"]!["content"]!).Length));
    }

    [Fact]
    public async Task LargeAnswer_WhoseSettlementFails_LacksItsEnd()
    {
        await using var run = await Run.StartAsync(_ => [Step.Send(Http(Embeddings))], _ => []);
        run.Edge.Account.OnSettle = request => Task.FromResult(new SettleAnswer(SettleOutcome.ClosedByLease, 1, 0, 0));
        using var response = await PostAsync(run, "/v1/embeddings", Embed);
        await Assert.ThrowsAnyAsync<Exception>(() => response.TextAsync());
    }

    /// <summary>What the client has got is charged; no other channel is asked.</summary>
    [Fact]
    public async Task LargeAnswer_ThatBreaksOff_BreaksAtTheClient()
    {
        await using var run = await Run.StartAsync(_ => [Step.Send(Http(Embeddings)[..(3 * MiB)])], _ => [Step.Send(Http(Embeddings))]);
        using var response = await PostAsync(run, "/v1/embeddings", Embed);
        await Assert.ThrowsAnyAsync<Exception>(() => response.TextAsync());
        await Load.UntilAsync(() => !run.Edge.Account.Settled.IsEmpty, "the settlement");
        Assert.Equal((0, true, RequestStatus.ProviderError), (run.B.Requests.Count, run.Settled.Usage.IsEstimated, run.Settled.Status));
        Assert.InRange(run.Settled.CostNanos, 1, 7000);
    }

    /// <summary>A client that has read a part of the pictures hangs up: under cancel all that was asked for is charged, drained what came.</summary>
    [Theory]
    [InlineData(false, 2)]
    [InlineData(true, 1)]
    public async Task LargeAnswer_WhoseClientHangsUp_EndsOrIsDrained(bool drain, int pictures)
    {
        var (gone, closed) = (new TaskCompletionSource(), new TaskCompletionSource());
        var rest = drain ? Step.Send(new string('A', 2 * MiB) + "\"}]}") : Step.AwaitClose(closed);
        await using var run = await Run.StartAsync(
            _ => [Step.Send(Http("""{"created":1,"data":[{"b64_json":" """.TrimEnd()) + new string('A', 3 * MiB)), Step.Await(gone.Task), rest],
            _ => [],
            channel =>
            {
                Patient(channel);
                channel["on_client_gone"] = drain ? new JsonObject { ["drain"] = new JsonObject { ["max_ms"] = 60_000, ["max_tokens"] = 1000 } } : "cancel";
            },
            SoldByPicture,
            LittleRoom);
        using (var response = await PostAsync(run, "/v1/images/generations", Draw))
        {
            await using var body = await response.Content.ReadAsStreamAsync(Cancellation);
            await body.ReadExactlyAsync(new byte[2 * MiB], Cancellation);
        }

        await run.Edge.ClientGone.Task.WaitAsync(Cancellation);
        gone.SetResult();
        await Load.UntilAsync(() => !run.Edge.Account.Settled.IsEmpty, "the settlement");
        Assert.Equal((pictures, true), (run.Settled.Usage[Unit.Images], run.Settled.Usage.IsEstimated));
        Assert.InRange(run.Settled.CostNanos, 1, run.Edge.Account.Admitted.Single().MostNanos);
        await (drain ? Task.CompletedTask : closed.Task.WaitAsync(Cancellation));
    }

    [Theory]
    [InlineData("""{"status":"ok","pad":"#"}""")]
    [InlineData("""{"error":{"message":"#","code":503}}""")]
    [InlineData("""{"pad":"#","error":{"message":"x","code":503}}""")]
    [InlineData("<p>#")]
    public async Task LargeAnswer_ThatIsNone_IsTheNextChannels(string sent)
    {
        await using var run = await RunAsync(Step.Send(Http(sent.Replace("#", new string('x', 2 * MiB), StringComparison.Ordinal))));
        Assert.Equal(OfB, (string?)(await run.WholeAsync())["choices"]![0]!["message"]!["content"]);
        Assert.Equal(50_000, run.Settled.CostNanos);
    }

    /// <summary>What is changed in its depth is kept whole: a call that lacks its id has one.</summary>
    [Fact]
    public async Task LargeAnswer_WithToolsToBeMended_IsKeptWholeAndMended()
    {
        var message = $$$"""{"role":"assistant","content":"{{{new string('a', 2 * MiB)}}}","tool_calls":[{"type":"function","function":{"name":"f","arguments":"{}"}}]}""";
        await using var run = await RunAsync(Step.Send(Http(Whole(Usage(5, 1), message))));
        var answer = await run.WholeAsync(body => body["tools"] = JsonNode.Parse("""[{"type":"function","function":{"name":"f"}}]"""));
        Assert.NotEmpty((string)answer["choices"]![0]!["message"]!["tool_calls"]![0]!["id"]!);
        Assert.Equal(9000, run.Settled.CostNanos);
    }

    private static void SoldByPicture(JsonObject model) =>
        model["prices"]![0]!["per_image"] = "0.01";

    private static Task<HttpResponseMessage> PostAsync(Run run, string path, string body) => run.Edge.Client.SendAsync(
        new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") },
        HttpCompletionOption.ResponseHeadersRead,
        Cancellation);
}
