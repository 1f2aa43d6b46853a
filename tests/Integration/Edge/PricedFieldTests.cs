using System.Net;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Tests.Integration.Edge.Cases;
using Xunit;
using static OrleansGateway.Tests.Integration.Edge.Cases.Wire;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>
/// Fields that change the price. Per million tokens: input $1, output $4; half for the tier flex, double for priority; a search $0.01.
/// </summary>
public sealed class PricedFieldTests
{
    private const long SearchNanos = 10_000_000;
    private const string NoSearchPrice = "none";

    /// <summary>The tier that is asked for and the one that serves it, and what 1,000 tokens of input and 100 of output cost then.</summary>
    [Theory]
    [InlineData(null, null, 1_400_000, "test-model@1")]
    [InlineData(null, "priority", 1_400_000, "test-model@1")]
    [InlineData("auto", "default", 1_400_000, "test-model@1")]
    [InlineData("flex", "flex", 700_000, "test-model@1#flex")]
    [InlineData("flex", null, 1_400_000, "test-model@1")]
    [InlineData("priority", null, 2_800_000, "test-model@1#priority")]
    [InlineData("flex", "default", 1_400_000, "test-model@1")]
    [InlineData("priority", "priority", 2_800_000, "test-model@1#priority")]
    [InlineData("priority", "default", 1_400_000, "test-model@1")]
    [InlineData("priority", "flex", 2_800_000, "test-model@1#priority")]
    public async Task ServiceTier_Sold_IsChargedByTheTierThatServed(string? asked, string? served, long nanos, string price)
    {
        var tier = served is null ? "" : $"\"service_tier\":\"{served}\",";
        var whole = Whole(Usage(1000, 100)).Replace("{\"id\"", $"{{{tier}\"id\"", StringComparison.Ordinal);
        var stream = Stream(Text("a"), Fin(), Use(1000, 100), Done).Replace("{\"id\"", $"{{{tier}\"id\"", StringComparison.Ordinal);
        await using var backend = new Backend(request => [Step.Send(IsStream(request) ? stream : Http(whole))]);
        await using var edge = await StartAsync(backend);

        foreach (var isStream in new[] { false, true })
        {
            using var response = await edge.PostAsync(Body(isStream, body => body["service_tier"] = asked));

            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            await response.TextAsync();
            edge.Account.Settled.TryDequeue(out var settled);
            Assert.Equal((nanos, price), (settled!.CostNanos, settled.Ticket.PriceId));
            edge.Account.Admitted.TryDequeue(out var admitted);
            Assert.InRange(settled.CostNanos, 1, admitted!.MostNanos);
        }

        // The body goes on as it came.
        Assert.All(backend.Requests, request => Assert.Equal(asked is not null, request.Contains($"\"service_tier\":\"{asked}\"", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task ServiceTier_Dearer_IsHeldForItsPrice()
    {
        await using var backend = new Backend(_ => [Step.Send(Http(Whole(Usage(1, 1))))]);
        await using var edge = await StartAsync(backend);

        foreach (var tier in new[] { "priority", "flex", null })
        {
            using var response = await edge.PostAsync(Body(false, body => body["service_tier"] = tier));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        var held = edge.Account.Admitted.Select(request => request.MostNanos).ToList();
        Assert.InRange(held[0], 2 * held[2], (2 * held[2]) + 1_000_000);

        // A flex request may be served, and charged, in the usual tier.
        Assert.InRange(held[1], held[2], held[2] + 1_000_000);
    }

    /// <summary>What is asked for without a price: the field that the error names.</summary>
    [Theory]
    [InlineData("""{"service_tier":"scale"}""", "service_tier")]
    [InlineData("""{"tools":[{"type":"function","function":{"name":"f"}},{"type":"web_search"}]}""", "tools[1].type")]
    [InlineData("""{"tools":[{"type":"code_interpreter","container":{"type":"auto"}}]}""", "tools[0].type")]
    [InlineData("""{"web_search_options":{}}""", "web_search_options")]
    [InlineData("""{"enable_search":true}""", "enable_search")]
    [InlineData("""{"search_parameters":{"mode":"on"}}""", "search_parameters")]
    public async Task Field_WithoutAPrice_IsRefusedAndNamed(string fields, string param)
    {
        await using var backend = new Backend(_ => [Step.Send(Http(Whole(Usage(1, 1))))]);
        await using var edge = await StartAsync(backend, search: NoSearchPrice);

        using var response = await edge.PostAsync(Body(false, body => Merge(body, fields)));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        var error = JsonNode.Parse(await response.TextAsync())!["error"]!;
        Assert.Equal((param, "invalid_request_error", "unsupported_value"), ((string?)error["param"], (string?)error["type"], (string?)error["code"]));
        Assert.Empty(edge.Account.Admitted);
        Assert.Empty(backend.Requests);
    }

    /// <summary>The same on a channel that drops them: what reaches the provider.</summary>
    [Theory]
    [InlineData("""{"service_tier":"scale","top_p":1}""", """ "top_p":1} """)]
    [InlineData("""{"tools":[{"type":"function","function":{"name":"f"}},{"type":"web_search"}],"tool_choice":"auto"}""", """ "tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto"} """)]
    [InlineData("""{"tools":[{"type":"web_search"},{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"web_search"}}""", """ "tools":[{"type":"function","function":{"name":"f"}}]} """)]
    [InlineData("""{"tools":[{"type":"code_interpreter"}],"tool_choice":"auto","parallel_tool_calls":true,"top_p":1.0}""", """ "top_p":1.0} """)]
    [InlineData("""{"web_search_options":{"user_location":{"type":"approximate"}},"seed":7}""", """ "seed":7} """)]
    [InlineData("""{"enable_search":true,"seed":7}""", """ "seed":7} """)]
    public async Task Field_WithoutAPrice_IsLeftOutForAChannelThatDropsIt(string fields, string end)
    {
        await using var backend = new Backend(_ => [Step.Send(Http(Whole(Usage(10, 1))))]);
        await using var edge = await StartAsync(backend, channel: channel => channel["unpriced"] = "drop", search: NoSearchPrice);

        using var response = await edge.PostAsync(Body(false, body => Merge(body, fields)));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.EndsWith("""{"model":"test-model","messages":[{"role":"user","content":"hi"}],""" + end.Trim(), Assert.Single(backend.Requests), StringComparison.Ordinal);
        Assert.Equal(14_000, Assert.Single(edge.Account.Settled).CostNanos);
    }

    /// <summary>Searches: what the provider says of them, and how many are charged.</summary>
    [Theory]
    [InlineData("", 1)]
    [InlineData(""","plugins":{"search":{"count":0,"strategy":"agent"}}""", 0)]
    [InlineData(""","plugins":{"search":{"count":2}}""", 2)]
    [InlineData(""","x_tools":{"web_search":{"count":2}}""", 2)]
    [InlineData(""","x_details":[{"input_tokens":5,"plugins":{"web_search":{"count":2}}}]""", 2)]
    [InlineData(""","server_tool_use_details":{"web_search_requests":2}""", 2)]
    public async Task Search_Sold_IsHeldAndCharged(string told, int searches)
    {
        var usage = Usage(10, 1).Replace("} }", "}" + told + "}", StringComparison.Ordinal);
        await using var backend = new Backend(_ => [Step.Send(Http(Whole(usage)))]);
        await using var edge = await StartAsync(backend, model: model => model["bounds"] = new JsonObject { ["searches"] = 3 });

        using var response = await edge.PostAsync(Body(false, body => body["enable_search"] = true));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var settled = Assert.Single(edge.Account.Settled);
        Assert.Equal((14_000 + (searches * SearchNanos), searches), (settled.CostNanos, settled.Usage[Unit.Searches]));

        // Three searches, and three times the window for what they find.
        Assert.InRange(Assert.Single(edge.Account.Admitted).MostNanos, (3 * SearchNanos) + (3 * 128_000_000L), (3 * SearchNanos) + (4 * 128_000_000L));
    }

    /// <summary>Moonshot's search: what the answer calls, and how many searches are charged.</summary>
    [Theory]
    [InlineData("""{"role":"assistant","content":"hi"}""", 0)]
    [InlineData("""{"role":"assistant","content":"$web_search"}""", 0)]
    [InlineData("""{"role":"assistant","tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":"{\"name\":\"$web_search\"}"}}]}""", 0)]
    [InlineData("""{"role":"assistant","tool_calls":[{"index":0,"id":"t","type":"builtin_function","function":{"name":"$web_search","arguments":"{}"}}]}""", 1)]
    [InlineData("""{"role":"assistant","tool_calls":[{"index":0,"id":"t","type":"builtin_function","function":{"name":"$web_search","arguments":""}},{"index":1,"id":"u","function":{"name":"$web_search","arguments":"{}"}}]}""", 1)]
    public async Task Search_ThatIsCalled_IsChargedOnceForEachAnswerThatCallsIt(string message, int searches)
    {
        var stream = Stream(Wire.Delta(message), Fin(reason: "tool_calls"), Use(10, 1), Done);
        await using var backend = new Backend(request => [Step.Send(IsStream(request) ? stream : Http(Whole(Usage(10, 1), message)))]);
        await using var edge = await StartAsync(backend);

        foreach (var isStream in new[] { false, true })
        {
            using var response = await edge.PostAsync(Body(
                isStream, body => Merge(body, """{"tools":[{"type":"builtin_function","function":{"name":"$web_search"}},{"type":"function","function":{"name":"f"}}]}""")));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            await response.TextAsync();
            edge.Account.Settled.TryDequeue(out var settled);
            Assert.Equal((14_000 + (searches * SearchNanos), searches), (settled!.CostNanos, settled.Usage[Unit.Searches]));
            edge.Account.Admitted.TryDequeue(out var admitted);

            // One search; what it finds is input of the next request.
            Assert.InRange(admitted!.MostNanos, SearchNanos + (4096 * 4000), SearchNanos + (4096 * 4000) + 1_000_000);
        }
    }

    [Theory]
    [InlineData("""{"type":"builtin_function","function":{"name":"$code_runner"}}""")]
    [InlineData("""{"type":"builtin_function","function":{"name":"$web_search","name":"$code_runner"}}""")]
    [InlineData("""{"type":"builtin_function"}""")]
    public async Task ToolThatIsCalled_OtherThanTheSearch_IsRefused(string tool)
    {
        await using var backend = new Backend(_ => [Step.Send(Http(Whole(Usage(1, 1))))]);
        await using var edge = await StartAsync(backend);
        using var response = await edge.PostAsync($$"""{"model":"test-model","messages":[{"role":"user","content":"hi"}],"tools":[{{tool}}]}""");
        Assert.Equal((HttpStatusCode.BadRequest, "tools[0].type"), (response.StatusCode, (string?)(await response.ErrorAsync())["param"]));
        Assert.Empty(edge.Account.Admitted);
    }

    /// <summary>Clients ask for it with every request: one that fits into the usual window costs no more for it.</summary>
    [Fact]
    public async Task Beta_OfALargerWindow_ShortRequest_GoesOnWhole()
    {
        await using var backend = new Backend(_ => [Step.Send(Http("""{"id":"m","type":"message","role":"assistant","model":"m","content":[],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":1}}"""))]);
        await using var edge = await EdgeFixture.StartAsync(
            provider: (_, provider) => (provider["kind"], provider["base_url"]) = ("anthropic", backend.Url), model: model => model["context_window"] = 200_000);
        using var response = await edge.PostAsync(
            """{"model":"test-model","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}""",
            request =>
            {
                request.RequestUri = new Uri("/v1/messages", UriKind.Relative);
                request.Headers.Add("anthropic-beta", "a-1, context-1m-2025-08-07,b-2");
            });
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("anthropic-beta: a-1, context-1m-2025-08-07,b-2\r\n", Assert.Single(backend.Requests), StringComparison.Ordinal);
    }

    /// <summary>A window beyond the one that the model is sold with: refused, left out, or, where the model has it, held for.</summary>
    [Theory]
    [InlineData(200_000, false, "refused")]
    [InlineData(200_000, true, "a-1,b-2")]
    [InlineData(1_000_000, false, "a-1, context-1m-2025-08-07,b-2")]
    public async Task Beta_OfALargerWindow_GoesOnOnlyWhereTheModelIsSoldWithIt(int window, bool drops, string sent)
    {
        await using var backend = new Backend(_ => [Step.Send(Http("""{"id":"m","type":"message","role":"assistant","model":"m","content":[],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":1}}"""))]);
        await using var edge = await EdgeFixture.StartAsync(
            provider: (_, provider) => (provider["kind"], provider["base_url"]) = ("anthropic", backend.Url),
            channel: (_, channel) => channel["unpriced"] = drops ? "drop" : "refuse",
            model: model => model["context_window"] = window);
        using var response = await edge.PostAsync(
            """{"model":"test-model","max_tokens":10,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"url","url":"https://example.com/long.pdf"}}]}]}""",
            request =>
            {
                request.RequestUri = new Uri("/v1/messages", UriKind.Relative);
                request.Headers.Add("anthropic-beta", "a-1, context-1m-2025-08-07,b-2");
            });
        if (sent == "refused")
        {
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            Assert.Contains("'anthropic-beta': 'context-1m-2025-08-07' is not sold here", await response.TextAsync(), StringComparison.Ordinal);
            Assert.Empty(edge.Account.Admitted);
            return;
        }

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains($"anthropic-beta: {sent}\r\n", Assert.Single(backend.Requests), StringComparison.Ordinal);
        Assert.InRange(Assert.Single(edge.Account.Admitted).MostNanos, window * 1000L, (window * 1000L) + 1_000_000);
    }

    /// <summary>The provider is told how many searches are paid for, where its protocol has a word for it.</summary>
    [Theory]
    [InlineData("anthropic", "/v1/messages", """{"model":"test-model","max_tokens":10,"tools":[{"type":"web_search_20260209","name":"web_search","max_uses":9}],"messages":[{"role":"user","content":"hi"}]}""", "\"max_uses\":3}")]
    [InlineData("openai", "/v1/responses", """{"model":"test-model","max_output_tokens":10,"tools":[{"type":"web_search"}],"input":"hi"}""", "\"max_tool_calls\":3,")]
    public async Task Searches_BeyondTheModels_AreLoweredToThem(string kind, string path, string body, string sent)
    {
        await using var backend = new Backend(_ => [Step.Send(Http("{}", 400))]);
        await using var edge = await EdgeFixture.StartAsync(
            provider: (_, provider) => (provider["kind"], provider["base_url"]) = (kind, backend.Url),
            channel: (_, channel) => channel["responses"] = true,
            model: model =>
            {
                model["bounds"] = new JsonObject { ["searches"] = 3 };
                model["prices"]![0]!["per_search"] = "0.01";
            });
        using var response = await edge.PostAsync(body, request => request.RequestUri = new Uri(path, UriKind.Relative));
        Assert.Contains(sent, Assert.Single(backend.Requests), StringComparison.Ordinal);
        Assert.InRange(Assert.Single(edge.Account.Admitted).MostNanos, 3 * SearchNanos, long.MaxValue);
    }

    /// <summary>An hour's cache is held for where it is asked for, and only there.</summary>
    [Theory]
    [InlineData("5m", 125)]
    [InlineData("1h", 200)]
    public async Task CacheMark_OfAnHour_IsHeldForItsPrice(string lifetime, long percent)
    {
        await using var backend = new Backend(_ => [Step.Send(Http("""{"id":"m","type":"message","role":"assistant","model":"m","content":[],"stop_reason":"end_turn","usage":{"input_tokens":0,"cache_creation_input_tokens":1000,"cache_creation":{"ephemeral_1h_input_tokens":1000},"output_tokens":0}}"""))]);
        await using var edge = await EdgeFixture.StartAsync(
            provider: (_, provider) => (provider["kind"], provider["base_url"]) = ("anthropic", backend.Url),
            model: model => model["prices"]![0]!["per_million"]!["cache_write_5m"] = "1.25");
        var text = new string('x', 100_000);
        using var response = await edge.PostAsync(
            $$$"""{"model":"test-model","max_tokens":10,"messages":[{"role":"user","content":[{"type":"text","text":"{{{text}}}","cache_control":{"type":"ephemeral","ttl":"{{{lifetime}}}"}}]}]}""",
            request => request.RequestUri = new Uri("/v1/messages", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.InRange(Assert.Single(edge.Account.Admitted).MostNanos, 1_000_000 * percent, 1_010_000 * percent);
        Assert.Equal(2_000_000, Assert.Single(edge.Account.Settled).CostNanos);
    }

    [Theory]
    [InlineData("models")]
    [InlineData("plugins")]
    [InlineData("provider")]
    [InlineData("x_anything")]
    public async Task UnknownField_ProviderWithoutAName_IsRefusedAndNamed(string field)
    {
        await using var backend = new Backend(_ => [Step.Send(Http(Whole(Usage(1, 1))))]);
        await using var edge = await StartAsync(backend);

        using var response = await edge.PostAsync(Body(false, body => body[field] = new JsonArray("x")));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        var error = JsonNode.Parse(await response.TextAsync())!["error"]!;
        Assert.Equal((field, "unknown_parameter"), ((string?)error["param"], (string?)error["code"]));
        Assert.Empty(edge.Account.Admitted);
        Assert.Empty(backend.Requests);
    }

    [Fact]
    public async Task UnknownField_TwoProviders_GoesToTheOneThatTakesIt()
    {
        await using var first = new Backend(_ => [Step.Send(Http(Whole(Usage(1, 1))))]);
        await using var second = new Backend(_ => [Step.Send(Http(Whole(Usage(1, 1))))]);
        await using var edge = await EdgeFixture.StartAsync(
            providers: 2,
            provider: (index, provider) =>
            {
                provider["base_url"] = (index == 0 ? first : second).Url;
                provider["unknown_fields"] = index == 0 ? "refuse" : "pass";
            });

        using var response = await edge.PostAsync(Body(false, body => body["x_anything"] = 1.50m));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Empty(first.Requests);
        Assert.Contains("\"x_anything\":1.50", Assert.Single(second.Requests), StringComparison.Ordinal);
    }

    private static Task<EdgeFixture> StartAsync(
        Backend backend, Action<JsonObject>? channel = null, Action<JsonObject>? model = null, string search = "0.01") => EdgeFixture.StartAsync(
        channel: (_, json) => channel?.Invoke(json),
        model: json =>
        {
            var price = json["prices"]![0]!;
            price["per_million"] = new JsonObject { ["input"] = "1", ["output"] = "4" };
            price["service_tiers"] = new JsonObject { ["flex"] = "0.5", ["priority"] = 2 };
            if (search != NoSearchPrice)
            {
                price["per_search"] = search;
            }

            model?.Invoke(json);
        },
        provider: (_, provider) =>
        {
            provider["base_url"] = backend.Url;
            provider.Remove("unknown_fields");
        });

    private static bool IsStream(string request) => request.Contains("\"stream\":true", StringComparison.Ordinal);

    private static void Merge(JsonObject body, string fields)
    {
        foreach (var (name, value) in JsonNode.Parse(fields)!.AsObject())
        {
            body[name] = value?.DeepClone();
        }
    }

    private static JsonObject Body(bool stream, Action<JsonObject> change)
    {
        var body = new JsonObject { ["model"] = "test-model", ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "hi" }) };
        if (stream)
        {
            body["stream"] = true;
        }

        change(body);
        return body;
    }
}
