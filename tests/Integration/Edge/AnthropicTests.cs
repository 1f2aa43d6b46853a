using System.Net;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Tests.Integration.Edge.Cases;
using Xunit;
using static OrleansGateway.Tests.Integration.Edge.Cases.Wire;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>Clients of Anthropic, and a provider that speaks the same.</summary>
public sealed class AnthropicTests
{
    private const string Request = """{"model":"test-model","max_tokens":100,"messages":[{"role":"user","content":"hi"}]}""";

    private const string Start = """{"type":"message_start","message":{"id":"msg_up","type":"message","role":"assistant","model":"up-claude","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":20,"cache_read_input_tokens":10,"output_tokens":1}}}""";

    private const string Whole = """{"id":"msg_up","type":"message","role":"assistant","model":"up-claude","content":[{"type":"thinking","thinking":"Hm","signature":"s"},{"type":"text","text":"hello"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":20,"output_tokens":7,"odd":1.50}}""";

    private static readonly string Answer = string.Concat(
        Event(Start),
        Event("""{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"""),
        Event("""{"type":"ping"}"""),
        Event("""{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}"""),
        Event("""{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQ="}}"""),
        Event("""{"type":"content_block_stop","index":0}"""),
        Event("""{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}"""),
        Event("""{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}"""),
        Event("""{"type":"content_block_stop","index":1}"""),
        Event("""{"type":"new_event","x":1}"""),
        Event("""{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":15}}"""),
        Event("""{"type":"message_stop"}"""));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static string Event(string data) => $"event: {data[9..data.IndexOf('"', 9)]}\ndata: {data}\n\n";

    [Fact]
    public async Task Post_Stream_PassesThroughUnderTheNameThatWasAskedFor()
    {
        await using var run = await Run.StartAsync(Step.Trickle(Stream(Answer)));
        using var response = await run.PostAsync(Request.Insert(1, "\"stream\":true,"), "/v1/messages?beta=true");
        Assert.Equal((HttpStatusCode.OK, "text/event-stream"), (response.StatusCode, response.Content.Headers.ContentType!.MediaType));
        Assert.Equal(Answer.Replace("up-claude", "test-model", StringComparison.Ordinal), await response.TextAsync());
        var settled = Assert.Single(run.Edge.Account.Settled);
        Assert.Equal((20, 10, 15, false), (settled.Usage[Unit.Input], settled.Usage[Unit.CachedInput], settled.Usage[Unit.Output], settled.Usage.IsEstimated));
        Assert.Equal(("/v1/messages", RequestStatus.Completed), (settled.Ticket.Endpoint, settled.Status));
    }

    [Fact]
    public async Task Post_Whole_PassesThroughUnderTheNameThatWasAskedFor()
    {
        await using var run = await Run.StartAsync(Step.Send(Http(Whole)));
        using var response = await run.PostAsync(Request);
        Assert.Equal(Whole.Replace("up-claude", "test-model", StringComparison.Ordinal), await response.TextAsync());
        Assert.Equal((20_000 + 70_000, false), (Assert.Single(run.Edge.Account.Settled).CostNanos, run.Edge.Account.Settled.Single().Usage.IsEstimated));
        Assert.Equal(response.Header("x-request-id"), response.Header("request-id"));
    }

    [Fact]
    public async Task Post_Request_GoesOnByteForByteWithItsOwnHeadersAlone()
    {
        var body = """{"model" : "test-model", "max_tokens":100,"messages":[{"role":"user","content":[{"type":"text","text":"中\u4e2d","cache_control":{"type":"ephemeral","ttl":"1h"}}]},{"role":"system","content":"s"}],"temperature":1.0,"context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}}""";
        await using var run = await Run.StartAsync(Step.Send(Http(Whole)));
        using var response = await run.PostAsync(body, change: request =>
        {
            request.Headers.TryAddWithoutValidation("anthropic-version", "2026-10-21");
            request.Headers.TryAddWithoutValidation("anthropic-beta", "per-turn-control-2026-07-01,unknown-2030-01-01");
            request.Headers.TryAddWithoutValidation("x-app", "cli");
            request.Headers.TryAddWithoutValidation("Cookie", "a=b");
        });
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var sent = Assert.Single(run.Provider.Requests);
        Assert.StartsWith("POST /v1/messages HTTP/1.1", sent, StringComparison.Ordinal);
        Assert.EndsWith(body.Replace("\"test-model\"", "\"up-claude\"", StringComparison.Ordinal), sent, StringComparison.Ordinal);
        Assert.Contains("anthropic-version: 2026-10-21\r\n", sent, StringComparison.Ordinal);
        Assert.Contains("anthropic-beta: per-turn-control-2026-07-01,unknown-2030-01-01\r\n", sent, StringComparison.Ordinal);
        Assert.Contains($"x-api-key: {EdgeFixture.ProviderKey}\r\n", sent, StringComparison.Ordinal);
        Assert.DoesNotContain("sk-og-", sent, StringComparison.Ordinal);
        Assert.DoesNotContain("Cookie", sent, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("x-app", sent, StringComparison.Ordinal);
        Assert.DoesNotContain("Authorization", sent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_WithoutAVersion_GetsOne()
    {
        await using var run = await Run.StartAsync(Step.Send(Http(Whole)));
        using var response = await run.PostAsync(Request, change: request =>
        {
            request.Headers.Authorization = null;
            request.Headers.TryAddWithoutValidation("x-api-key", run.Edge.Key);
        });
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("anthropic-version: 2023-06-01\r\n", Assert.Single(run.Provider.Requests), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_AnswerInTheOtherForm_IsTurnedIntoWhatWasAskedFor()
    {
        await using var streamed = await Run.StartAsync(Step.Send(Stream(Answer)));
        using var whole = await streamed.PostAsync(Request);
        var message = JsonNode.Parse(await whole.TextAsync())!;
        Assert.Equal(
            """[{"type":"thinking","thinking":"Hm","signature":"EqQ="},{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}]""",
            message["content"]!.ToJsonString());
        Assert.Equal(("tool_use", "test-model", 15), ((string)message["stop_reason"]!, (string)message["model"]!, (int)message["usage"]!["output_tokens"]!));

        await using var sentWhole = await Run.StartAsync(Step.Send(Http(Whole)));
        using var stream = await sentWhole.PostAsync(Request.Insert(1, "\"stream\":true,"));
        var text = await stream.TextAsync();
        Assert.Contains("\"text_delta\",\"text\":\"hello\"", text, StringComparison.Ordinal);
        Assert.EndsWith("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", text, StringComparison.Ordinal);
        Assert.Equal(7, Assert.Single(sentWhole.Edge.Account.Settled).Usage.TotalOutput);
    }

    [Theory]
    [InlineData("", 400, "invalid_request_error")]
    [InlineData("{", 400, "invalid_request_error")]
    [InlineData("""{"model":"test-model","messages":[{"role":"user","content":"x"}]}""", 400, "max_tokens")]
    [InlineData("""{"model":"test-model","max_tokens":-1,"messages":[{"role":"user","content":"x"}]}""", 400, "max_tokens")]
    [InlineData("""{"model":"test-model","max_tokens":5,"messages":[]}""", 400, "messages")]
    [InlineData("""{"model":"test-model","max_tokens":5,"messages":[{"role":"tool","content":"x"}]}""", 400, "messages.0.role")]
    [InlineData("""{"model":"test-model","max_tokens":5,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"file_1"}}]}]}""", 404, "messages.0.content.0")]
    [InlineData("""{"model":"nobody","max_tokens":5,"messages":[{"role":"user","content":"x"}]}""", 404, "nobody")]
    [InlineData("""{"model":"test-model","max_tokens":5,"messages":[{"role":"user","content":"x"}],"tools":[{"type":"code_execution_20250825","name":"code_execution"}]}""", 400, "tools.0.type")]
    [InlineData("""{"model":"test-model","max_tokens":5,"messages":[{"role":"user","content":"x"}],"container":"c_1"}""", 404, "container")]
    [InlineData("""{"model":"test-model","max_tokens":5,"messages":[{"role":"user","content":"x"}],"speed":"fast"}""", 400, "speed")]
    public async Task Post_WhatIsWrong_IsRefusedInItsFormAndCostsNothing(string body, int status, string named)
    {
        await using var run = await Run.StartAsync(Step.Send(Http(Whole)));
        using var response = await run.PostAsync(body);
        var text = await response.TextAsync();
        Assert.True(status == (int)response.StatusCode, text);
        var error = JsonNode.Parse(text)!;
        Assert.Equal(("error", status == 404 ? "not_found_error" : "invalid_request_error"), ((string)error["type"]!, (string)error["error"]!["type"]!));
        Assert.Equal(response.Header("request-id"), (string)error["request_id"]!);
        Assert.Contains(named, text, StringComparison.Ordinal);
        Assert.Empty(run.Edge.Account.Admitted);
        Assert.Empty(run.Provider.Requests);
    }

    /// <summary>Clients that have to name a limit name one that suits their own models: Claude Code always says 32,000.</summary>
    [Fact]
    public async Task Post_ALimitAboveTheModels_IsLoweredToIt()
    {
        await using var run = await Run.StartAsync(Step.Send(Http(Whole)));
        using var response = await run.PostAsync("""{"model":"test-model","max_tokens":32000,"messages":[{"role":"user","content":"x"}]}""");
        Assert.True(response.IsSuccessStatusCode, await response.TextAsync());
        Assert.Contains("\"max_tokens\":4096,", Assert.Single(run.Provider.Requests), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_ALimitAboveTheModels_IsLoweredToThat()
    {
        await using var run = await Run.StartAsync(Step.Send(Http(Whole)));
        using var response = await run.PostAsync(Request.Replace("100", "5000", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("\"max_tokens\":4096,", Assert.Single(run.Provider.Requests), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_AThread_IsAnsweredSoThatSdksSendTheWhole()
    {
        await using var run = await Run.StartAsync(Step.Send(Http(Whole)));
        foreach (var field in new[] { "\"thread\":{\"type\":\"create\"},", "\"previous_message_id\":\"msg_1\"," })
        {
            using var response = await run.PostAsync(Request.Insert(1, field));
            var error = JsonNode.Parse(await response.TextAsync())!["error"]!;
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            Assert.Equal("""{"error_code":"thread_unsupported_request","unsupported":["thread"]}""", error["details"]!.ToJsonString());
        }
    }

    [Fact]
    public async Task Post_WithoutAKey_Is401InItsForm()
    {
        await using var run = await Run.StartAsync(Step.Send(Http(Whole)));
        run.Edge.Client.DefaultRequestHeaders.Authorization = null;
        using var response = await run.PostAsync(Request);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("authentication_error", (string)JsonNode.Parse(await response.TextAsync())!["error"]!["type"]!);
    }

    [Theory]
    [InlineData(400, """{"type":"error","error":{"type":"invalid_request_error","message":"messages.0: bad"},"request_id":"req_up"}""", 400, "invalid_request_error")]
    [InlineData(400, """{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access"}}""", 529, "overloaded_error")]
    [InlineData(401, """{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}""", 502, "api_error")]
    [InlineData(413, """{"type":"error","error":{"type":"request_too_large","message":"x"}}""", 413, "request_too_large")]
    [InlineData(429, """{"type":"error","error":{"type":"rate_limit_error","message":"x"}}""", 429, "rate_limit_error")]
    [InlineData(500, """{"type":"error","error":{"type":"api_error","message":"x"}}""", 529, "overloaded_error")]
    [InlineData(529, """{"type":"error","error":{"type":"overloaded_error","message":"x"}}""", 529, "overloaded_error")]
    public async Task Post_AnErrorOfTheProvider_IsToldInItsForm(int sent, string body, int status, string type)
    {
        await using var run = await Run.StartAsync(Step.Send(Http(body, sent)));
        using var response = await run.PostAsync(Request);
        var text = await response.TextAsync();
        Assert.Equal((status, type), ((int)response.StatusCode, (string)JsonNode.Parse(text)!["error"]!["type"]!));
        Assert.DoesNotContain("req_up", text, StringComparison.Ordinal);
        Assert.Equal(0, Assert.Single(run.Edge.Account.Settled).CostNanos);
    }

    [Fact]
    public async Task Post_AnErrorInTheStreamBeforeContent_IsAnErrorOfTheResponse()
    {
        await using var run = await Run.StartAsync(Step.Send(Stream(Event(Start), Event("""{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"""))));
        using var response = await run.PostAsync(Request.Insert(1, "\"stream\":true,"));
        Assert.Equal((529, "application/json"), ((int)response.StatusCode, response.Content.Headers.ContentType!.MediaType));
        Assert.Equal(0, Assert.Single(run.Edge.Account.Settled).CostNanos);
    }

    [Theory]
    [InlineData("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"secret.example.com\"}}\n\n")]
    [InlineData("event: content_block_delta\ndata: {\"type\":\"content_bl")]
    public async Task Post_AFaultInMidStream_IsOneErrorEventAndWhatCameIsCharged(string fault)
    {
        var begin = Answer[..Answer.IndexOf("event: content_block_stop", StringComparison.Ordinal)];
        await using var run = await Run.StartAsync(Step.Send(Stream(begin, fault)));
        using var response = await run.PostAsync(Request.Insert(1, "\"stream\":true,"));
        var text = await response.TextAsync();
        Assert.StartsWith(begin.Replace("up-claude", "test-model", StringComparison.Ordinal), text, StringComparison.Ordinal);
        var last = text[begin.Replace("up-claude", "test-model", StringComparison.Ordinal).Length..];
        Assert.StartsWith("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"", last.Replace("api_error", "overloaded_error", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain("message_stop", text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
        var settled = Assert.Single(run.Edge.Account.Settled);
        Assert.True(settled.CostNanos > 0);
        Assert.Equal(RequestStatus.ProviderError, settled.Status);
    }

    [Fact]
    public async Task Post_ASearchThatIsSold_IsChargedAsReported()
    {
        await using var run = await Run.StartAsync(
            model => (model["prices"]![0]!["per_search"], model["bounds"]) = ("0.01", new JsonObject { ["searches"] = 5 }),
            Step.Send(Http(Whole.Replace("\"odd\":1.50", "\"server_tool_use\":{\"web_search_requests\":2}", StringComparison.Ordinal))));
        using var response = await run.PostAsync(Request.Insert(1, "\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\",\"max_uses\":3}],"));
        Assert.True(response.StatusCode == HttpStatusCode.OK, await response.TextAsync());
        var settled = Assert.Single(run.Edge.Account.Settled);
        Assert.Equal((2, 20_000_000 + 90_000), (settled.Usage[Unit.Searches], settled.CostNanos));
    }

    [Theory]
    [InlineData("/v1/messages/batches", "POST", 404)]
    [InlineData("/v1/messages", "GET", 405)]
    [InlineData("/v1/messages/count_tokens", "PUT", 405)]
    public async Task AnotherAddressOrMethod_IsRefusedInItsForm(string path, string method, int status)
    {
        await using var run = await Run.StartAsync(Step.Send(Http(Whole)));
        using var response = await run.Edge.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path), Cancellation);
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("error", (string)JsonNode.Parse(await response.TextAsync())!["type"]!);
    }

    [Fact]
    public async Task Hello_IsThere()
    {
        await using var run = await Run.StartAsync(Step.Send(Http(Whole)));
        using var response = await run.Edge.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/api/hello"), Cancellation);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Models_AskedInItsForm_AreListedByPages()
    {
        await using var run = await Run.StartAsync(Step.Send(Http(Whole)));
        run.Edge.Client.DefaultRequestHeaders.Add("anthropic-version", "2023-06-01");
        var all = await GetAsync("/v1/models?limit=1000");
        Assert.Equal(["test-model", "test-alias"], all["data"]!.AsArray().Select(model => (string)model!["id"]!));
        Assert.Equal(
            """{"type":"model","id":"test-model","display_name":"test-model","created_at":"2026-01-01T00:00:00Z","max_input_tokens":128000,"max_tokens":4096}""",
            all["data"]![0]!.ToJsonString());
        Assert.Equal((false, "test-model", "test-alias"), ((bool)all["has_more"]!, (string)all["first_id"]!, (string)all["last_id"]!));
        var first = await GetAsync("/v1/models?limit=1");
        Assert.Equal((true, "test-model"), ((bool)first["has_more"]!, (string)first["last_id"]!));
        var next = await GetAsync("/v1/models?limit=1&after_id=test-model");
        Assert.Equal((false, "test-alias"), ((bool)next["has_more"]!, (string)next["first_id"]!));
        var before = await GetAsync("/v1/models?limit=5&before_id=test-alias");
        Assert.Equal((false, "test-model"), ((bool)before["has_more"]!, (string)before["last_id"]!));
        Assert.Equal("test-alias", (string)(await GetAsync("/v1/models/test-alias"))["id"]!);
        using var missing = await run.Edge.Client.GetAsync("/v1/models/nobody", Cancellation);
        Assert.Equal((HttpStatusCode.NotFound, "not_found_error"), (missing.StatusCode, (string)JsonNode.Parse(await missing.TextAsync())!["error"]!["type"]!));

        async Task<JsonNode> GetAsync(string url) => JsonNode.Parse(await run.Edge.Client.GetStringAsync(url, Cancellation))!;
    }

    [Fact]
    public async Task Count_OfANativeProvider_IsPassedOnAndFree()
    {
        await using var run = await Run.StartAsync(Step.Send(Http("""{"input_tokens":1234}""")));
        using var response = await run.PostAsync("""{"model":"test-model","stream":true,"messages":[{"role":"user","content":"hi"}]}""", "/v1/messages/count_tokens?beta=true");
        Assert.Equal("""{"input_tokens":1234}""", await response.TextAsync());
        Assert.StartsWith("POST /v1/messages/count_tokens ", Assert.Single(run.Provider.Requests), StringComparison.Ordinal);
        Assert.Equal((0, 0), (Assert.Single(run.Edge.Account.Settled).CostNanos, Assert.Single(run.Edge.Account.Admitted).MostNanos));
    }

    [Theory]
    [InlineData("anthropic")]
    [InlineData("openai")]
    public async Task Count_ThatNoProviderAnswers_IsAnEstimate(string kind)
    {
        await using var run = await Run.StartAsync(null, kind, Step.Send(Http("{}", 500)));
        using var response = await run.PostAsync("""{"model":"test-model","messages":[{"role":"user","content":"12345678"}]}""", "/v1/messages/count_tokens");
        Assert.Equal((HttpStatusCode.OK, """{"input_tokens":6}"""), (response.StatusCode, await response.TextAsync()));
        Assert.Equal(kind == "openai" ? 0 : 1, run.Provider.Requests.Count);
        Assert.Equal(0, Assert.Single(run.Edge.Account.Settled).CostNanos);
    }

    [Fact]
    public async Task Post_Limits_AreToldInItsFormToo()
    {
        await using var run = await Run.StartAsync(Step.Send(Http(Whole)));
        run.Edge.Account.OnAdmit = request => Task.FromResult(FakeAccount.Admit(request) with
        {
            Rates = new RateStanding { RequestsLimit = 10, RequestsRemaining = 9, RequestsResetMs = 6000 },
        });
        using var response = await run.PostAsync(Request);
        Assert.Equal(("10", "9", "9"), (response.Header("anthropic-ratelimit-requests-limit"), response.Header("anthropic-ratelimit-requests-remaining"), response.Header("x-ratelimit-remaining-requests")));
        Assert.True(DateTimeOffset.Parse(response.Header("anthropic-ratelimit-requests-reset")!, System.Globalization.CultureInfo.InvariantCulture) > DateTimeOffset.UtcNow);
    }

    /// <summary>Both ways: passed through, and translated from a provider of Chat Completions.</summary>
    [Theory]
    [InlineData("anthropic")]
    [InlineData("openai")]
    public async Task Post_MoneyThatRunsOut_EndsTheStreamAsAtItsLimit(string kind)
    {
        await using var edge = await EdgeFixture.StartAsync(provider: (_, provider) => provider["kind"] = kind);
        edge.Account.OnAdmit = request => Task.FromResult(FakeAccount.Admit(request, most: false));
        edge.Account.OnExtend = request => Task.FromResult(new ExtendAnswer(ExtendOutcome.Refused, 1, request.Ticket.TotalNanos));
        edge.Provider.Defaults = edge.Provider.Defaults with { Tokens = 2000 };
        using var response = await edge.PostAsync(
            """{"model":"test-model","max_tokens":4000,"stream":true,"messages":[{"role":"user","content":"hi"}]}""",
            request => request.RequestUri = new Uri("/v1/messages", UriKind.Relative));
        var text = await response.TextAsync();
        Assert.Contains(": og_notice", text, StringComparison.Ordinal);
        Assert.Single(StreamReading.Payloads(text), payload => payload.Contains("\"message_start\"", StringComparison.Ordinal));
        Assert.Equal(
            ["content_block_stop", "message_delta", "message_stop"],
            StreamReading.Payloads(text).TakeLast(3).Select(payload => (string)JsonNode.Parse(payload)!["type"]!));
        Assert.Contains("\"stop_reason\":\"max_tokens\"", text, StringComparison.Ordinal);
        Assert.Equal(RequestStatus.FundsExhausted, Assert.Single(edge.Account.Settled).Status);
    }

    [Fact]
    public async Task Post_WithoutMoney_Is402AndNotToBeRepeated()
    {
        await using var run = await Run.StartAsync(Step.Send(Http(Whole)));
        run.Edge.Account.OnAdmit = _ => Task.FromResult(new AdmitAnswer { Outcome = AdmitOutcome.InsufficientFunds, Epoch = 1 });
        using var response = await run.PostAsync(Request);
        Assert.Equal(("billing_error", "false"), ((string)JsonNode.Parse(await response.TextAsync())!["error"]!["type"]!, response.Header("x-should-retry")));
        Assert.Equal(402, (int)response.StatusCode);
    }

    /// <summary>A relay before one scripted provider.</summary>
    private sealed class Run : IAsyncDisposable
    {
        private Run(Backend provider, EdgeFixture edge) => (Provider, Edge) = (provider, edge);

        public Backend Provider { get; }

        public EdgeFixture Edge { get; }

        public static Task<Run> StartAsync(params Step[] steps) => StartAsync(null, "anthropic", steps);

        public static Task<Run> StartAsync(Action<JsonObject> model, params Step[] steps) => StartAsync(model, "anthropic", steps);

        public static async Task<Run> StartAsync(Action<JsonObject>? model, string kind, params Step[] steps)
        {
            var backend = new Backend(_ => steps);
            var edge = await EdgeFixture.StartAsync(
                provider: (_, provider) => (provider["kind"], provider["base_url"], provider["unknown_fields"]) = (kind, backend.Url, "refuse"),
                channel: (_, channel) => channel["models"] = new JsonObject { ["test-model"] = "up-claude" },
                model: model);
            return new Run(backend, edge);
        }

        public Task<HttpResponseMessage> PostAsync(string body, string path = "/v1/messages", Action<HttpRequestMessage>? change = null) =>
            Edge.PostAsync(body, request =>
            {
                request.RequestUri = new Uri(path, UriKind.Relative);
                change?.Invoke(request);
            });

        public async ValueTask DisposeAsync()
        {
            await Edge.DisposeAsync();
            await Provider.DisposeAsync();
        }
    }
}
