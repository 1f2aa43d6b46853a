using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Tests.Integration.Edge.Cases;
using Xunit;
using static OrleansGateway.Tests.Integration.Edge.Cases.Wire;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>Clients of OpenAI's Responses, with providers that speak Chat Completions and with some that take them as they are.</summary>
public sealed class ResponsesTests
{
    private const string Created =
        """{"type":"response.created","sequence_number":0,"response":{"id":"resp_p","object":"response","status":"in_progress","model":"up","output":[]}}""";

    private const string Delta = """{"type":"response.output_text.delta","sequence_number":1,"item_id":"msg_p","output_index":0,"content_index":0,"delta":"Hi"}""";

    private const string Completed =
        """{"type":"response.completed","sequence_number":2,"response":{"id":"resp_p","object":"response","status":"completed","model":"up","output":[],"usage":{"input_tokens":5,"input_tokens_details":{"cached_tokens":4},"output_tokens":2,"total_tokens":7}}}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Post_Whole_IsTranslatedForAChatProvider()
    {
        await using var run = await RunAsync(Http(Whole(Usage(10, 3, 4))));
        var (status, text) = await run.PostAsync("""{"model":"test-alias","instructions":"Be brief.","input":"Say hi.","max_output_tokens":9}""");
        Assert.Equal(HttpStatusCode.OK, status);
        var response = JsonNode.Parse(text)!;
        Assert.Equal(("completed", "test-alias", "hi"), ((string)response["status"]!, (string)response["model"]!, (string)response["output"]![0]!["content"]![0]!["text"]!));
        Assert.Equal((10, 4, 3), ((int)response["usage"]!["input_tokens"]!, (int)response["usage"]!["input_tokens_details"]!["cached_tokens"]!, (int)response["usage"]!["output_tokens"]!));
        var sent = run.Sent();
        Assert.Equal(("test-model", 9), ((string)sent["model"]!, (int)sent["max_completion_tokens"]!));
        Assert.Equal("""[{"role":"system","content":"Be brief."},{"role":"user","content":"Say hi."}]""", sent["messages"]!.ToJsonString());
        var settled = Assert.Single(run.Edge.Account.Settled);
        Assert.Equal((6, 3, "/v1/responses"), (settled.Usage[Unit.Input], settled.Usage.TotalOutput, settled.Ticket.Endpoint));
    }

    [Fact]
    public async Task Post_StreamWithTools_IsTranslatedForAChatProvider()
    {
        await using var run = await RunAsync(Stream(
            Wire.Delta("""{"role":"assistant","reasoning_content":"hm"}"""),
            Wire.Delta("""{"content":"Look: "}"""),
            Wire.Delta("""{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"files__read","arguments":""}}]}"""),
            Wire.Delta("""{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}"""),
            Wire.Delta("""{"tool_calls":[{"index":1,"id":"c2","type":"function","function":{"name":"patch","arguments":"{\"input\":\"*** x\"}"}}]}"""),
            Fin(reason: "tool_calls"),
            Use(10, 5),
            Done));
        var (_, text) = await run.PostAsync(
            """
            {"model":"test-model","stream":true,"store":false,"tools":[{"type":"custom","name":"patch"}],
             "input":[{"type":"additional_tools","tools":[{"type":"namespace","name":"files","tools":[{"type":"function","name":"read","parameters":{"type":"object"}}]}]},
                      {"type":"message","role":"user","content":[{"type":"input_text","text":"Look."}]}]}
            """);
        var events = Events(text);
        Assert.Equal("response.created", (string)events[0]["type"]!);
        Assert.Equal(Enumerable.Range(0, events.Count), events.Select(json => (int)json["sequence_number"]!));
        var done = events[^1];
        Assert.Equal("response.completed", (string)done["type"]!);
        var output = done["response"]!["output"]!.AsArray();
        Assert.Equal(["reasoning", "message", "function_call", "custom_tool_call"], output.Select(item => (string)item!["type"]!));
        Assert.Equal(("files", "read", "c1", """{"a":1}"""), ((string)output[2]!["namespace"]!, (string)output[2]!["name"]!, (string)output[2]!["call_id"]!, (string)output[2]!["arguments"]!));
        Assert.Equal("*** x", (string)output[3]!["input"]!);
        Assert.Equal(["patch", "files__read"], run.Sent()["tools"]!.AsArray().Select(tool => (string)tool!["function"]!["name"]!));
        Assert.DoesNotContain("[DONE]", text, StringComparison.Ordinal);

        // The next turn brings all of it back, and the provider its reasoning.
        output.Add(JsonNode.Parse("""{"type":"function_call_output","call_id":"c1","output":"one"}"""));
        output.Add(JsonNode.Parse("""{"type":"custom_tool_call_output","call_id":"c2","output":"two"}"""));
        await run.PostAsync($$"""{"model":"test-model","stream":true,"input":{{output.ToJsonString()}}}""");
        var messages = run.Sent()["messages"]!.AsArray();
        Assert.Equal(["assistant", "tool", "tool"], messages.Select(message => (string)message!["role"]!));
        Assert.Equal(("hm", "Look: "), ((string)messages[0]!["reasoning_content"]!, (string)messages[0]!["content"]!));
        Assert.Equal(["files__read", "patch"], messages[0]!["tool_calls"]!.AsArray().Select(call => (string)call!["function"]!["name"]!));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Post_ProviderAnswersInTheOtherForm_GetsWhatWasAskedFor(bool stream)
    {
        await using var chat = await RunAsync(stream ? Http(Whole(Usage(5, 2))) : Stream(Text("hi"), Fin(), Use(5, 2), Done));
        Check((await chat.PostAsync(Say(stream))).Text, "hi");
        await using var native = await RunAsync(
            stream
                ? Http("""{"object":"response","status":"completed","model":"up","output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":5,"output_tokens":2}}""")
                : Stream(Native(Created), Native(Delta), Native(Completed.Replace("\"output\":[]", "\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hi\"}]}]", StringComparison.Ordinal))),
            isNative: true);
        Check((await native.PostAsync(Say(stream))).Text, "Hi");

        void Check(string text, string said)
        {
            var response = stream ? Events(text)[^1]["response"]! : JsonNode.Parse(text)!;
            Assert.Equal(("completed", "test-model", said), ((string)response["status"]!, (string)response["model"]!, (string)response["output"]![0]!["content"]![0]!["text"]!));
        }
    }

    [Fact]
    public async Task Post_CutAtItsLength_IsIncomplete()
    {
        await using var run = await RunAsync(Stream(Text("a"), Fin(reason: "length"), Use(5, 2), Done));
        var response = Events((await run.PostAsync(Say(stream: true))).Text)[^1];
        Assert.Equal(("response.incomplete", "max_output_tokens"), ((string)response["type"]!, (string)response["response"]!["incomplete_details"]!["reason"]!));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Post_ErrorInTheMiddle_IsAResponseThatFailed(bool isNative)
    {
        await using var run = await RunAsync(
            isNative
                ? Stream(Native(Created), Native(Delta), Native("""{"type":"error","code":"server_is_overloaded","message":"busy","param":null,"sequence_number":2}"""))
                : Stream(Text("a"), "data: {\"error\":{\"message\":\"busy\",\"code\":\"server_is_overloaded\"}}\n\n"),
            isNative: isNative);
        var events = Events((await run.PostAsync(Say(stream: true))).Text);
        var failed = events[^1];
        Assert.Equal(("response.failed", "failed"), ((string)failed["type"]!, (string)failed["response"]!["status"]!));
        Assert.Equal("server_is_overloaded", (string)failed["response"]!["error"]!["code"]!);
        Assert.Equal(events[0]["response"]!["id"]!.ToJsonString(), failed["response"]!["id"]!.ToJsonString());
        Assert.Equal((int)events[^2]["sequence_number"]! + 1, (int)failed["sequence_number"]!);
        Assert.True(Assert.Single(run.Edge.Account.Settled).CostNanos > 0);
    }

    [Fact]
    public async Task Post_ErrorBeforeAnyContent_IsAnErrorWithItsStatus()
    {
        await using var run = await RunAsync(
            Stream(Native(Created), Native("""{"type":"response.failed","sequence_number":1,"response":{"id":"resp_p","error":{"code":"server_is_overloaded","message":"busy"}}}""")),
            isNative: true);
        var (status, text) = await run.PostAsync(Say(stream: true));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Equal("provider_overloaded", (string)JsonNode.Parse(text)!["error"]!["code"]!);
        Assert.Equal(0, Assert.Single(run.Edge.Account.Settled).CostNanos);
    }

    [Fact]
    public async Task Post_RefusedByTheProvider_SaysWhatTheProviderSays()
    {
        await using var run = await RunAsync(Http("""{"error":{"message":"Bad temperature.","type":"invalid_request_error","param":"temperature","code":"x"}}""", status: 400));
        var (status, text) = await run.PostAsync(Say(stream: true));
        Assert.Equal((HttpStatusCode.BadRequest, "temperature"), (status, (string)JsonNode.Parse(text)!["error"]!["param"]!));
    }

    [Fact]
    public async Task Post_ToAProviderOfResponses_PassesThrough()
    {
        await using var run = await RunAsync(Stream(Native(Created), Native(Delta), Native(Completed)), isNative: true);
        var (_, text) = await run.PostAsync("""{"model":"test-model","stream":true,"store":true,"input":"x","temperature":1.0}""");
        Assert.Equal(
            Native(Created.Replace("\"up\"", "\"test-model\"", StringComparison.Ordinal)) + Native(Delta)
            + Native(Completed.Replace("\"up\"", "\"test-model\"", StringComparison.Ordinal)),
            text);
        Assert.StartsWith("POST /v1/responses HTTP", run.Backend.Requests.First(), StringComparison.Ordinal);
        Assert.EndsWith("""{"model":"test-model","stream":true,"store":false,"input":"x","temperature":1.0}""", run.Backend.Requests.First(), StringComparison.Ordinal);
        var usage = Assert.Single(run.Edge.Account.Settled).Usage;
        Assert.Equal((1, 4, 2), (usage[Unit.Input], usage.TotalInput - usage[Unit.Input], usage.TotalOutput));
    }

    [Fact]
    public async Task Post_WholeToAProviderOfResponses_PassesThroughWithItsCost()
    {
        const string Answer = """{"object":"response","id":"resp_p","status":"completed","model":"up","output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":5,"output_tokens":2},"new":1.0}""";
        await using var run = await RunAsync(Http(Answer), isNative: true);
        run.Edge.Account.OnAdmit = request => Task.FromResult(FakeAccount.Admit(request) with { ShowCost = true });
        var (_, text) = await run.PostAsync(Say(stream: false));
        Assert.Equal(
            Answer.Replace("\"up\"", "\"test-model\"", StringComparison.Ordinal).Replace("\"output_tokens\":2", "\"output_tokens\":2,\"cost\":0.000025", StringComparison.Ordinal),
            text);
    }

    [Fact]
    public async Task Post_ToAProviderThatTellsUsageInTheNamesOfChat_TellsItInItsOwn()
    {
        await using var run = await RunAsync(
            Http("""{"object":"response","id":"resp_p","status":"completed","model":"up","output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"prompt_tokens":5,"completion_tokens":2}}"""),
            isNative: true);
        var told = JsonNode.Parse((await run.PostAsync(Say(stream: false))).Text)!["usage"]!;
        Assert.Equal((5, 2), ((int)told["input_tokens"]!, (int)told["output_tokens"]!));
        Assert.False(Assert.Single(run.Edge.Account.Settled).Usage.IsEstimated);
    }

    [Fact]
    public async Task Post_NoMoreMoneyInTheMiddle_EndsAsAtItsLength()
    {
        var words = string.Concat(Enumerable.Range(1, 40).Select(i => Native(
            Delta.Replace("\"Hi\"", "\"" + string.Concat(Enumerable.Repeat("word ", 40)) + "\"", StringComparison.Ordinal))));
        await using var run = await RunAsync(Stream(Native(Created), words, Native(Completed)), isNative: true);
        run.Edge.Account.OnAdmit = request => Task.FromResult(FakeAccount.Admit(request, most: false));
        run.Edge.Account.OnExtend = request => Task.FromResult(new ExtendAnswer(ExtendOutcome.Refused, 1, request.Ticket.TotalNanos));
        var last = Events((await run.PostAsync(Say(stream: true))).Text)[^1];
        Assert.Equal(("response.incomplete", "resp_p"), ((string)last["type"]!, (string)last["response"]!["id"]!));
        Assert.Equal(RequestStatus.FundsExhausted, Assert.Single(run.Edge.Account.Settled).Status);
    }

    [Theory]
    [InlineData("""{"model":"test-model","input":"x","background":true}""", "background")]
    [InlineData("""{"model":"test-model","input":"x","tools":[{"type":"code_interpreter"}]}""", "tools[0].type")]
    [InlineData("""{"model":"test-model","messages":[{"role":"user","content":"x"}]}""", "input")]
    [InlineData("""{"model":"test-model","input":[{"type":"function_call_output","call_id":"c","output":"x"}]}""", "input[0].call_id")]
    public async Task Post_WhatCannotBe_IsRefusedByItsName(string body, string path)
    {
        await using var run = await RunAsync(Http(Whole(Usage(5, 2))));
        var (status, text) = await run.PostAsync(body);
        var error = JsonNode.Parse(text)!["error"]!;
        Assert.Equal((HttpStatusCode.BadRequest, path, "invalid_request_error"), (status, (string)error["param"]!, (string)error["type"]!));
        Assert.Empty(run.Edge.Account.Admitted);
        Assert.Empty(run.Backend.Requests);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Post_ProvidersToolWithoutAPrice_IsDroppedWhereTheChannelSaysSo(bool isNative)
    {
        await using var run = await RunAsync(isNative ? Stream(Native(Created), Native(Delta), Native(Completed)) : Stream(Text("hi"), Fin(), Use(5, 2), Done), isNative, drops: true);
        var (status, _) = await run.PostAsync("""{"model":"test-model","stream":true,"input":"x","tools":[{"type":"web_search"},{"type":"function","name":"f"}]}""");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("function", (string)Assert.Single(run.Sent()["tools"]!.AsArray())!["type"]!);
    }

    /// <summary>Other providers' tool calls, and what proves their reasoning, come back to them in the next turn.</summary>
    [Theory]
    [InlineData("anthropic", "\"signature\":\"SIG\"")]
    [InlineData("gemini", "\"thoughtSignature\":\"SIG\"")]
    public async Task Post_BeforeAnotherProvider_IsTranslatedThereAndBack(string kind, string returned)
    {
        var answer = kind == "gemini"
            ? Stream(
                """
                data: {"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"SIG"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2,"totalTokenCount":7}}


                """.ReplaceLineEndings("\n"))
            : Stream(
                Native("""{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"up","content":[],"usage":{"input_tokens":5,"output_tokens":1}}}"""),
                Native("""{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"""),
                Native("""{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"""),
                Native("""{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"SIG"}}"""),
                Native("""{"type":"content_block_stop","index":0}"""),
                Native("""{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}"""),
                Native("""{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}"""),
                Native("""{"type":"content_block_stop","index":1}"""),
                Native("""{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":2}}"""),
                Native("""{"type":"message_stop"}"""));
        var backend = new Backend(_ => [Step.Send(answer)]);
        var edge = await EdgeFixture.StartAsync(provider: (_, provider) => (provider["kind"], provider["base_url"]) = (kind, backend.Url));
        await using var run = new Run(edge, backend);
        const string Tools = """[{"type":"function","name":"f","parameters":{"type":"object","properties":{}}}]""";
        var (status, text) = await run.PostAsync($$"""{"model":"test-model","stream":true,"reasoning":{"effort":"high"},"tools":{{Tools}},"input":[{"role":"user","content":"x"}]}""");
        Assert.True(status == HttpStatusCode.OK, text);
        var last = Events(text)[^1];
        Assert.Equal("response.completed", (string)last["type"]!);
        Assert.Equal((5, 2), ((int)last["response"]!["usage"]!["input_tokens"]!, (int)last["response"]!["usage"]!["output_tokens"]!));
        var items = last["response"]!["output"]!.AsArray();
        var call = items.Single(item => (string)item!["type"]! == "function_call")!;
        Assert.Equal(("f", """{"a":1}"""), ((string)call["name"]!, (string)call["arguments"]!));
        items.Insert(0, JsonNode.Parse("""{"role":"user","content":"x"}"""));
        items.Add(JsonNode.Parse($$"""{"type":"function_call_output","call_id":{{call["call_id"]!.ToJsonString()}},"output":"22"}"""));
        await run.PostAsync($$"""{"model":"test-model","stream":true,"reasoning":{"effort":"high"},"tools":{{Tools}},"input":{{items.ToJsonString()}}}""");
        Assert.Contains(returned, run.Sent().ToJsonString(), StringComparison.Ordinal);

        // The same turn of a client of Chat Completions.
        (status, text) = await run.PostAsync(
            """{"model":"test-model","stream":true,"reasoning_effort":"high","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}],"messages":[{"role":"user","content":"x"}]}""",
            "/v1/chat/completions");
        var calls = StreamReading.Payloads(text).Where(payload => payload.StartsWith('{')).Select(payload => JsonNode.Parse(payload)!["choices"]![0]!["delta"]!["tool_calls"]?[0]!).Where(delta => delta is not null).ToList();
        var message = new JsonObject
        {
            ["role"] = "assistant",
            ["content"] = null,
            ["reasoning_content"] = "hm",
            ["tool_calls"] = new JsonArray(new JsonObject
            {
                ["id"] = calls[0]!["id"]!.DeepClone(),
                ["type"] = "function",
                ["function"] = new JsonObject { ["name"] = "f", ["arguments"] = string.Concat(calls.Select(delta => (string?)delta!["function"]?["arguments"])) },
                ["extra_content"] = calls[0]!["extra_content"]!.DeepClone(),
            }),
        };
        await run.PostAsync(
            $$$$$"""{"model":"test-model","reasoning_effort":"high","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}],"messages":[{"role":"user","content":"x"},{{{{{message.ToJsonString()}}}}},{"role":"tool","tool_call_id":{{{{{calls[0]!["id"]!.ToJsonString()}}}}},"content":"22"}]}""",
            "/v1/chat/completions");
        Assert.Contains(returned, run.Sent().ToJsonString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task Get_OfWhatIsKept_GivesItAgainUntilItIsDeleted(bool stream, bool isNative)
    {
        var last = Completed.Replace("\"output\":[]", """ "store":false,"previous_response_id":null,"output":[{"type":"message","id":"msg_p","role":"assistant","content":[{"type":"output_text","text":"Hi"}]}]""", StringComparison.Ordinal);
        await using var run = await RunAsync(isNative ? Stream(Native(Created), Native(Delta), Native(last)) : Stream(Text("Hi"), Fin(), Use(5, 2), Done), isNative);
        var (_, text) = await run.PostAsync(Say(stream).Replace("\"x\"", """[{"role":"user","content":"one"},{"role":"user","content":[{"type":"input_text","text":"two"}],"id":"msg_two"}]""", StringComparison.Ordinal));
        var answered = stream ? Events(text)[^1]["response"]! : JsonNode.Parse(text)!;
        var path = "/v1/responses/" + (string)answered["id"]!;

        Assert.True(JsonNode.DeepEquals(answered, await JsonOf(path)));
        var items = await JsonOf(path + "/input_items");
        Assert.Equal(["msg_two", $"msg_0_{(string)answered["id"]!}"], items["data"]!.AsArray().Select(item => (string)item!["id"]!));
        Assert.Equal(
            """{"type":"message","role":"user","content":[{"type":"input_text","text":"one"}]}""",
            Without(items["data"]![1]!.AsObject(), "id").ToJsonString());
        Assert.False((bool)items["has_more"]!);
        var first = await JsonOf(path + "/input_items?order=asc&limit=1");
        Assert.True((bool)first["has_more"]!);
        var second = await JsonOf(path + $"/input_items?order=asc&limit=1&after={(string)first["last_id"]!}");
        Assert.Equal(("msg_two", false), ((string)second["first_id"]!, (bool)second["has_more"]!));

        foreach (var (method, asked, field) in (List<(HttpMethod, string, string?)>)
            [(HttpMethod.Get, "?stream=true&starting_after=3", "stream"), (HttpMethod.Get, "/input_items?after=no", "after"), (HttpMethod.Get, "/input_items?limit=0", "limit"), (HttpMethod.Post, "/cancel", null)])
        {
            using var refused = await run.Edge.Client.SendAsync(new HttpRequestMessage(method, path + asked), Cancellation);
            Assert.Equal((HttpStatusCode.BadRequest, field), (refused.StatusCode, (string?)(await refused.ErrorAsync())["param"]));
        }

        // A conversation goes on from it, as long as it is kept, and says so.
        var next = Say(stream: false).Replace("}", $$""","previous_response_id":"{{(string)answered["id"]!}}"}""", StringComparison.Ordinal);
        var went = JsonNode.Parse((await run.PostAsync(next)).Text)!;
        Assert.Equal(((string)answered["id"]!, true), ((string?)went["previous_response_id"], (bool?)went["store"]));
        Assert.Equal((null, true), ((string?)answered["previous_response_id"], (bool?)answered["store"]));
        Assert.Contains("Hi", run.Sent().ToJsonString(), StringComparison.Ordinal);
        using var deleted = await run.Edge.Client.DeleteAsync(path, Cancellation);
        Assert.Equal($$"""{"id":"{{(string)answered["id"]!}}","object":"response","deleted":true}""", await deleted.TextAsync());
        Assert.Equal(HttpStatusCode.NotFound, (await run.Edge.Client.GetAsync(path, Cancellation)).StatusCode);
        Assert.Equal("previous_response_not_found", (string?)JsonNode.Parse((await run.PostAsync(next)).Text)!["error"]!["code"]);

        async Task<JsonNode> JsonOf(string url)
        {
            using var answer = await run.Edge.Client.GetAsync(url, Cancellation);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return JsonNode.Parse(await answer.TextAsync())!;
        }

        static JsonObject Without(JsonObject json, string name)
        {
            json.Remove(name);
            return json;
        }
    }

    [Fact]
    public async Task Get_OfAnotherAccountOrOfWhatWasNotToBeKept_IsNotFound()
    {
        await using var run = await RunAsync(Http(Whole(Usage(5, 2))));
        var kept = JsonNode.Parse((await run.PostAsync(Say(stream: false))).Text)!;
        var unkept = JsonNode.Parse((await run.PostAsync(Say(stream: false).Replace("}", ",\"store\":false}", StringComparison.Ordinal))).Text)!;
        Assert.Equal(HttpStatusCode.OK, (await run.Edge.Client.GetAsync("/v1/responses/" + (string)kept["id"]!, Cancellation)).StatusCode);
        await Missing((string)unkept["id"]!);
        run.Edge.Client.DefaultRequestHeaders.Authorization = new("Bearer", run.Edge.KeyOf("acct00000002"));
        await Missing((string)kept["id"]!);

        async Task Missing(string id)
        {
            foreach (var (method, path) in (List<(HttpMethod, string)>)[(HttpMethod.Get, ""), (HttpMethod.Delete, ""), (HttpMethod.Post, "/cancel"), (HttpMethod.Get, "/input_items")])
            {
                using var answer = await run.Edge.Client.SendAsync(new HttpRequestMessage(method, $"/v1/responses/{id}{path}"), Cancellation);
                Assert.Equal((HttpStatusCode.NotFound, "response_not_found"), (answer.StatusCode, (string?)(await answer.ErrorAsync())["code"]));
            }
        }
    }

    [Fact]
    public async Task Get_WithoutAKeyInForce_IsRefused()
    {
        await using var run = await RunAsync("");
        run.Edge.Account.OnFindKey = request => new KeyAnswer { Outcome = request.IsRequest ? AdmitOutcome.KeyExpired : AdmitOutcome.Admitted, Epoch = 1 };
        using var expired = await run.Edge.Client.GetAsync("/v1/responses/resp_1", Cancellation);
        Assert.Equal(HttpStatusCode.Forbidden, expired.StatusCode);
        run.Edge.Client.DefaultRequestHeaders.Authorization = null;
        using var missing = await run.Edge.Client.GetAsync("/v1/responses/resp_1", Cancellation);
        Assert.Equal(HttpStatusCode.Unauthorized, missing.StatusCode);
    }

    /// <summary>The channel that made a response has its beginning in its cache; another takes over while it is gone.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Post_WhatGoesOnFromAResponse_GoesToItsChannel(bool stream)
    {
        static string Answer(string id) => Http($$$"""{"object":"response","id":"{{{id}}}","status":"completed","model":"up","output":[{"type":"message","id":"msg_{{{id}}}","role":"assistant","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":5,"output_tokens":2}}""");
        await using var first = new Backend(_ => [Step.Send(Answer("resp_a"))]);
        await using var second = new Backend(_ => [Step.Send(Answer("resp_b"))]);
        await using var edge = await EdgeFixture.StartAsync(
            providers: 2,
            provider: (index, provider) => provider["base_url"] = index == 0 ? first.Url : second.Url,
            channel: (index, channel) => (channel["responses"], channel["priority"]) = (true, index));
        var begun = await AskAsync(null);

        edge.Publish((index, channel) => channel["priority"] = 1 - index);
        await AskAsync(begun);
        Assert.Equal((2, 0), (first.Requests.Count, second.Requests.Count));

        edge.Publish((index, channel) => channel["enabled"] = index == 1);
        await AskAsync(begun);
        Assert.Equal((2, 1), (first.Requests.Count, second.Requests.Count));
        Assert.Contains("Hi", second.Requests.Last(), StringComparison.Ordinal);

        async Task<string> AskAsync(string? previous)
        {
            var request = new JsonObject { ["model"] = "test-model", ["stream"] = stream, ["input"] = "x", ["previous_response_id"] = previous };
            using var answer = await edge.Client.PostAsync("/v1/responses", new StringContent(request.ToJsonString(), System.Text.Encoding.UTF8, "application/json"), Cancellation);
            var text = await answer.TextAsync();
            Assert.True(answer.StatusCode == HttpStatusCode.OK, text);
            return (string)(stream ? Events(text)[^1]["response"]! : JsonNode.Parse(text)!)["id"]!;
        }
    }

    /// <summary>What one account of a provider has encrypted, no other can read: a conversation that changes channels goes on without it.</summary>
    [Fact]
    public async Task Post_ReasoningOfAnotherAccount_IsSentAgainWithout()
    {
        var answers = new Queue<string>(
        [
            Http("""{"error":{"message":"The encrypted content could not be verified.","type":"invalid_request_error","param":null,"code":"invalid_encrypted_content"}}""", status: 400),
            Http("""{"object":"response","id":"resp_p","status":"completed","model":"up","output":[],"usage":{"input_tokens":5,"output_tokens":2}}"""),
        ]);
        var backend = new Backend(_ => [Step.Send(answers.Dequeue())]);
        var edge = await EdgeFixture.StartAsync(provider: (_, provider) => provider["base_url"] = backend.Url, channel: (_, channel) => channel["responses"] = true);
        await using var run = new Run(edge, backend);

        var (status, text) = await run.PostAsync(
            """{"model":"test-model","store":false,"input":[{"role":"user","content":"x"},{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAA"},{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"Hi"}]},{"role":"user","content":"y"}]}""");

        Assert.Equal((HttpStatusCode.OK, "test-model"), (status, (string?)JsonNode.Parse(text)!["model"]));
        Assert.Contains("gAAA", run.Backend.Requests.First(), StringComparison.Ordinal);
        Assert.Equal(
            """[{"role":"user","content":"x"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hi"}]},{"role":"user","content":"y"}]""",
            run.Sent()["input"]!.ToJsonString());
        Assert.Equal(2, run.Backend.Requests.Count);
        Assert.True(Assert.Single(run.Edge.Account.Settled).CostNanos > 0);
    }

    /// <summary>A provider that keeps nothing knows reasoning by its id no more.</summary>
    [Fact]
    public async Task Post_ReasoningThatNobodySigned_IsNotSent()
    {
        await using var run = await RunAsync(Http("""{"object":"response","id":"resp_p","status":"completed","model":"up","output":[]}"""), isNative: true);
        await run.PostAsync("""{"model":"test-model","input":[{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}]},{"role":"user","content":"y"}]}""");
        Assert.Equal("""[{"role":"user","content":"y"}]""", run.Sent()["input"]!.ToJsonString());
    }

    [Fact]
    public async Task Get_OfWhatIsNotKept_SaysSo()
    {
        await using var run = await RunAsync("");
        foreach (var (method, path) in (List<(HttpMethod, string)>)[(HttpMethod.Get, ""), (HttpMethod.Delete, ""), (HttpMethod.Post, "/cancel"), (HttpMethod.Get, "/input_items")])
        {
            using var answer = await run.Edge.Client.SendAsync(new HttpRequestMessage(method, "/v1/responses/resp_1" + path), Cancellation);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            Assert.Equal("response_not_found", (string?)(await answer.ErrorAsync())["code"]);
        }

        using var get = await run.Edge.Client.GetAsync("/v1/responses", Cancellation);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, get.StatusCode);
        using var upgrade = new HttpRequestMessage(HttpMethod.Get, "/v1/responses");
        upgrade.Headers.Connection.Add("Upgrade");
        upgrade.Headers.Upgrade.ParseAdd("websocket");
        using var refused = await run.Edge.Client.SendAsync(upgrade, Cancellation);
        Assert.Equal(HttpStatusCode.UpgradeRequired, refused.StatusCode);
    }

    [Theory]
    [InlineData(true, 77)]
    [InlineData(false, 6)]
    public async Task Count_Input_IsTheProvidersOrAnEstimate(bool isNative, int tokens)
    {
        await using var run = await RunAsync(Http("""{"object":"response.input_tokens","input_tokens":77}"""), isNative);
        var (status, text) = await run.PostAsync("""{"model":"test-model","input":"12345678"}""", "/v1/responses/input_tokens");
        Assert.Equal((HttpStatusCode.OK, $$"""{"object":"response.input_tokens","input_tokens":{{tokens}}}"""), (status, text));
        Assert.Equal(0, Assert.Single(run.Edge.Account.Settled).CostNanos);
        Assert.Equal(isNative ? 1 : 0, run.Backend.Requests.Count);
    }

    private static string Say(bool stream) => $$"""{"model":"test-model","input":"x","stream":{{(stream ? "true" : "false")}}}""";

    private static string Native(string data) => $"event: {(string)JsonNode.Parse(data)!["type"]!}\ndata: {data}\n\n";

    private static List<JsonNode> Events(string stream) => [.. StreamReading.Payloads(stream).Select(payload => JsonNode.Parse(payload)!)];

    private static async Task<Run> RunAsync(string answer, bool isNative = false, bool drops = false)
    {
        var backend = new Backend(_ => [Step.Send(answer)]);
        var edge = await EdgeFixture.StartAsync(
            provider: (_, provider) => provider["base_url"] = backend.Url,
            channel: (_, channel) =>
            {
                channel["responses"] = isNative;
                channel["unpriced"] = drops ? "drop" : "refuse";
            });
        return new Run(edge, backend);
    }

    private sealed record Run(EdgeFixture Edge, Backend Backend) : IAsyncDisposable
    {
        public async Task<(HttpStatusCode Status, string Text)> PostAsync(string body, string path = "/v1/responses")
        {
            using var answer = await Edge.Client.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"), Cancellation);
            return (answer.StatusCode, await answer.TextAsync());
        }

        /// <summary>The body that the provider got last.</summary>
        public JsonNode Sent() => JsonNode.Parse(Backend.Requests.Last()[(Backend.Requests.Last().IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..])!;

        public async ValueTask DisposeAsync()
        {
            await Edge.DisposeAsync();
            await Backend.DisposeAsync();
        }
    }
}
