using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Tests.Programs.Faults;
using Xunit;
using static OrleansGateway.Tests.Integration.Edge.Cases.Wire;

namespace OrleansGateway.Tests.Integration.Edge.Cases;

/// <summary>Answers in another form than was asked for, tool calls, fields of our own, silence, and clients that leave.</summary>
public sealed partial class CaseTests
{
    private const string KeepAlive = ": keep-alive\n\n";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Answers that do not have the form that was asked for.</summary>
    public static TheoryData<string, bool, string> OtherForms => new()
    {
        { "C016 a stream", false, Stream(Delta("""{"role":"assistant","content":""}"""), Text("a"), Fin(), Use(5, 1), Done) },
        { "C016 a stream as text", false, Http(Text("a") + Fin() + Use(5, 1) + Done, type: "text/plain") },
        { "C016 a stream as JSON, a comment first", false, Http(": x\n\n" + Text("a") + Fin() + Use(5, 1) + Done) },
        { "C017 a whole answer", true, Http(Whole(Usage(5, 1), """{"role":"assistant","content":"a"}""")) },
        { "C017 a whole answer as a stream", true, Http("\n" + Whole(Usage(5, 1), """{"role":"assistant","content":"a"}"""), type: "text/event-stream") },
    };

    [Theory]
    [MemberData(nameof(OtherForms))]
    public async Task Answer_InTheOtherForm_IsTurnedIntoWhatWasAskedFor(string what, bool stream, string sent)
    {
        await using var run = await RunAsync(Step.Send(sent));
        if (stream)
        {
            var answer = await run.StreamAsync(includeUsage: true);
            Assert.Equal((what, "a"), (what, StreamReading.Content(answer)));
            Assert.EndsWith(Done, answer, StringComparison.Ordinal);
            var chunks = StreamReading.Payloads(answer).SkipLast(1).Select(payload => JsonNode.Parse(payload)!).ToList();
            Assert.All(chunks, chunk => Assert.Equal("chat.completion.chunk", (string?)chunk["object"]));
            Assert.Equal([null, "stop"], chunks[..^1].Select(chunk => (string?)chunk["choices"]![0]!["finish_reason"]));
            Assert.All(chunks[..^1], chunk => Assert.True(chunk.AsObject().ContainsKey("usage") && chunk["usage"] is null));
            Assert.Equal((0, 5), (chunks[^1]["choices"]!.AsArray().Count, (int)chunks[^1]["usage"]!["prompt_tokens"]!));
        }
        else
        {
            var answer = await run.WholeAsync();
            Assert.Equal((what, "chat.completion", 5), (what, (string?)answer["object"], (int)answer["usage"]!["prompt_tokens"]!));
            Assert.Equal("""{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}""", Assert.Single(answer["choices"]!.AsArray())!.ToJsonString());
        }

        Assert.Equal((9000, false, RequestStatus.Completed), (run.Settled.CostNanos, run.Settled.Usage.IsEstimated, run.Settled.Status));
        Assert.Equal(stream, Assert.Single(run.A.Requests).Contains("\"stream\"", StringComparison.Ordinal));
        Assert.Empty(run.B.Requests);
    }

    [Fact]
    public async Task WholeAnswer_ForAStreamThatDidNotAskForUsage_HasNoUsage()
    {
        await using var run = await RunAsync(Step.Send(HealthyWhole));
        Assert.DoesNotContain("usage", await run.StreamAsync(), StringComparison.Ordinal);
        Assert.Equal(50_000, run.Settled.CostNanos);
    }

    /// <summary>An answer that has no room, and has to be kept whole, is nobody's failure: it is not asked for again, elsewhere or here, and its channel does not rest.</summary>
    [Theory]
    [InlineData(false, 500)]
    [InlineData(false, 5000)]
    [InlineData(true, 500)]
    [InlineData(true, 5000)]
    public async Task WholeAnswer_LargerThanThereIsRoom_IsRefusedOnce(bool isStreamed, int length)
    {
        var text = new string('a', length);
        await using var run = await Run.StartAsync(
            _ => [Step.Send(isStreamed ? Stream([.. text.Chunk(100).Select(part => Text(new string(part))), Fin(), Done]) : Http(Whole(Usage(5, 2), $$"""{"role":"assistant","content":"{{text}}"}""")))],
            _ => [Step.Send(HealthyWhole)],
            settings: [new("Edge:MaxAnswerBytes", "4096")]);
        for (var i = 1; i <= 4; i++)
        {
            using var response = await run.PostAsync(stream: false, request => request.Headers.Add("Idempotency-Key", $"key-{i}"));
            if (length > 4096)
            {
                Assert.Equal((HttpStatusCode.BadGateway, "answer_too_large"), (response.StatusCode, (string?)(await response.ErrorAsync())["code"]));
            }
            else
            {
                Assert.Contains(text, await response.TextAsync(), StringComparison.Ordinal);
            }

            Assert.Equal((i, 0), (run.A.Requests.Count, run.B.Requests.Count));
        }

        Assert.All(run.Edge.Account.Settled, settled => Assert.Equal(length < 4096, settled.CostNanos > 0));
    }

    /// <summary>Tool calls as A streams them, and what clients that join the pieces have in the end.</summary>
    public static TheoryData<string, string, string[]> ToolCalls => new()
    {
        { "C041 one index", "0 t1 f {\"a\":1}|1 t2 f {\"a\":2}", [Tool("\"index\":0,\"id\":\"t1\",", "\"{\\\"a\\\":1}\""), Tool("\"index\":0,\"id\":\"t2\",", "\"{\\\"a\\\":2}\"")] },
        { "no index", "0 t1 f {}|1 t2 f {}", [Tool("\"id\":\"t1\",", "\"\""), Tool("", "\"{}\"", name: ""), Tool("\"id\":\"t2\",", "\"{}\"")] },
        { "an index that begins at 1", "0 t1 f {}", [Tool("\"index\":1,\"id\":\"t1\",", "\"{\""), Tool("\"index\":1,", "\"}\"", name: "")] },
        { "C043 no id", "0 ours f {}", [Tool("\"index\":0,", "\"{\""), Tool("\"index\":0,", "\"}\"", name: "")] },
        { "C043 empty ids", "0 ours f {}", [Tool("\"index\":0,\"id\":\"\",", "\"{\""), Tool("\"index\":0,\"id\":\"\",", "\"}\"", name: "")] },
        { "C046 an object", "0 t1 f {\"a\":1}", [Tool("\"index\":0,\"id\":\"t1\",", "{\"a\":1}")] },
        { "an id for each piece", "0 t1 f {\"a\":1}", [Tool("\"index\":0,\"id\":\"t1\",", "\"{\\\"a\\\"\""), Tool("\"index\":0,\"id\":\"t2\",", "\":1}\"", name: "")] },
        { "an id repeated", "0 t1 f {}", [Tool("\"index\":0,\"id\":\"t1\",", "\"{\""), Tool("\"id\":\"t1\",", "\"}\"", name: "")] },
    };

    [Theory]
    [MemberData(nameof(ToolCalls))]
    public async Task ToolCalls_ThatClientsBreakOn_AreMended(string what, string calls, string[] deltas)
    {
        var sent = Stream([Text("I call."), .. deltas.Select(delta => Delta(delta)), Fin(), Use(5, 1), Done]);
        for (var id = 2; sent.Contains("\"id\":\"c1\",\"object\"", StringComparison.Ordinal) && id < 9; id++)
        {
            // C046: each chunk has an id of its own.
            sent = Replaced(sent, "\"id\":\"c1\",\"object\"", $"\"id\":\"c{id}\",\"object\"");
        }

        await using var run = await RunAsync(Step.Send(sent));
        var answer = await run.StreamAsync();
        Assert.Equal((what, calls, "I call."), (what, Joined(answer), StreamReading.Content(answer)));
        Assert.Contains("\"tool_calls\"}]", answer, StringComparison.Ordinal);
        var chunks = StreamReading.Payloads(answer).SkipLast(1).Select(payload => JsonNode.Parse(payload)!).ToList();
        Assert.Single(chunks.Select(chunk => (string?)chunk["id"]).Distinct());
        Assert.Equal(9000, run.Settled.CostNanos);

        // The same stream for a client that asked for a whole answer.
        var whole = await run.WholeAsync();
        var list = whole["choices"]![0]!["message"]!["tool_calls"]!.AsArray();
        Assert.Equal((calls, "tool_calls"), (string.Join('|', list.Select((call, i) => Shown(i, call!))), (string?)whole["choices"]![0]!["finish_reason"]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task C043_C044_C046_WholeAnswer_IsMendedUnlessItsChannelSaysNot(bool mend)
    {
        const string Message = """{"role":"assistant","content":null,"tool_calls":[{"type":"function","function":{"name":"f","arguments":{"a": 1}}},{"id":"","function":{"name":"g"}}]}""";
        await using var run = await Run.StartAsync(_ => [Step.Send(Http(Whole(Usage(5, 1), Message)))], _ => [], channel => channel["mend"] = mend);
        var choice = (await run.WholeAsync())["choices"]![0]!;
        if (mend)
        {
            Assert.Equal("tool_calls", (string?)choice["finish_reason"]);
            Assert.Equal("{\"a\": 1}", (string?)choice["message"]!["tool_calls"]![0]!["function"]!["arguments"]);
            Assert.Equal(2, choice["message"]!["tool_calls"]!.AsArray().Select(call => (string?)call!["id"]).Where(id => id?.Length > 0).Distinct().Count());
        }
        else
        {
            Assert.Equal(("stop", Message), ((string?)choice["finish_reason"], choice["message"]!.ToJsonString().Replace("{\"a\":1}", "{\"a\": 1}", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task C046_MendingOff_PassesAStreamsToolCallsOnUntouched()
    {
        var delta = Tool("\"index\":0,\"id\":\"\",", "{\"a\":1}");
        await using var run = await Run.StartAsync(_ => [Step.Send(Stream(Delta(delta), Fin(), Use(5, 1), Done))], _ => [], channel => channel["mend"] = false);
        var answer = await run.StreamAsync();
        Assert.Contains(delta, answer, StringComparison.Ordinal);
        Assert.Contains("\"stop\"", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"error":{"message":"Unrecognized request argument supplied: stream_options"}}""")]
    [InlineData("""{"error":{"message":"Invalid.","param":"stream_options.include_usage"}}""")]
    [InlineData("""{"error":{"message":"Extra inputs are not permitted"}}""")]
    [InlineData("""{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"]}]}""")]
    public async Task C025_FieldOfOurs_ThatIsRefused_IsLeftOutFromThenOnAndTheOperatorToldOnce(string error)
    {
        var metered = Stream(Text("metered"), Fin(), Done);
        await using var run = await Run.StartAsync(
            request => [Step.Send(request.Contains("stream_options", StringComparison.Ordinal) ? Http(error, 400) : metered)], _ => []);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("metered", StreamReading.Content(await run.StreamAsync()));
        }

        Assert.Equal(4, run.A.Requests.Count);
        Assert.All(run.Edge.Account.Settled, settled => Assert.True(settled.Usage.IsEstimated && settled.CostNanos > 0));
        Assert.Single(run.Edge.Log.Lines, line => line.Text.Contains("refuses stream_options", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{"error":{"message":"Unknown value.","param":"temperature"}}""", 1)]
    [InlineData("""{"error":{"message":"This tool is not supported."}}""", 2)]
    [InlineData("""{"error":{"message":"The prompt is too odd."}}""", 1)]
    public async Task C025_ErrorOfTheClientsOwn_IsTheClientsAndNotRemembered(string error, int asked)
    {
        await using var run = await RunAsync(Step.Send(Http(error, 400)));
        using var response = await run.PostAsync(stream: true);
        Assert.Equal((HttpStatusCode.BadRequest, asked, 0), (response.StatusCode, run.A.Requests.Count, run.B.Requests.Count));
        Assert.DoesNotContain(run.Edge.Log.Lines, line => line.Text.Contains("stream_options", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task C050_LongThinking_IsKeptAliveAndItsReasoningPassedOn(bool headersFirst)
    {
        var (thought, spoke) = (new TaskCompletionSource(), new TaskCompletionSource());
        var stream = Stream(Delta("""{"reasoning_content":"hm"}"""));
        var headers = headersFirst ? stream.IndexOf("data:", StringComparison.Ordinal) : 0;
        await using var run = await Run.StartAsync(
            _ =>
            [
                Step.Send(stream[..headers]), Step.Await(thought.Task), Step.Send(stream[headers..]),
                Step.Await(spoke.Task), Step.Send(Text("a") + Fin() + Use(5, 2) + Done),
            ],
            _ => [],
            Patient,
            settings: [new("Edge:FirstKeepAliveMs", "100"), new("Edge:KeepAliveMs", "100")]);
        using var response = await run.PostAsync(stream: true);
        await using var body = await response.Content.ReadAsStreamAsync(Cancellation);
        await ReadToAsync(body, KeepAlive);
        thought.SetResult();
        await ReadToAsync(body, "\"reasoning_content\":\"hm\"");
        await ReadToAsync(body, KeepAlive);
        spoke.SetResult();
        await ReadToAsync(body, Done);
        await Load.UntilAsync(() => !run.Edge.Account.Settled.IsEmpty, "the settlement");
        Assert.Equal((13_000, RequestStatus.Completed), (run.Settled.CostNanos, run.Settled.Status));
    }

    [Theory]
    [InlineData(503, "the next channel's")]
    [InlineData(400, "an error event")]
    public async Task KeepAliveBeforeContent_LeavesOtherChannelsAndMakesErrorsEvents(int status, string end)
    {
        var kept = new TaskCompletionSource();
        await using var run = await Run.StartAsync(
            _ => [Step.Await(kept.Task), Step.Send(Http("{}", status))], _ => [Step.Send(HealthyStream)], Patient, settings: [new KeyValuePair<string, string?>("Edge:FirstKeepAliveMs", "100")]);
        using var response = await run.PostAsync(stream: true);
        await using var body = await response.Content.ReadAsStreamAsync(Cancellation);
        await ReadToAsync(body, KeepAlive);
        kept.SetResult();
        var rest = await new StreamReader(body).ReadToEndAsync(Cancellation);
        if (status == 503)
        {
            Assert.Equal((end, OfB), (end, StreamReading.Content(rest)));
        }
        else
        {
            Assert.NotNull(JsonNode.Parse(StreamReading.Payloads(rest).Last())!["error"]);
            Assert.Equal((end, 0), (end, run.B.Requests.Count));
        }
    }

    [Fact]
    public async Task SilenceBeforeContent_SendsNothingAtFirst_SoThatALaterErrorIsReal()
    {
        await using var run = await Run.StartAsync(
            _ => [Step.Send(Stream()), Step.Silence], _ => [Step.Send(Http("{}", 400))], settings: [new KeyValuePair<string, string?>("Edge:KeepAliveMs", "100")]);
        using var response = await run.PostAsync(stream: true);
        Assert.Equal((HttpStatusCode.BadRequest, "application/json"), (response.StatusCode, response.Content.Headers.ContentType!.MediaType));
    }

    /// <summary>Whether it is streamed, whether A has sent its headers, and whether it is drained.</summary>
    public static TheoryData<string, bool, bool, bool> Leavings => new()
    {
        { "C031 a whole answer", false, false, false },
        { "C031 a whole answer that is drained", false, false, true },
        { "C079 before the headers", true, false, false },
        { "C079 after the headers", true, true, false },
    };

    [Theory]
    [MemberData(nameof(Leavings))]
    public async Task Client_ThatLeavesBeforeTheFirstContent_EndsTheProvidersWorkAndPaysNothing(string what, bool stream, bool headers, bool drain)
    {
        var (asked, closed) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var run = await Run.StartAsync(
            _ => [Step.Send(headers ? Stream() : ""), Step.Tell(asked), Step.AwaitClose(closed)],
            _ => [],
            channel =>
            {
                Patient(channel);
                channel["on_client_gone"] = drain ? new JsonObject { ["drain"] = new JsonObject { ["max_ms"] = 200, ["max_tokens"] = 1000 } } : "cancel";
            });
        using var gone = new CancellationTokenSource();
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = new StringContent(Run.Body(stream).ToJsonString(), Encoding.UTF8, "application/json") };
        var posting = run.Edge.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, gone.Token);
        await asked.Task.WaitAsync(Cancellation);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => posting);
        await closed.Task.WaitAsync(Cancellation);
        await Load.UntilAsync(() => run.Edge.Log.Lines.Any(line => line.Text.Contains("status=499", StringComparison.Ordinal)), "the request's line in the log");
        Assert.Equal((what, 0, RequestStatus.ClientGone), (what, run.Settled.CostNanos, run.Settled.Status));
        Assert.Empty(run.B.Requests);
    }

    /// <summary>Ways to end: the request, and what A and B do with it.</summary>
    public static TheoryData<string, string?, Step[]> Endings => new()
    {
        { "ok", null, [Step.Send(HealthyWhole)] },
        { "a 400", null, [Step.Send(Http("{}", 400))] },
        { "a 500", null, [Step.Send(Http("{}", 500))] },
        { "a time-out", null, [Step.Silence] },
        { "a 413", null, [Step.Send(Http("{}", 413))] },
        { "an unknown model", """{"model":"none","messages":[]}""", [] },
        { "bad JSON", "{", [] },
        { "a cut", """{"model":"test-model","stream":true,"messages":[{"role":"user","content":"hi"}]}""", [Step.Send(Stream(Text("a"))), Step.Reset] },
        { "nothing to be read", null, [Step.Reset] },
    };

    [Theory]
    [MemberData(nameof(Endings), DisableDiscoveryEnumeration = true)]
    public async Task C032_Request_HoweverItEnds_LeavesNothingHeld(string what, string? body, Step[] steps)
    {
        // Both channels do with the first request what is tried.
        var isFirst = true;
        IReadOnlyList<Step> Answer(string request) => Volatile.Read(ref isFirst) ? steps : [Step.Send(HealthyWhole)];
        await using var run = await Run.StartAsync(Answer, Answer);
        var account = run.Edge.Account;

        // There is money for one request at a time.
        account.OnAdmit = request => Task.FromResult(
            account.Admitted.Count == account.Settled.Count ? FakeAccount.Admit(request) : new AdmitAnswer { Outcome = AdmitOutcome.InsufficientFunds, Epoch = 1 });
        using (var response = await run.Edge.PostAsync(body ?? Run.Body(stream: false).ToJsonString()))
        {
            await response.TextAsync();
        }

        Volatile.Write(ref isFirst, false);
        using var plain = await run.PostAsync(stream: false);
        Assert.Equal((what, HttpStatusCode.OK), (what, plain.StatusCode));
        Assert.Equal(account.Admitted.Count, account.Settled.Count);
    }

    [Fact]
    public async Task C062_ConnectionThatIsClosedWhileUnused_FailsNoRequest()
    {
        var closed = new TaskCompletionSource();
        await using var run = await Run.StartAsync(_ => [Step.Send(Kept(HealthyWhole)), Step.Close(closed)], _ => []);
        for (var i = 1; i <= 20; i++)
        {
            await run.WholeAsync();
            await closed.Task.WaitAsync(Cancellation);
            closed = new TaskCompletionSource();
            Assert.Equal(i, run.A.Requests.Count);
        }
    }

    [Fact]
    public async Task C062_ConnectionThatIsDead_IsLeftAtTheFirstByteLimit()
    {
        await using var run = await RunAsync(Step.Send(Kept(HealthyWhole)), Step.Silence);
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(OfB, (string?)(await run.WholeAsync())["choices"]![0]!["message"]!["content"]);
        }

        Assert.Equal((1, 1), (run.A.Requests.Count, run.B.Requests.Count));
    }

    /// <summary>The same response on a connection that stays.</summary>
    private static string Kept(string response) => response.Replace(
        "connection: close", $"content-length: {response.Length - response.IndexOf("\r\n\r\n", StringComparison.Ordinal) - 4}", StringComparison.Ordinal);

    private static void Patient(JsonObject channel) => channel["times"] = new JsonObject { ["first_byte_ms"] = 60_000, ["idle_ms"] = 60_000 };

    private static async Task ReadToAsync(Stream body, string text)
    {
        var read = new StringBuilder();
        var one = new byte[1];
        while (!read.ToString().Contains(text, StringComparison.Ordinal))
        {
            Assert.True(await body.ReadAsync(one, Cancellation) > 0, read.ToString());
            read.Append((char)one[0]);
        }
    }

    private static string Replaced(string text, string first, string with)
    {
        var at = text.IndexOf(first, StringComparison.Ordinal);
        return text[..at] + with + text[(at + first.Length)..];
    }

    private static string Tool(string head, string arguments, string name = "f") =>
        $$$"""{"tool_calls":[{{{{head}}}"type":"function","function":{{{{(name.Length > 0 ? $"\"name\":\"{name}\"," : "")}}}"arguments":{{{arguments}}}}}]}""";

    /// <summary>The tool calls of a stream, as clients put them together.</summary>
    private static string Joined(string answer)
    {
        var calls = new SortedDictionary<int, JsonObject>();
        foreach (var piece in StreamReading.Payloads(answer).Where(payload => payload != "[DONE]")
            .SelectMany(payload => JsonNode.Parse(payload)!["choices"]!.AsArray())
            .SelectMany(choice => choice!["delta"]!["tool_calls"]?.AsArray() ?? []))
        {
            var call = calls.TryGetValue((int)piece!["index"]!, out var known)
                ? known
                : calls[(int)piece["index"]!] = new JsonObject { ["id"] = "", ["function"] = new JsonObject { ["name"] = "", ["arguments"] = "" } };
            call["id"] = (string?)call["id"] + (string?)piece["id"];
            foreach (var field in (string[])["name", "arguments"])
            {
                call["function"]![field] = (string?)call["function"]![field] + (string?)piece["function"]![field];
            }
        }

        return string.Join('|', calls.Select(call => Shown(call.Key, call.Value)));
    }

    private static string Shown(int index, JsonNode call) =>
        $"{index} {(((string?)call["id"])!.StartsWith("call_", StringComparison.Ordinal) ? "ours" : (string?)call["id"])} {call["function"]!["name"]} {call["function"]!["arguments"]}";
}
