using System.Net;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using Xunit;
using static OrleansGateway.Tests.Integration.Edge.Cases.Wire;

namespace OrleansGateway.Tests.Integration.Edge.Cases;

/// <summary>What no report tells of, of the same kinds: usage in odd places, frames that are cut or dressed oddly, errors that look like answers.</summary>
public sealed partial class CaseTests
{
    private static readonly string Plain = Text("a") + Text("b") + Fin() + Use(5, 2) + Done;

    /// <summary>Streams of "ab" that use 5 and 2 tokens, however their frames look.</summary>
    public static TheoryData<string, string> OddFrames => new()
    {
        { "a byte order mark", Stream("\uFEFF", Plain) },
        { "CR line ends", Stream(Plain.Replace('\n', '\r')) },
        { "no blank after the colon", Stream(Plain.Replace("data: ", "data:", StringComparison.Ordinal)) },
        { "an event in two data lines", Stream(Plain.Replace(",\"choices\"", ",\ndata: \"choices\"", StringComparison.Ordinal)) },
        { "no blank line after the end marker", Stream(Plain[..^2]) },
        { "no line end after the last event", Stream(Plain[..^(Done.Length + 2)]) },
        { "two end markers", Stream(Plain, Done) },
        { "something after the end marker", Stream(Plain, Text("c"), "<p>") },
        { "empty frames", Stream("data:\n\n", Text("a"), "data: \n\n", "data: {}\n\n", Text("b"), Fin(), Use(5, 2), Done) },
        { "a named ping", Stream("event: ping\ndata: {}\n\n", Plain) },
        { "the type in other letters", Http(Plain, type: "Text/Event-Stream; Charset=UTF-8") },
        { "no type", Http(Plain, type: "application/octet-stream") },
        { "usage twice in a chunk", Stream(Text("a"), Text("b"), Fin(), Use(5, 2).Replace("\"choices\":[]", "\"usage\":null,\"choices\":[]", StringComparison.Ordinal), Done) },
        { "no choices beside the usage", Stream(Text("a"), Text("b"), Fin(), Use(5, 2).Replace("\"choices\":[],", "", StringComparison.Ordinal), Done) },
        { "choices of null beside the usage", Stream(Text("a"), Text("b"), Fin(), Use(5, 2).Replace("\"choices\":[]", "\"choices\":null", StringComparison.Ordinal), Done) },
        { "usage in Groq's own member", Stream(Text("a"), Text("b"), Fin().Replace("}\n", $",\"x_groq\":{{\"id\":\"r1\",\"usage\":{Usage(5, 2)}}}}}\n", StringComparison.Ordinal), Done) },
        { "usage of null in each chunk", Stream(Text("a", "null"), Text("b", "null"), Fin("null"), Use(5, 2), Done) },
        { "the reason to end as an empty text until then", Stream(Text("a").Replace("null", "\"\"", StringComparison.Ordinal), Text("b").Replace("null", "\"\"", StringComparison.Ordinal), Fin(), Use(5, 2), Done) },
        { "the reason to end twice", Stream(Text("a"), Text("b"), Fin(), Fin(), Use(5, 2), Done) },
        { "the reason to end beside the last text", Stream(Text("a"), Text("b").Replace("null", "\"stop\"", StringComparison.Ordinal), Use(5, 2), Done) },
        { "text after the reason to end", Stream(Text("a"), Fin(), Text("b"), Use(5, 2), Done) },
        { "filter results first", Stream("""data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}""" + "\n\n", Plain) },
        { "an error of null in each chunk", Stream(Plain.Replace(",\"choices\"", ",\"error\":null,\"choices\"", StringComparison.Ordinal)) },
        { "a choice without its index", Stream(Plain.Replace("\"index\":0,", "", StringComparison.Ordinal)) },
        { "chunks without id, kind and time", Stream(Plain.Replace("\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,", "", StringComparison.Ordinal)) },
        { "the whole message beside each delta", Stream(Plain.Replace("\"finish_reason\"", "\"message\":{\"role\":\"assistant\",\"content\":\"a\"},\"finish_reason\"", StringComparison.Ordinal)) },
        { "tool calls of null", Stream(Plain.Replace("\"content\":", "\"tool_calls\":null,\"function_call\":null,\"content\":", StringComparison.Ordinal)) },
        { "no tool calls", Stream(Plain.Replace("\"content\":", "\"tool_calls\":[],\"content\":", StringComparison.Ordinal)) },
        { "a delta of null", Stream(Text("a"), Delta("null"), Text("b"), Fin(), Use(5, 2), Done) },
    };

    [Theory]
    [MemberData(nameof(OddFrames))]
    public async Task Stream_WithOddFrames_ReachesTheClientAndIsChargedAsReported(string what, string sent)
    {
        await using var run = await RunAsync(Step.Send(sent));
        var answer = await run.StreamAsync(includeUsage: true);
        Assert.Equal((what, "ab"), (what, StreamReading.Content(answer)));
        Assert.EndsWith(Done, answer, StringComparison.Ordinal);
        Assert.Equal((what, 13_000, false, RequestStatus.Completed), (what, run.Settled.CostNanos, run.Settled.Usage.IsEstimated, run.Settled.Status));
        var chunks = StreamReading.Payloads(answer).SkipLast(1).Select(payload => JsonNode.Parse(payload)!).ToList();
        Assert.All(chunks, static chunk => Assert.Equal("test-model", (string?)chunk["model"]));
        Assert.Equal((0, 5), (chunks[^1]["choices"]!.AsArray().Count, (int)chunks[^1]["usage"]!["prompt_tokens"]!));
    }

    [Theory]
    [InlineData("\r\n")]
    [InlineData("\r")]
    public async Task Stream_WhoseLineEndsAreCut_IsTheSame(string end)
    {
        var (head, body) = (Stream(), Plain);
        await using var run = await RunAsync(Step.Send(head), Step.Trickle(body.Replace("\n", end, StringComparison.Ordinal)));
        Assert.Equal("ab", StreamReading.Content(await run.StreamAsync()));
        Assert.Equal(13_000, run.Settled.CostNanos);
    }

    /// <summary>What is told first cannot be all: what comes after it counts.</summary>
    [Fact]
    public async Task Usage_ToldBeforeTheText_IsNotTheLast()
    {
        await using var run = await RunAsync(Step.Send(Stream(Use(5, 0), Text(new string('x', 400)), Fin(), Done)));
        await run.StreamAsync();
        Assert.Equal((5, 100, true), (run.Settled.Usage.TotalInput, run.Settled.Usage.TotalOutput, run.Settled.Usage.IsEstimated));
    }

    /// <summary>Whole answers of "hi" that use 5 and 2 tokens, however they look.</summary>
    public static TheoryData<string, string> OddAnswers => new()
    {
        { "a byte order mark", Http("\uFEFF" + Whole(Usage(5, 2))) },
        { "blank lines around", Http("\n\n \n" + Whole(Usage(5, 2)) + "\r\n\n") },
        { "an error of null", Http(Whole(Usage(5, 2)).Replace("{\"id\"", "{\"error\":null,\"id\"", StringComparison.Ordinal)) },
        { "usage first", Http(Whole(Usage(5, 2)).Replace("{\"id\"", $"{{\"usage\":{Usage(5, 2)},\"id\"", StringComparison.Ordinal).Replace($",\"usage\":{Usage(5, 2)}}}", "}", StringComparison.Ordinal)) },
        { "usage in the choice", Http(Whole("null").Replace("\"finish_reason\":\"stop\"", $"\"finish_reason\":\"stop\",\"usage\":{Usage(5, 2)}", StringComparison.Ordinal)) },
        { "the type of text", Http(Whole(Usage(5, 2)), type: "text/plain") },
        { "tool calls of null", Http(Whole(Usage(5, 2), """{"role":"assistant","content":"hi","tool_calls":null,"function_call":null}""")) },
        { "more than it says", Http(Whole(Usage(5, 2))).Replace("connection: close", $"content-length: {Whole(Usage(5, 2)).Length}\r\nconnection: close", StringComparison.Ordinal) + "HTTP/1.1 500" },
        { "less than it says", Http(Whole(Usage(5, 2))).Replace("connection: close", $"content-length: {Whole(Usage(5, 2)).Length + 9}\r\nconnection: close", StringComparison.Ordinal) },
    };

    [Theory]
    [MemberData(nameof(OddAnswers))]
    public async Task WholeAnswer_OfOddForm_ReachesTheClientAndIsChargedAsReported(string what, string sent)
    {
        await using var run = await RunAsync(Step.Send(sent));
        var answer = await run.WholeAsync();
        Assert.Equal((what, "hi", "test-model"), (what, (string?)answer["choices"]![0]!["message"]!["content"], (string?)answer["model"]));
        Assert.Equal((what, 13_000, false), (what, run.Settled.CostNanos, run.Settled.Usage.IsEstimated));
    }

    /// <summary>Errors that look like answers, and answers that are none: nothing of them is seen or charged, and B answers.</summary>
    public static TheoryData<string, bool, string> OddFailures => new()
    {
        { "an event that is called an error", true, Stream("event: error\ndata: {\"message\":\"x\"}\n\n", Done) },
        { "a code and a message", true, Stream("data: {\"code\":\"InternalError\",\"message\":\"x\",\"request_id\":\"r\"}\n\n") },
        { "an error as a text", true, Stream("data: {\"error\":\"overloaded\"}\n\n") },
        { "a detail", true, Stream("data: {\"detail\":\"x\"}\n\n", Done) },
        { "another protocol's error", true, Stream("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n") },
        { "plain words as data", true, Stream("data: Internal Server Error\n\n") },
        { "plain words", true, Stream("upstream connect error\n") },
        { "the end marker alone", true, Stream(Done) },
        { "an object that is in a list", true, Stream("data: [{\"error\":{\"code\":503,\"message\":\"x\"}}]\n\n") },
        { "no choices and usage", false, Http("{\"id\":\"c1\",\"choices\":[],\"usage\":" + Usage(5, 2) + "}") },
        { "half a body", false, Http(Whole(Usage(5, 2))[..^20]) },
        { "two bodies", false, Http(Whole(Usage(5, 2)) + Whole(Usage(5, 2))) },
        { "a code and a message for a whole answer", false, Http("{\"code\":500,\"message\":\"x\"}") },
        { "a login page", false, Http("<!DOCTYPE html><title>Sign in</title>", type: "application/json") },
        { "nothing, accepted", false, Http("", status: 202) },
        { "no content", false, "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n" },
        { "somewhere else", false, Http("", status: 302, headers: "location: /login\r\n") },
    };

    [Theory]
    [MemberData(nameof(OddFailures))]
    public async Task Error_InOddDress_IsTheNextChannels(string what, bool stream, string sent)
    {
        await using var run = await RunAsync(Step.Send(sent));
        var answer = stream ? StreamReading.Content(await run.StreamAsync()) : (string?)(await run.WholeAsync())["choices"]![0]!["message"]!["content"];
        Assert.Equal((what, OfB), (what, answer));
        Assert.Equal(50_000, run.Settled.CostNanos);
    }

    /// <summary>The same after content: one error, no end, charged for what came.</summary>
    [Theory]
    [InlineData("event: error\ndata: {\"message\":\"x\"}\n\n")]
    [InlineData("data: {\"code\":\"InternalError\",\"message\":\"x\"}\n\n")]
    [InlineData("data: {\"error\":\"overloaded\"}\n\n")]
    [InlineData("data: {\"detail\":\"x\"}\n\n")]
    [InlineData("data: Internal Server Error\n\n")]
    [InlineData("data: [{\"error\":{\"code\":503,\"message\":\"x\"}}]\n\n")]
    public async Task Error_InOddDress_AfterContent_EndsTheStream(string sent)
    {
        await using var run = await RunAsync(Step.Send(Stream(Text("a"), sent, Done)));
        var payloads = StreamReading.Payloads(await run.StreamAsync()).ToList();
        Assert.NotNull(JsonNode.Parse(payloads[^1])!["error"]);
        Assert.Equal((2, true), (payloads.Count, run.Settled.CostNanos > 0));
        Assert.NotEqual(RequestStatus.Completed, run.Settled.Status);
    }

    /// <summary>Tool calls whose index is a text, or comes with its arguments left out.</summary>
    [Theory]
    [InlineData("0 t1 f {\"a\":1}", "\"index\":\"0\",\"id\":\"t1\",", "\"{\\\"a\\\":1}\"")]
    [InlineData("0 t1 f ", "\"index\":0,\"id\":\"t1\",", "null")]
    [InlineData("0 t1 f {\"a\":1}", "\"index\":null,\"id\":\"t1\",", "\"{\\\"a\\\":1}\"")]
    public async Task ToolCall_WithOddMembers_IsMended(string calls, string head, string arguments)
    {
        await using var run = await RunAsync(Step.Send(Stream(Delta(Tool(head, arguments)), Fin(), Use(5, 1), Done)));
        Assert.Equal(calls, Joined(await run.StreamAsync()));
        Assert.Equal(9000, run.Settled.CostNanos);
    }

    [Fact]
    public async Task C010_LongToolArguments_ArriveWholeAndWhatIsLongerThanAnyEventIsAnError()
    {
        var arguments = new string('x', 3 * MiB / 2);
        await using var run = await RunAsync(Step.Send(Stream(Delta(Tool("\"index\":0,\"id\":\"t1\",", $"\"{arguments}\"")), Fin(), Use(5, 1), Done)));
        Assert.Equal($"0 t1 f {arguments}", Joined(await run.StreamAsync()));
        await using var endless = await RunAsync(Step.Send(Stream(Text("a"), "data: ", new string('x', 33 * MiB))));
        Assert.NotNull(JsonNode.Parse(StreamReading.Payloads(await endless.StreamAsync()).Last())!["error"]);
    }

    [Fact]
    public async Task C011_ToolArgumentsCutByTheNetwork_ArriveWhole()
    {
        await using var run = await RunAsync(Step.Trickle(Stream(Delta(Tool("\"index\":0,\"id\":\"t1\",", "\"{\\\"a\\\":\\\"中🙂é\\\"}\"")), Fin(), Use(5, 1), Done)));
        Assert.Equal("0 t1 f {\"a\":\"中🙂é\"}", Joined(await run.StreamAsync()));
    }

    [Fact]
    public async Task C013_Stream_IsNeverCompressedOrChangedOnItsWay()
    {
        await using var run = await RunAsync(Step.Send(HealthyStream));
        using var response = await run.PostAsync(stream: true, static request => request.Headers.Add("Accept-Encoding", "gzip, br, deflate"));
        Assert.Empty(response.Content.Headers.ContentEncoding);
        Assert.Equal((true, true), (response.Headers.CacheControl!.NoCache, response.Headers.CacheControl.NoTransform));
        Assert.Equal(OfB, StreamReading.Content(await response.TextAsync()));
    }

    [Fact]
    public async Task C058_LongErrorPage_IsAnErrorInOurForm()
    {
        var page = Http("<p>" + new string('x', MiB), 500, type: "text/html");
        await using var run = await RunAsync([Step.Send(page)], [Step.Send(page)]);
        using var response = await run.PostAsync(stream: false);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.DoesNotContain("xxx", (string?)(await response.ErrorAsync())["message"], StringComparison.Ordinal);
    }

    /// <summary>A conversation stays on its channel until that is disabled.</summary>
    [Fact]
    public async Task C064_Conversation_LeavesADisabledChannelAtOnce()
    {
        await using var edge = await EdgeFixture.StartAsync(3, channel: static (_, channel) => channel["priority"] = 0);
        async Task<string> AskAsync()
        {
            using var response = await edge.PostAsync(EdgeFixture.Body(), request => request.Headers.Add("session-id", "one"));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            return edge.Account.Settled.Last().Ticket.Channel;
        }

        var first = await AskAsync();
        for (var i = 0; i < 8; i++)
        {
            Assert.Equal(first, await AskAsync());
        }

        edge.Publish((index, channel) => channel["enabled"] = first != $"channel-{index}");
        Assert.NotEqual(first, await AskAsync());
    }
}
