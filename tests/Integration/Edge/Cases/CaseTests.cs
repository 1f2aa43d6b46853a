using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using Xunit;
using static OrleansGateway.Tests.Integration.Edge.Cases.Wire;

namespace OrleansGateway.Tests.Integration.Edge.Cases;

/// <summary>
/// What broke at other relays, from public reports: raw bytes of a provider, and what must come of them at the client and in the charge. Prices
/// per million tokens: input $1, cached input $0.10, output $4. A is the first provider, B a healthy one behind it.
/// </summary>
public sealed partial class CaseTests
{
    private const string OfB = "I am B";

    private static readonly string HealthyStream = Stream(Text(OfB), Fin(), Use(10, 10), Done);
    private static readonly string HealthyWhole = Http(Whole(Usage(10, 10), $$"""{"role":"assistant","content":"{{OfB}}"}"""));

    /// <summary>Streams that end well: what A sends, the text that the client gets, and the charge in nanos.</summary>
    public static TheoryData<string, string, string, long> WholeStreams => new()
    {
        { "C005 ids and retry times", Stream("id: 7\n", Text("a"), "retry: 10\n\n", "event: x\n", Text("b"), Fin(), Use(5, 2), Done), "ab", 13_000 },
        { "C007 comments", Stream(": x\n\n", ":\n\n", ": ping - 2\n", Text("a"), Fin(), Use(5, 1), Done), "a", 9_000 },
        { "C008 no end marker", Stream(Text("a"), Fin(), Use(5, 2)), "a", 13_000 },
        { "C019 usage on the last choice", Stream(Text("a"), Fin(Usage(1000, 10, 900)), Done), "a", 230_000 },
        { "C020 usage in the choice", Stream(Text("a"), Fin(choiceUsage: Usage(1000, 10)), Done), "a", 1_040_000 },
        { "C022 cumulative usage", Stream(Text("a", Usage(100, 1)), Text("b", Usage(100, 2)), Text("c", Usage(100, 3)), Fin(Usage(100, 4)), Use(100, 5), Done), "abc", 120_000 },
        { "C023 zero and no output", Stream(Fin(), Use(0, 0), Done), "", 0 },
        { "C034 wholly cached", Stream(Text("a"), Fin(), Use(1000, 5, 1000), Done), "a", 120_000 },
        { "CRLF line ends", Stream(Text("a"), Fin(), Use(5, 2), Done).Replace("\n", "\r\n", StringComparison.Ordinal).Replace("\r\r\n", "\r\n", StringComparison.Ordinal), "a", 13_000 },
    };

    [Theory]
    [MemberData(nameof(WholeStreams))]
    public async Task Stream_ThatIsWhole_ReachesTheClientCleanAndIsCharged(string what, string sent, string text, long nanos)
    {
        await using var run = await RunAsync(Step.Send(sent));
        var answer = await run.StreamAsync(includeUsage: true);
        Assert.Equal((what, text), (what, StreamReading.Content(answer)));
        Assert.EndsWith(Done, answer, StringComparison.Ordinal);
        Assert.All(answer.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.StartsWith("data: {\"id\"", line.Replace("[DONE]", "{\"id\"", StringComparison.Ordinal), StringComparison.Ordinal));
        Assert.Equal(nanos, run.Settled.CostNanos);
        Assert.False(run.Settled.Usage.IsEstimated);
    }

    /// <summary>Whatever the provider says of usage, the client is told what it is charged for.</summary>
    [Theory]
    [InlineData(""","usage":{"prompt_tokens":"12","completion_tokens":3,"cost":0.5}""")]
    [InlineData(""","usage":null""")]
    [InlineData("")]
    [InlineData(""","usage":{"prompt_tokens":12,"completion_tokens":0}""")]
    [InlineData(""","usage":{"prompt_tokens":0,"completion_tokens":3}""")]
    [InlineData(""","usage":{"prompt_tokens":12,"completion_tokens":3,"output_tokens":5}""")]
    public async Task Answer_WithoutUsageThatCanBeTrue_TellsOurs(string usage)
    {
        var whole = Whole("{}").Replace(",\"usage\":{}", usage, StringComparison.Ordinal);
        await using var run = await RunAsync(Step.Send(Http(whole)));
        var told = (await run.WholeAsync())["usage"]!;
        Assert.Equal(run.Settled.Usage.TotalInput, (long)told["prompt_tokens"]!);
        Assert.Equal(run.Settled.Usage.TotalOutput, (long)told["completion_tokens"]!);
        Assert.Null(told["cost"]);
        Assert.True(run.Settled.Usage.IsEstimated);
    }

    [Fact]
    public async Task Answer_WithUsageInTheNamesOfResponses_TellsItInItsOwn()
    {
        const string Foreign = """{"input_tokens":5,"output_tokens":2}""";
        await using var whole = await RunAsync(Step.Send(Http(Whole(Foreign))));
        var told = (await whole.WholeAsync())["usage"]!;
        Assert.Equal((5, 2), ((int)told["prompt_tokens"]!, (int)told["completion_tokens"]!));
        await using var stream = await RunAsync(Step.Send(Stream(Text("a"), Fin(Foreign), Done)));
        Assert.Contains("\"prompt_tokens\":5,\"completion_tokens\":2", await stream.StreamAsync(includeUsage: true), StringComparison.Ordinal);
        Assert.All([whole.Settled, stream.Settled], settled => Assert.Equal((13_000, false), (settled.CostNanos, settled.Usage.IsEstimated)));
    }

    [Fact]
    public async Task Answer_WithTheProvidersCost_DoesNotTellIt()
    {
        var usage = Usage(5, 2).Replace("} }", "},\"cost\":0.5,\"cost_details\":{\"upstream_inference_cost\":0.4},\"is_byok\":false}", StringComparison.Ordinal);
        await using var whole = await RunAsync(Step.Send(Http(Whole(usage))));
        Assert.Equal(Usage(5, 2).Replace(" ", "", StringComparison.Ordinal), (await whole.WholeAsync())["usage"]!.ToJsonString());
        await using var stream = await RunAsync(Step.Send(Stream(Text("a"), Fin(usage), Done)));
        var text = await stream.StreamAsync(includeUsage: true);
        Assert.Contains("\"prompt_tokens\":5", text, StringComparison.Ordinal);
        Assert.DoesNotContain("cost", text, StringComparison.Ordinal);
    }

    /// <summary>Streams that break after content: the client gets one error event and no end, and is charged for what came.</summary>
    public static TheoryData<string, Step[]> BrokenStreams => new()
    {
        { "C001 silent in a tool call", [Step.Send(Stream(Delta("""{"tool_calls":[{"index":0,"id":"t1","type":"function","function":{"name":"f","arguments":"{\"a\":"}}]}"""))), Step.Silence] },
        { "an error that ends a choice", [Step.Send(Stream(Text("a"), """data: {"id":"c1","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],"error":{"message":"x","code":502}}""" + "\n\n", Done))] },
        { "C004 an error beside no choices", [Step.Send(Stream(Text("a"), """data: {"id":"c1","object":"chat.completion.chunk","choices":[],"error":{"message":"x","code":502}}""" + "\n\n", Done))] },
        { "C014 cut within an event", [Step.Send(Stream(Text("a"), "data: {\"id\":\"c1\",\"cho")), Step.Reset] },
        { "C028 a long error text", [Step.Send(Stream(Text("ok"), $$$"""data: {"error":{"message":"{{{new string('x', 5000)}}}"}}""" + "\n\n"))] },
        { "no end at all", [Step.Send(Stream(Text("a")))] },
    };

    [Theory]
    [MemberData(nameof(BrokenStreams), DisableDiscoveryEnumeration = true)]
    public async Task Stream_ThatBreaksOff_EndsWithOneErrorAndIsChargedForWhatCame(string what, Step[] steps)
    {
        await using var run = await RunAsync(steps);
        var answer = await run.StreamAsync(includeUsage: true);
        var payloads = StreamReading.Payloads(answer).Select(payload => JsonNode.Parse(payload)!.AsObject()).ToList();
        var error = payloads[^1]["error"]!.AsObject();
        Assert.Equal((what, 1), (what, payloads[^1].Count));
        Assert.Equal(["code", "message", "param", "type"], error.Select(field => field.Key).Order());
        Assert.All(payloads[..^1], chunk => Assert.Null(chunk["choices"]?[0]?["finish_reason"]));
        Assert.All(payloads, chunk => Assert.Null(chunk["usage"]));
        Assert.InRange(run.Settled.CostNanos, 1, 100_000);
        Assert.NotEqual(RequestStatus.Completed, run.Settled.Status);
    }

    /// <summary>Answers of A that are none: nothing of them is seen or charged, and B answers.</summary>
    public static TheoryData<string, bool, Step[]> Failures => new()
    {
        { "an error that ends a choice first", true, [Step.Send(Stream("""data: {"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],"error":{"message":"x","code":503}}""" + "\n\n", Done))] },
        { "C002 an error first", true, [Step.Send(Stream("""data: {"error":{"message":"x","code":503}}""" + "\n\n", Done))] },
        { "C026 gzip that does not say so", true, [Step.Send(Compressed(Http("", type: "text/event-stream"), Text("a") + Fin() + Done, GZip))] },
        { "gzip that is none", true, [Step.Send(Http(Text("a") + Fin() + Done, type: "text/event-stream", headers: "content-encoding: gzip\r\n"))] },
        { "Brotli that is none", true, [Step.Send(Http(Text("a") + Fin() + Done, type: "text/event-stream", headers: "content-encoding: br\r\n"))] },
        { "a status alone", false, [Step.Send(Http("{}", 404))] },
        { "C029 HTML", false, [Step.Send(Http("<p>busy", type: "text/html"))] },
        { "C029 foreign JSON", false, [Step.Send(Http("""{"status":"ok"}"""))] },
        { "C029 nothing", false, [Step.Send(Http(""))] },
        { "C029 HTML for a stream", true, [Step.Send(Http("<p>busy", type: "text/html"))] },
        { "C080 headers and nothing", true, [Step.Send(Stream()), Step.Silence] },
        { "headers and a role", true, [Step.Send(Stream(Delta("""{"role":"assistant","content":""}"""))), Step.Silence] },
        { "a role, then a break", true, [Step.Send(Stream(Delta("""{"role":"assistant"}"""))), Step.Reset] },
        { "an error for a stream", true, [Step.Send(Http("""{"error":{"message":"x","code":503}}"""))] },
        { "an error event for a whole answer", false, [Step.Send(Stream("""data: {"error":{"message":"x","code":503}}""" + "\n\n"))] },
        { "a stream that breaks for a whole answer", false, [Step.Send(Stream(Text("a"))), Step.Reset] },
        { "a stream without an end for a whole answer", false, [Step.Send(Stream(Text("a")))] },
        { "comments alone", true, [Step.Send(Stream(": processing\n\n", ": processing\n\n")), Step.Silence] },
        { "C059 a list with RetryInfo", false, [Step.Send(Http("""[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"12s"}]}}]""", 429))] },
    };

    [Theory]
    [MemberData(nameof(Failures), DisableDiscoveryEnumeration = true)]
    public async Task Answer_ThatIsNone_IsTheNextChannels(string what, bool stream, Step[] steps)
    {
        await using var run = await RunAsync(steps);
        var answer = stream ? StreamReading.Content(await run.StreamAsync()) : (string?)(await run.WholeAsync())["choices"]![0]!["message"]!["content"];
        Assert.Equal((what, OfB), (what, answer));
        Assert.Equal(50_000, run.Settled.CostNanos);
        Assert.Equal("channel-1", run.Settled.Ticket.Channel);
    }

    /// <summary>Requests that went out whole and whose connection broke before any status came: nobody knows whether they ran.</summary>
    [Fact]
    public async Task Request_ThatMayHaveRun_IsNotSentAgain()
    {
        foreach (var stream in new[] { false, true })
        {
            await using var run = await RunAsync(Step.Reset);
            using var response = await run.PostAsync(stream);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
            Assert.Contains("did not send it again", (string?)(await response.ErrorAsync())["message"], StringComparison.Ordinal);
            Assert.Empty(run.B.Requests);
            Assert.Equal((0, 0), (run.Settled.CostNanos, run.Settled.Ticket.ExtraAttempts));
        }
    }

    /// <summary>Where the channel says so, and where the time for the first byte is over.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Request_ThatMayHaveRun_IsSentAgain(bool repeatLost)
    {
        await using var run = await RunAsync([repeatLost ? Step.Reset : Step.Silence], b: null, channel => channel["repeat_lost"] = repeatLost);
        Assert.Equal(OfB, (string?)(await run.WholeAsync())["choices"]![0]!["message"]!["content"]);
        Assert.Single(run.A.Requests);
        Assert.Equal((50_000, 1), (run.Settled.CostNanos, run.Settled.Ticket.ExtraAttempts));
    }

    /// <summary>Failures after which the next channel answers, and whether the operator may pay for them too.</summary>
    [Theory]
    [InlineData(500, 0)]
    [InlineData(503, 0)]
    [InlineData(429, 0)]
    [InlineData(504, 1)]
    [InlineData(200, 1)]
    public async Task FailedAttempt_InWhichSomethingMayBeGenerated_IsCounted(int status, int extra)
    {
        await using var run = await RunAsync(Step.Send(Http("<p>busy", status, type: "text/html")));
        await run.WholeAsync();
        Assert.Equal(("channel-1", extra), (run.Settled.Ticket.Channel, run.Settled.Ticket.ExtraAttempts));
    }

    /// <summary>Errors that blame the request are the client's, in our form; no other channel is tried, and nothing is charged.</summary>
    public static TheoryData<string, bool, string, int> Refusals => new()
    {
        { "C002 a first event with code 400", true, Stream("""data: {"error":{"message":"x","code":400}}""" + "\n\n", Done), 400 },
        { "a first event with code 400 for a whole answer", false, Stream("""data: {"error":{"message":"x","code":400}}""" + "\n\n"), 400 },
        { "an error with code 400 for a stream", true, Http("""{"error":{"message":"x","code":400}}"""), 400 },
        { "C059 an error in a list", false, Http("""[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]""", 400), 400 },
        { "an error that is not compressed as it says", false, Http("""{"error":{"message":"m"}}""", 400, headers: "content-encoding: gzip\r\n"), 400 },
        { "a type that blames the request", false, Http("""{"error":{"message":"m","type":"invalid_request_error"}}"""), 400 },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task Error_OfTheRequest_IsTheClientsAlone(string what, bool stream, string sent, int status)
    {
        await using var run = await RunAsync(Step.Send(sent));
        using var response = await run.PostAsync(stream);
        Assert.Equal((what, status), (what, (int)response.StatusCode));
        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        Assert.NotNull((await response.ErrorAsync())["message"]);
        Assert.Empty(run.B.Requests);
        Assert.Equal(0, run.Settled.CostNanos);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("\"x\"")]
    [InlineData("""{"error":"text"}""")]
    [InlineData("""{"error":null}""")]
    [InlineData("""{"detail":[{"msg":"x"}]}""")]
    [InlineData("")]
    public async Task C058_OddErrorBodies_AreErrorsInOurForm(string body)
    {
        await using var run = await RunAsync([Step.Send(Http(body, 500))], [Step.Send(Http(body, 500))]);
        foreach (var stream in new[] { false, true })
        {
            using var response = await run.PostAsync(stream);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
            await response.ErrorAsync();
        }
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("deflate")]
    [InlineData("identity")]
    public async Task C026_C082_CompressedAnswers_ArePlainAtTheClientAndCharged(string encoding)
    {
        Func<Stream, Stream> compress = encoding switch { "gzip" => GZip, "br" => Brotli, "deflate" => Deflate, _ => static into => into };
        foreach (var stream in new[] { false, true })
        {
            var body = stream ? Text("hi") + Fin() + Use(5, 1) + Done : Whole(Usage(5, 1));
            var head = Http("", type: stream ? "text/event-stream" : "application/json", headers: $"content-encoding: {encoding}\r\n");
            await using var run = await RunAsync(Step.Send(Compressed(head, body, compress)));
            using var response = await run.PostAsync(stream, request => request.Headers.Add("Accept-Encoding", "gzip, br"));
            Assert.Empty(response.Content.Headers.ContentEncoding);
            var text = await response.TextAsync();
            Assert.Contains("\"hi\"", text, StringComparison.Ordinal);
            Assert.Equal(9000, run.Settled.CostNanos);
        }
    }

    [Fact]
    public async Task C008_EndMarker_EndsTheResponseThoughTheConnectionStays()
    {
        await using var run = await RunAsync(Step.Send(Stream(Text("a"), Fin(), Use(5, 2), Done)), Step.Silence);
        Assert.EndsWith(Done, await run.StreamAsync(), StringComparison.Ordinal);
        Assert.Equal(13_000, run.Settled.CostNanos);
    }

    [Fact]
    public async Task C047_Body_ArrivesByteForByte()
    {
        const string Schema = """{"type":"json_schema","json_schema":{"schema":{"properties":{"zebra":1.0,"apple":1e2,"mango":12345678901234567890},"a":-0,"b":"\u4e2d\/"}}}""";
        await using var run = await RunAsync(Step.Send(HealthyWhole));
        var body = $$"""{"response_format":{{Schema}},"model":"test-model","messages":[{"content":"h\u0069","role":"user"}]}""";
        using (await run.Edge.PostAsync(body))
        {
        }

        Assert.EndsWith("\r\n\r\n" + body, Assert.Single(run.A.Requests), StringComparison.Ordinal);
    }

    [Fact]
    public async Task C053_OneFailure_RestsNothing()
    {
        var requests = 0;
        await using var run = await Run.StartAsync(_ => requests++ == 0 ? [Step.Send(Http("{}", 503))] : [Step.Send(HealthyWhole)], _ => [Step.Send(HealthyWhole)]);
        for (var i = 0; i < 5; i++)
        {
            await run.WholeAsync();
        }

        Assert.Equal((5, 1), (run.A.Requests.Count, run.B.Requests.Count));
    }

    [Fact]
    public async Task StatusAlone_ThatMayBeAboutTheRequest_RestsNothing()
    {
        await using var run = await RunAsync(Step.Send(Http("{}", 403)));
        for (var i = 0; i < 5; i++)
        {
            await run.WholeAsync();
        }

        Assert.Equal(5, run.A.Requests.Count);
    }

    [Fact]
    public async Task C055_CutsAfterTheFirstByte_LetTheChannelRest()
    {
        await using var run = await RunAsync(Step.Send(Stream(Text("a"))), Step.Reset);
        for (var i = 0; i < 5; i++)
        {
            await run.StreamAsync();
        }

        Assert.Equal((3, 2), (run.A.Requests.Count, run.B.Requests.Count));
    }

    [Fact]
    public async Task C011_CharactersCutByTheNetwork_ArriveWhole()
    {
        const string Words = "中🙂é";
        await using var run = await RunAsync(Step.Trickle(Stream(Text(Words), Fin(), Use(5, 1), Done).Replace("\\u", "\\u", StringComparison.Ordinal)));
        Assert.Equal(Words, StreamReading.Content(await run.StreamAsync()));
    }

    [Fact]
    public async Task C010_LongEvents_ArriveWhole()
    {
        var text = new string('x', 3 * 1024 * 1024);
        await using var run = await RunAsync(Step.Send(Stream(Text(text), Fin(), Use(5, 900_000), Done)));
        Assert.Equal(text, StreamReading.Content(await run.StreamAsync()));
        Assert.Equal((5, 900_000), (run.Settled.Usage.TotalInput, run.Settled.Usage.TotalOutput));
    }

    [Fact]
    public async Task C023_ZeroUsageBesideText_IsMetered()
    {
        await using var run = await RunAsync(Step.Send(Stream(Text(new string('x', 400)), Fin(), Use(0, 0), Done)));
        await run.StreamAsync();
        Assert.True(run.Settled.Usage.IsEstimated);
        Assert.InRange(run.Settled.CostNanos, 300_000, 600_000);
    }

    [Theory]
    [InlineData("""{"prompt_tokens":1000,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":1200}}""")]
    [InlineData("""{"prompt_tokens":-5,"completion_tokens":-5}""")]
    [InlineData("""{"prompt_tokens":"12","completion_tokens":"5"}""")]
    [InlineData("""{"prompt_tokens":12.0,"completion_tokens":1e1}""")]
    [InlineData("""{"prompt_tokens":12,"completion_tokens":5,"prompt_tokens_details":null,"completion_tokens_details":null}""")]
    [InlineData("""{"prompt_tokens":12,"completion_tokens":5,"prompt_tokens_details":[]}""")]
    [InlineData("""{"prompt_tokens":9223372036854775807,"completion_tokens":9223372036854775807}""")]
    [InlineData("null")]
    [InlineData("[]")]
    public async Task C035_OddUsage_IsNeverAnErrorNorNegative(string usage)
    {
        await using var run = await RunAsync(Step.Send(Http(Whole(usage))));
        Assert.NotNull((await run.WholeAsync())["choices"]);
        Assert.InRange(run.Settled.CostNanos, 1, long.MaxValue);
    }

    [Fact]
    public async Task C037_FewerChoicesThanAsked_AreChargedAsReported()
    {
        await using var run = await RunAsync(Step.Send(Http(Whole(Usage(5, 2)))));
        await run.WholeAsync(body => body["n"] = 3);
        Assert.Equal(13_000, run.Settled.CostNanos);
        Assert.True(run.Edge.Account.Admitted.Single().MostNanos >= 3 * 4096 * 4000L);
    }

    [Fact]
    public async Task OneChoiceWhereMoreWereAsked_WithoutAnEndMarker_IsWhole()
    {
        await using var run = await RunAsync(Step.Send(Stream(Text("a"), Fin(), Use(5, 2))));
        var answer = await run.StreamAsync(change: body => body["n"] = 3);
        Assert.EndsWith(Done, answer, StringComparison.Ordinal);
        Assert.Equal((13_000, RequestStatus.Completed), (run.Settled.CostNanos, run.Settled.Status));
    }

    [Fact]
    public async Task ChoicesOneAfterTheOther_AllReachTheClient()
    {
        static string Second(string text) => text.Replace("\"index\":0", "\"index\":1", StringComparison.Ordinal);
        await using var run = await RunAsync(Step.Send(Stream(Text("a"), Fin(), Second(Text("b")), Second(Fin()), Use(5, 2), Done)));
        var answer = await run.StreamAsync(change: body => body["n"] = 2);
        Assert.Equal(2, answer.Split("\"stop\"").Length - 1);
        Assert.Equal("ab", StreamReading.Content(answer));
    }

    [Fact]
    public async Task C038_MeteredText_CountsTheSameHoweverItIsCut()
    {
        var text = string.Concat(Enumerable.Range(0, 200).Select(i => $"w{i % 10}, ")).PadRight(1000, '.')[..1000];
        var costs = new List<long>();
        foreach (var length in new[] { 1000, 20, 1 })
        {
            await using var run = await RunAsync(Step.Send(Stream([.. text.Chunk(length).Select(part => Text(new string(part))), Fin(), Done])));
            await run.StreamAsync();
            Assert.True(run.Settled.Usage.IsEstimated);
            costs.Add(run.Settled.CostNanos);
        }

        Assert.Single(costs.Distinct());
    }

    [Fact]
    public async Task C040_C049_ToolCalls_PassUnchanged()
    {
        const string Opener =
            """{"tool_calls":[{"index":#,"id":"t#","type":"function","function":{"name":"f#","arguments":""},"extra_content":{"google":{"thought_signature":"s#=="}}}]}""";
        const string Arguments = """{"tool_calls":[{"index":#,"function":{"arguments":"{\"a\":#}"}}]}""";
        string[] deltas =
        [
            .. "012".Select(static i => Opener.Replace('#', i)),
            .. "012".Select(static i => Arguments.Replace('#', i)),
        ];
        await using var run = await RunAsync(Step.Send(Stream([.. deltas.Select(delta => Delta(delta)), Fin(reason: "tool_calls"), Use(5, 2), Done])));
        var answer = await run.StreamAsync();
        Assert.All(deltas, delta => Assert.Contains(delta, answer, StringComparison.Ordinal));
    }

    [Fact]
    public async Task C056_HeadersOfAFailedAttempt_DoNotReachTheClient()
    {
        await using var run = await RunAsync(Step.Send(Http("{}", 429, headers: "x-ratelimit-remaining-requests: 0\r\nretry-after: 60\r\nx-a: 1\r\n")));
        using var response = await run.PostAsync(stream: false);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.DoesNotContain(response.Headers, header => header.Key is "x-ratelimit-remaining-requests" or "Retry-After" or "x-a");
    }

    [Fact]
    public async Task C083_C086_Request_ArrivesWithTheChannelsKeyAndItsOwnFields()
    {
        await using var run = await RunAsync(Step.Send(HealthyStream));
        using (await run.PostAsync(stream: true, request =>
        {
            foreach (var name in (string[])["x-api-key", "api-key", "x-goog-api-key", "Cookie", "Proxy-Authorization", "x-pass-authorization", "OpenAI-Organization"])
            {
                request.Headers.TryAddWithoutValidation(name, "of-the-client");
            }
        }))
        {
        }

        var request = Assert.Single(run.A.Requests);
        Assert.DoesNotContain("of-the-client", request, StringComparison.Ordinal);
        Assert.DoesNotContain("sk-og-", request, StringComparison.Ordinal);
        var body = JsonNode.Parse(request[request.IndexOf("\r\n\r\n", StringComparison.Ordinal)..])!.AsObject();
        Assert.Equal(["messages", "model", "stream", "stream_options"], body.Select(field => field.Key).Order());
    }

    [Theory]
    [InlineData("UP-M1-2026")]
    [InlineData("test-model")]
    [InlineData(null)]
    public async Task C085_Model_IsTheOneThatWasAskedFor(string? answered)
    {
        foreach (var stream in new[] { false, true })
        {
            var sent = stream ? HealthyStream : HealthyWhole;
            sent = answered is null
                ? sent.Replace("\"model\":\"test-model\",", "", StringComparison.Ordinal)
                : sent.Replace("\"model\":\"test-model\"", $"\"model\":\"{answered}\"", StringComparison.Ordinal);
            await using var run = await RunAsync(Step.Send(sent));
            var answers = stream
                ? StreamReading.Payloads(await run.StreamAsync()).Where(payload => payload != "[DONE]").Select(payload => JsonNode.Parse(payload)!)
                : [await run.WholeAsync()];
            Assert.All(answers, chunk => Assert.Equal("test-model", (string?)chunk["model"]));
        }
    }

    [Fact]
    public async Task C052_DisabledChannel_IsNotTriedByARequestThatWasThereBefore()
    {
        EdgeFixture? edge = null;
        await using var a = new Backend(_ =>
        {
            edge!.Publish((index, channel) => channel["enabled"] = index != 1);
            return [Step.Send(Http("{}", 500))];
        });
        edge = await EdgeFixture.StartAsync(3, provider: (index, provider) => provider["base_url"] = index == 0 ? a.Url : (string?)provider["base_url"]);
        await using var own = edge;

        using var response = await edge.PostAsync(EdgeFixture.Body());

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal((1, 0, 1), (a.Requests.Count, edge.Providers[1].Requests.Count, edge.Providers[2].Requests.Count));
        Assert.Equal("channel-2", Assert.Single(edge.Account.Settled).Ticket.Channel);
    }

    /// <summary>What is logged of a request that fails does not grow with those before it.</summary>
    [Fact]
    public async Task C061_RequestsThatAllFail_LogTheSameFewLinesEach()
    {
        await using var run = await RunAsync([Step.Send(Http("""{"error":{"message":"m"}}""", 500))], [Step.Send(Http("<p>busy", 502, type: "text/html"))]);
        var sizes = new List<int>();
        for (var i = 0; i < 20; i++)
        {
            using var response = await run.PostAsync(stream: i % 2 == 0);
            await response.ErrorAsync();
            var lines = run.Edge.Log.Lines.ToList();
            run.Edge.Log.Lines.Clear();
            sizes.Add(lines.Sum(line => line.Text.Length));
            Assert.DoesNotContain(lines, line => line.Text.Contains("\"hi\"", StringComparison.Ordinal) || line.Text.Contains("sk-", StringComparison.Ordinal));
        }

        Assert.All(sizes, size => Assert.InRange(size, 1, 4000));
    }

    [Fact]
    public async Task C062_IdleConnectionThatTheProviderClosed_IsNotUsedAgain()
    {
        using var closed = new SemaphoreSlim(0);
        var whole = Whole(Usage(5, 1));
        var step = new Step(async (client, stream, token) =>
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes($"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {whole.Length}\r\n\r\n{whole}"), token);
            client.Close();
            closed.Release();
        });
        await using var run = await RunAsync(step);
        for (var i = 0; i < 50; i++)
        {
            await run.WholeAsync();
            await closed.WaitAsync(TestContext.Current.CancellationToken);
        }

        Assert.Equal((50, 0), (run.A.Requests.Count, run.B.Requests.Count));
    }

    [Fact]
    public async Task C067_Stream_IsEstimatedAndCountedLikeAWholeAnswer()
    {
        var told = new List<(long, long, long)>();
        foreach (var stream in new[] { false, true })
        {
            await using var run = await RunAsync(Step.Send(stream ? Stream(Text("a"), Fin(), Use(10, 290), Done) : Http(Whole(Usage(10, 290)))));
            for (var i = 0; i < 2; i++)
            {
                using var response = await run.PostAsync(stream);
                await response.TextAsync();
            }

            var last = run.Edge.Account.Settled.Last().Usage;
            told.Add((run.Edge.Account.Admitted.Last().EstimatedTokens, last.TotalInput, last.TotalOutput));
        }

        Assert.Equal(told[0], told[1]);
        Assert.Equal((10, 290), (told[0].Item2, told[0].Item3));
        Assert.InRange(told[0].Item1, 200, 310);
    }

    /// <summary>Ends of requests after which nothing is held.</summary>
    public static TheoryData<string, Step[]> Ends => new()
    {
        { "whole", [Step.Send(HealthyStream)] },
        { "reset", [Step.Reset] },
        { "reset in the middle", [Step.Send(Stream(Text("a"))), Step.Reset] },
        { "silent", [Step.Silence] },
        { "silent in the middle", [Step.Send(Stream(Text("a"))), Step.Silence] },
        { "refused", [Step.Send(Http("{}", 400))] },
        { "an answer that is none", [Step.Send(Http("<p>", type: "text/html"))] },
    };

    [Theory]
    [MemberData(nameof(Ends), DisableDiscoveryEnumeration = true)]
    public async Task C068_RequestHoweverItEnds_HoldsNothingAfterwards(string what, Step[] steps)
    {
        await using var run = await RunAsync(steps, steps);
        for (var i = 0; i < 3; i++)
        {
            using var response = await run.PostAsync(stream: true);
            await response.TextAsync();
        }

        Assert.Equal((what, 3, 0), (what, run.Edge.Account.Settled.Count, run.Edge.Accounts.OpenHolds));
    }

    [Fact]
    public async Task C124_LongPrompt_ArrivesByteForByte()
    {
        var message = $$"""{"role":"user","content":"{{new string('x', 2 * 1024 * 1024 / 334)}}"}""";
        const string Tool = """{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string"} } } } }""";
        var body = $$"""{"model":"test-model","messages":[{{string.Join(',', Enumerable.Repeat(message, 334))}}],"tools":[{{string.Join(',', Enumerable.Repeat(Tool, 18))}}]}""";
        await using var run = await Run.StartAsync(
            _ => [Step.Send(HealthyWhole)], _ => [Step.Send(HealthyWhole)], model: model => model["context_window"] = 10_000_000);
        using var response = await run.Edge.PostAsync(body);
        Assert.True(response.StatusCode == HttpStatusCode.OK, await response.TextAsync());
        Assert.EndsWith("\r\n\r\n" + body, Assert.Single(run.A.Requests), StringComparison.Ordinal);
    }

    private static Task<Run> RunAsync(params Step[] a) => RunAsync(a, b: null);

    private static Task<Run> RunAsync(Step[] a, Step[]? b, Action<JsonObject>? channel = null) => Run.StartAsync(
        _ => a,
        request => b ?? [Step.Send(request.Contains("\"stream\":true", StringComparison.Ordinal) ? HealthyStream : HealthyWhole)],
        channel);

    /// <summary>A relay before A and B.</summary>
    private sealed class Run : IAsyncDisposable
    {
        private Run(Backend a, Backend b, EdgeFixture edge) => (A, B, Edge) = (a, b, edge);

        public Backend A { get; }

        public Backend B { get; }

        public EdgeFixture Edge { get; }

        /// <summary>The settlement of the one request.</summary>
        public SettleRequest Settled => Assert.Single(Edge.Account.Settled);

        /// <param name="channel">Further fields of each channel.</param>
        /// <param name="settings">Of the relay.</param>
        public static async Task<Run> StartAsync(
            Func<string, IReadOnlyList<Step>> a,
            Func<string, IReadOnlyList<Step>> b,
            Action<JsonObject>? channel = null,
            Action<JsonObject>? model = null,
            params KeyValuePair<string, string?>[] settings)
        {
            var (first, second) = (new Backend(a), new Backend(b));
            var edge = await EdgeFixture.StartAsync(
                providers: 2,
                channel: (_, own) =>
                {
                    own["times"] = new JsonObject { ["first_byte_ms"] = 1000, ["idle_ms"] = 1000 };
                    channel?.Invoke(own);
                },
                model: own =>
                {
                    own["prices"]![0]!["per_million"] = new JsonObject { ["input"] = "1", ["cached_input"] = "0.1", ["output"] = "4" };
                    model?.Invoke(own);
                },
                settings: settings,
                provider: (index, provider) => provider["base_url"] = (index == 0 ? first : second).Url);
            return new Run(first, second, edge);
        }

        public Task<HttpResponseMessage> PostAsync(bool stream, Action<HttpRequestMessage>? change = null) => Edge.PostAsync(Body(stream), change);

        /// <summary>The whole text of a stream.</summary>
        public async Task<string> StreamAsync(bool includeUsage = false, Action<JsonObject>? change = null)
        {
            var body = Body(stream: true);
            change?.Invoke(body);
            if (includeUsage)
            {
                body["stream_options"] = new JsonObject { ["include_usage"] = true };
            }

            using var response = await Edge.PostAsync(body);
            var text = await response.TextAsync();
            Assert.True(response.StatusCode == HttpStatusCode.OK, text);
            return text;
        }

        public async Task<JsonNode> WholeAsync(Action<JsonObject>? change = null)
        {
            var body = Body(stream: false);
            change?.Invoke(body);
            using var response = await Edge.PostAsync(body);
            var text = await response.TextAsync();
            Assert.True(response.StatusCode == HttpStatusCode.OK, text);
            return JsonNode.Parse(text)!;
        }

        public async ValueTask DisposeAsync()
        {
            await Edge.DisposeAsync();
            await A.DisposeAsync();
            await B.DisposeAsync();
        }

        public static JsonObject Body(bool stream)
        {
            var body = new JsonObject
            {
                ["model"] = "test-model", ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "hi" }),
            };
            if (stream)
            {
                body["stream"] = true;
            }

            return body;
        }
    }
}
