using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Tests.Integration.Edge.Cases;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Gemini;

/// <summary>Errors in Gemini's form, of ours and of the provider's, before a stream and in it; and the models.</summary>
public sealed class GeminiErrorTests
{
    private const string Chunk = """{"candidates":[{"content":{"parts":[{"text":"Hello there, all of you"}],"role":"model"},"index":0}],"modelVersion":"gemini-upstream"}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Post_WithoutAKey_IsAnInvalidArgumentWithItsReason()
    {
        await using var gemini = await GeminiEdge.AnsweringAsync("{}");
        gemini.Edge.Client.DefaultRequestHeaders.Authorization = null;
        var (status, answer) = await gemini.AskAsync("generateContent", change: request => request.Headers.Add("x-goog-api-key", "AIzaWrong"));
        var error = answer["error"]!;
        Assert.Equal((400, 400, "INVALID_ARGUMENT", "API_KEY_INVALID"), (status, (int)error["code"]!, (string?)error["status"], (string?)error["details"]![0]!["reason"]));
        Assert.Empty(gemini.Edge.Account.Admitted);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("[1]", "")]
    [InlineData("{\"contents\":", "")]
    [InlineData("{}", "contents")]
    [InlineData("""{"contents":"hi"}""", "contents")]
    [InlineData("""{"contents":[]}""", "contents")]
    [InlineData("""{"contents":[{"parts":"hi"}]}""", "contents[0].parts")]
    [InlineData("""{"contents":[{"parts":[{"text":1}]}]}""", "contents[0].parts[0].text")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"contents":[]}""", "contents")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{},"generation_config":{}}""", "generation_config")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"GenerationConfig":{}}""", "GenerationConfig")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"maxoutputtokens":1}}""", "generationConfig.maxoutputtokens")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"maxOutputTokens":0}}""", "generationConfig.maxOutputTokens")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"maxOutputTokens":1.5}}""", "generationConfig.maxOutputTokens")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"maxOutputTokens":9999}}""", "generationConfig.maxOutputTokens")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"candidateCount":99}}""", "generationConfig.candidateCount")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"responseModalities":[2]}}""", "generationConfig.responseModalities")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"serviceTier":3}""", "serviceTier")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"service_tier":"priority"}""", "serviceTier")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"cachedContent":"cachedContents/abc"}""", "cachedContent")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"model":"models/other"}""", "model")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"codeExecution":{}}]}""", "tools[0].codeExecution")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"google_search":{}}]}""", "tools[0].googleSearch")]
    [InlineData("""{"contents":[{"parts":[{"fileData":{"fileUri":"files/abc"}}]}]}""", "contents[0].parts[0].fileData.fileUri")]
    [InlineData("""{"contents":[{"parts":[{"file_data":{"file_uri":"https://generativelanguage.googleapis.com./v1beta/files/abc"}}]}]}""", "contents[0].parts[0].fileData.fileUri")]
    [InlineData("""{"contents":[{"parts":[{"fileData":{"fileUri":"gs://bucket/abc"}}]}]}""", "contents[0].parts[0].fileData.fileUri")]
    public async Task Post_OfWhatIsWrong_NamesTheFieldAndCostsNothing(string body, string field)
    {
        await using var gemini = await GeminiEdge.AnsweringAsync("{}");
        var (status, answer) = await gemini.AskAsync("generateContent", body);
        var error = answer["error"]!;
        // What its account was not given is not there.
        var isMissing = field is "cachedContent" || field.EndsWith("fileUri", StringComparison.Ordinal);
        Assert.Equal(isMissing ? (404, "NOT_FOUND") : (400, "INVALID_ARGUMENT"), (status, (string?)error["status"]));
        var violation = error["details"]!.AsArray().FirstOrDefault(detail => ((string)detail!["@type"]!).EndsWith("BadRequest", StringComparison.Ordinal));
        Assert.Equal(field, (string?)violation?["fieldViolations"]![0]!["field"] ?? "");
        Assert.Empty(gemini.Edge.Account.Admitted);
        Assert.Empty(gemini.Backend.Requests);
    }

    [Fact]
    public async Task Post_OfAFieldThatOnlyThisRelayLacks_IsRefusedUnlessItsProviderTakesThose()
    {
        await using var gemini = await GeminiEdge.StartAsync(_ => [Step.Send(Wire.Http("""{"candidates":[{"finishReason":"STOP"}]}"""))]);
        Assert.Equal(200, (await gemini.AskAsync("generateContent", """{"contents":[{"parts":[{"text":"x"}]}],"novel":1}""")).Status);
    }

    [Fact]
    public async Task Post_WithoutMoney_Is402AndSaysNothingOfRetrying()
    {
        await using var gemini = await GeminiEdge.AnsweringAsync("{}");
        gemini.Edge.Account.OnAdmit = _ => Task.FromResult(new AdmitAnswer { Outcome = AdmitOutcome.InsufficientFunds, Epoch = 1, RetryAfterMs = 5000 });
        var (status, answer) = await gemini.AskAsync("generateContent");
        Assert.Equal((402, "RESOURCE_EXHAUSTED"), (status, (string?)answer["error"]!["status"]));
        Assert.DoesNotContain("RetryInfo", answer.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_BeyondALimit_Is429WithTheDelay()
    {
        await using var gemini = await GeminiEdge.AnsweringAsync("{}");
        gemini.Edge.Account.OnAdmit = _ => Task.FromResult(new AdmitAnswer { Outcome = AdmitOutcome.RequestRateLimited, Epoch = 1, RetryAfterMs = 2500 });
        var (status, answer) = await gemini.AskAsync("generateContent");
        Assert.Equal((429, "RESOURCE_EXHAUSTED"), (status, (string?)answer["error"]!["status"]));
        Assert.Equal("2.5s", (string?)answer["error"]!["details"]!.AsArray().Single(detail => ((string)detail!["@type"]!).EndsWith("RetryInfo", StringComparison.Ordinal))!["retryDelay"]);
    }

    [Theory]
    [InlineData("""{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}""", 400, 502, "UNAVAILABLE")]
    [InlineData("""[{"error":{"code":400,"message":"Invalid value at 'contents'","status":"INVALID_ARGUMENT"}}]""", 400, 400, "INVALID_ARGUMENT")]
    [InlineData("""{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}""", 400, 502, "UNAVAILABLE")]
    [InlineData("""{"error":{"code":404,"message":"models/gemini-upstream is not found","status":"NOT_FOUND"}}""", 404, 404, "NOT_FOUND")]
    [InlineData("""{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"12s"}]}}""", 429, 429, "RESOURCE_EXHAUSTED")]
    [InlineData("""{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}""", 503, 503, "UNAVAILABLE")]
    [InlineData("<html>", 500, 503, "UNAVAILABLE")]
    public async Task Post_WhichTheProviderRefuses_IsToldInGeminisForm(string body, int status, int shown, string name)
    {
        await using var gemini = await GeminiEdge.AnsweringAsync(body, status);
        var (answered, answer) = await gemini.AskAsync("streamGenerateContent");
        Assert.Equal((shown, shown, name), (answered, (int)answer["error"]!["code"]!, (string?)answer["error"]!["status"]));
        Assert.Equal(0, gemini.Edge.Account.Settled.Single().CostNanos);
        Assert.Equal(status == 429, answer.ToJsonString().Contains("\"retryDelay\":\"12s\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Stream_ThatBreaks_EndsWithAnErrorEvent()
    {
        await using var gemini = await GeminiEdge.StreamingAsync(Chunk, """{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}""");
        var text = await gemini.TextAsync("streamGenerateContent?alt=sse");
        var error = JsonNode.Parse(StreamReading.Payloads(text).Last())!["error"]!;
        Assert.Equal((503, "UNAVAILABLE"), ((int)error["code"]!, (string?)error["status"]));
        Assert.DoesNotContain("finishReason", text, StringComparison.Ordinal);
        Assert.True(gemini.Edge.Account.Settled.Single().Usage.IsEstimated);

        // Google's own client raises on what is left over behind the last event.
        Assert.NotNull(JsonNode.Parse(text[(text.LastIndexOf("\n\n", StringComparison.Ordinal) + 2)..])!["error"]);
    }

    [Fact]
    public async Task Array_ThatBreaks_EndsWithAnErrorAsItsLastItem()
    {
        await using var gemini = await GeminiEdge.StreamingAsync(Chunk);
        var items = JsonNode.Parse(await gemini.TextAsync("streamGenerateContent"))!.AsArray();
        Assert.Equal((2, 503), (items.Count, (int)items[1]!["error"]!["code"]!));
    }

    [Fact]
    public async Task Array_WhoseMoneyEnds_IsCutAtTheLengthLimit()
    {
        var chunk = Chunk.Replace("Hello there, all of you", new string('x', 40_000), StringComparison.Ordinal);
        await using var gemini = await GeminiEdge.StreamingAsync(chunk, chunk);
        gemini.Edge.Account.OnAdmit = request => Task.FromResult(FakeAccount.Admit(request, most: false));
        gemini.Edge.Account.OnExtend = _ => Task.FromResult(new ExtendAnswer(ExtendOutcome.Refused, 1, 0));
        var item = Assert.Single(JsonNode.Parse(await gemini.TextAsync("streamGenerateContent"))!.AsArray())!;
        Assert.Equal("MAX_TOKENS", (string?)item["candidates"]![0]!["finishReason"]);
        Assert.Equal("test-model", (string?)item["modelVersion"]);
    }

    [Fact]
    public async Task Stream_OfASilentProvider_IsKeptAliveByWhatClientsSkip()
    {
        var client = new TaskCompletionSource();
        await using var gemini = await GeminiEdge.StartAsync(
            _ => [Step.Send(Wire.Http("", type: "text/event-stream")), Step.Await(client.Task), Step.Send($"data: {Chunk[..^1]},\"usageMetadata\":{{}}}}\n\n")],
            settings: [new("Edge:FirstKeepAliveMs", "100"), new("Edge:KeepAliveMs", "100")]);
        using var response = await gemini.PostAsync("streamGenerateContent");
        await using var stream = await response.Content.ReadAsStreamAsync(Cancellation);
        Assert.Equal('\n', stream.ReadByte());
        client.SetResult();
        using var rest = new StreamReader(stream);
        Assert.IsType<JsonArray>(JsonNode.Parse(await rest.ReadToEndAsync(Cancellation)));
    }

    [Fact]
    public async Task UnknownPath_IsNotFoundInGeminisForm()
    {
        await using var gemini = await GeminiEdge.AnsweringAsync("{}");
        var (status, answer) = await gemini.AskAsync("/v1beta/files");
        Assert.Equal((404, "NOT_FOUND"), (status, (string?)answer["error"]!["status"]));
        (status, answer) = await gemini.AskAsync("/v1beta/models/nobody:generateContent");
        Assert.Equal((404, "NOT_FOUND"), (status, (string?)answer["error"]!["status"]));
    }

    [Fact]
    public async Task Models_InGeminisForm_ComeInPages()
    {
        await using var gemini = await GeminiEdge.AnsweringAsync("{}");
        gemini.Edge.Client.DefaultRequestHeaders.Authorization = null;
        gemini.Edge.Client.DefaultRequestHeaders.Add("x-goog-api-key", gemini.Edge.Key);
        var first = await GetAsync("/v1/models?pageSize=1");
        Assert.Equal("models/test-model", (string?)first["models"]!.AsArray().Single()!["name"]);
        var second = await GetAsync($"/v1beta/models?pageSize=1&pageToken={first["nextPageToken"]}");
        Assert.Equal("models/test-alias", (string?)second["models"]!.AsArray().Single()!["name"]);
        Assert.Null(second["nextPageToken"]);
        var one = await GetAsync("/v1/models/test-model");
        Assert.Equal(("models/test-model", 128_000, 4096), ((string?)one["name"], (int)one["inputTokenLimit"]!, (int)one["outputTokenLimit"]!));
        Assert.Equal("NOT_FOUND", (string?)(await GetAsync("/v1beta/models/none"))["error"]!["status"]);
        gemini.Edge.Client.DefaultRequestHeaders.Remove("x-goog-api-key");
        gemini.Edge.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", gemini.Edge.Key);
        Assert.Equal("list", (string?)(await GetAsync("/v1/models"))["object"]);

        async Task<JsonNode> GetAsync(string path)
        {
            using var response = await gemini.Edge.Client.GetAsync(path, Cancellation);
            return JsonNode.Parse(await response.TextAsync())!;
        }
    }

    [Fact]
    public async Task Post_WithAToolThatHasNoPrice_ToAChannelThatDropsThose_IsSentWithoutIt()
    {
        await using var gemini = await GeminiEdge.StartAsync(
            _ => [Step.Send(Wire.Http("""{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1}}"""))],
            channel: channel =>
            {
                channel["unpriced"] = "drop";
                channel["drop_params"] = new JsonArray("safetySettings");
            });
        Assert.Equal(200, (await gemini.AskAsync(
            "generateContent",
            """{"contents":[{"parts":[{"text":"x"}]}],"safety_settings":[],"service_tier":"priority","tools":[{"url_context":{}},{"googleSearch":{},"functionDeclarations":[{"name":"f"}]}]}""")).Status);
        Assert.True(JsonNode.DeepEquals(
            JsonNode.Parse("""{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"f"}]}]}"""), gemini.Sent().Body));
        Assert.Equal(1, gemini.Edge.Account.Settled.Single().Usage[Unit.Input]);
    }
}
