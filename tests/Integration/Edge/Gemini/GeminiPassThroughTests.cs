using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Tests.Integration.Edge.Cases;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Gemini;

/// <summary>Gemini on both sides: what is changed, what is metered, what waits for the settlement.</summary>
public sealed class GeminiPassThroughTests
{
    private const string Usage = """{"promptTokenCount":5000,"cachedContentTokenCount":4000,"toolUsePromptTokenCount":10,"candidatesTokenCount":40,"thoughtsTokenCount":60,"totalTokenCount":5110}""";
    private const string Whole =
        "{\n  \"candidates\": [{\"content\": {\"parts\": [{\"text\": \"Hi\"}], \"role\": \"model\"}, \"finishReason\": \"STOP\", \"index\": 0, \"novel\": 1.50}],\n"
        + "  \"usageMetadata\": " + Usage + ",\n  \"modelVersion\": \"gemini-upstream\", \"responseId\": \"r1\"\n}";

    private const string First = """{"candidates":[{"content":{"parts":[{"text":"Hel"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":7,"totalTokenCount":7},"modelVersion":"gemini-upstream"}""";
    private const string Second = """{"candidates":[{"content":{"parts":[{"text":"lo"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":1,"totalTokenCount":8},"modelVersion":"gemini-upstream"}""";
    private const string Last = """{"candidates":[{"content":{"parts":[{"text":"!"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3,"totalTokenCount":10},"modelVersion":"gemini-upstream"}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task GenerateContent_Whole_PassesThroughUnderTheAskedNameAndIsCharged()
    {
        await using var gemini = await GeminiEdge.AnsweringAsync(Whole);
        using var response = await gemini.PostAsync("generateContent");
        Assert.Equal(Whole.Replace("gemini-upstream", "test-model", StringComparison.Ordinal), await response.TextAsync());
        var settled = Assert.Single(gemini.Edge.Account.Settled);
        Assert.Equal((1010, 4000, 40, 60), (settled.Usage[Unit.Input], settled.Usage[Unit.CachedInput], settled.Usage[Unit.Output], settled.Usage[Unit.Reasoning]));
        Assert.False(settled.Usage.IsEstimated);
        Assert.Equal("/v1beta/models/{model}:generateContent", settled.Ticket.Endpoint);
        var (line, body) = gemini.Sent();
        Assert.Equal("POST /v1beta/models/gemini-upstream:generateContent HTTP/1.1", line);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(GeminiEdge.Hello), body));
        var request = Assert.Single(gemini.Backend.Requests);
        Assert.Contains($"x-goog-api-key: {EdgeFixture.ProviderKey}", request, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(gemini.Edge.Key, request, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StreamGenerateContent_Sse_PassesEventsOnAndChargesTheLastUsage()
    {
        await using var gemini = await GeminiEdge.StreamingAsync(First, Second, Last);
        using var response = await gemini.PostAsync("streamGenerateContent?alt=sse");
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        var expected = string.Concat(new[] { First, Second, Last }.Select(chunk => $"data: {chunk.Replace("gemini-upstream", "test-model", StringComparison.Ordinal)}\n\n"));
        Assert.Equal(expected, await response.TextAsync());
        Assert.Equal((7, 3), (gemini.Edge.Account.Settled.Single().Usage[Unit.Input], gemini.Edge.Account.Settled.Single().Usage[Unit.Output]));
        Assert.Equal("POST /v1beta/models/gemini-upstream:streamGenerateContent?alt=sse HTTP/1.1", gemini.Sent().Line);
    }

    [Theory]
    [InlineData("generateContent")]
    [InlineData("streamGenerateContent")]
    public async Task Answer_WhoseUsageCannotBeTrue_TellsWhatIsCharged(string action)
    {
        var last = Last.Replace("\"promptTokenCount\":7,\"candidatesTokenCount\":3", "\"promptTokenCount\":0,\"candidatesTokenCount\":3", StringComparison.Ordinal);
        await using var gemini = action == "generateContent" ? await GeminiEdge.AnsweringAsync(last) : await GeminiEdge.StreamingAsync(First, last);
        var answer = (await gemini.AskAsync(action)).Answer;
        var told = (answer is JsonArray items ? items[^1] : answer)!["usageMetadata"]!;
        var settled = Assert.Single(gemini.Edge.Account.Settled).Usage;
        Assert.True(settled is { IsEstimated: true, TotalInput: > 0 });
        Assert.Equal((settled.TotalInput, settled.TotalOutput), ((long)told["promptTokenCount"]!, (long)told["totalTokenCount"]! - (long)told["promptTokenCount"]!));
    }

    [Fact]
    public async Task StreamGenerateContent_WithoutSse_IsOneArray()
    {
        await using var gemini = await GeminiEdge.StreamingAsync(First, Second, Last);
        using var response = await gemini.PostAsync("streamGenerateContent");
        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        var items = JsonNode.Parse(await response.TextAsync())!.AsArray();
        Assert.Equal(["Hel", "lo", "!"], items.Select(item => (string)item!["candidates"]![0]!["content"]!["parts"]![0]!["text"]!));
        Assert.All(items, item => Assert.Equal("test-model", (string?)item!["modelVersion"]));
        Assert.Equal(3, gemini.Edge.Account.Settled.Single().Usage[Unit.Output]);
    }

    [Theory]
    [InlineData("streamGenerateContent?alt=sse")]
    [InlineData("streamGenerateContent")]
    public async Task StreamGenerateContent_ItsLastResponse_WaitsForTheSettlement(string action)
    {
        await using var gemini = await GeminiEdge.StreamingAsync(First, Second, Last);
        var release = new TaskCompletionSource();
        var settling = new TaskCompletionSource();
        var settle = gemini.Edge.Account.OnSettle;
        gemini.Edge.Account.OnSettle = async request =>
        {
            settling.TrySetResult();
            await release.Task;
            return await settle(request);
        };
        using var response = await gemini.PostAsync(action);
        await using var stream = await response.Content.ReadAsStreamAsync(Cancellation);
        await settling.Task.WaitAsync(Cancellation);
        var buffer = new byte[64 * 1024];
        var read = 0;
        while (!System.Text.Encoding.UTF8.GetString(buffer, 0, read).Contains("\"lo\"", StringComparison.Ordinal))
        {
            read += await stream.ReadAsync(buffer.AsMemory(read), Cancellation);
        }

        Assert.DoesNotContain("finishReason", System.Text.Encoding.UTF8.GetString(buffer, 0, read), StringComparison.Ordinal);
        release.SetResult();
        using var rest = new StreamReader(stream);
        Assert.Contains("\"finishReason\":\"STOP\"", await rest.ReadToEndAsync(Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task StreamGenerateContent_AnsweredWhole_IsAStreamOfOne()
    {
        await using var gemini = await GeminiEdge.AnsweringAsync(Whole);
        Assert.Equal("Hi", (string?)JsonNode.Parse(Assert.Single(StreamReading.Payloads(await gemini.TextAsync("streamGenerateContent?alt=sse"))))!["candidates"]![0]!["content"]!["parts"]![0]!["text"]);
        Assert.Single(JsonNode.Parse(await gemini.TextAsync("streamGenerateContent"))!.AsArray());
    }

    [Fact]
    public async Task GenerateContent_AnsweredAsAStream_IsPutTogether()
    {
        await using var gemini = await GeminiEdge.StreamingAsync(First, Second, Last);
        var (status, answer) = await gemini.AskAsync("generateContent");
        Assert.Equal((200, "Hello!", "STOP", 10), (
            status,
            (string?)answer["candidates"]![0]!["content"]!["parts"]![0]!["text"],
            (string?)answer["candidates"]![0]!["finishReason"],
            (int)answer["usageMetadata"]!["totalTokenCount"]!));
    }

    [Fact]
    public async Task GenerateContent_OfABlockedPrompt_IsAnAnswerThatIsCharged()
    {
        const string Blocked = """{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9},"modelVersion":"gemini-upstream"}""";
        await using var gemini = await GeminiEdge.AnsweringAsync(Blocked);
        var (status, answer) = await gemini.AskAsync("generateContent");
        Assert.Equal((200, "SAFETY"), (status, (string?)answer["promptFeedback"]!["blockReason"]));
        await using var streaming = await GeminiEdge.StreamingAsync(Blocked);
        Assert.Contains("blockReason", await streaming.TextAsync("streamGenerateContent?alt=sse"), StringComparison.Ordinal);
        Assert.Equal((9, 0), (gemini.Edge.Account.Settled.Single().Usage[Unit.Input], gemini.Edge.Account.Settled.Single().Usage[Unit.Output]));
        Assert.Equal(9, streaming.Edge.Account.Settled.Single().Usage[Unit.Input]);
    }

    [Theory]
    [InlineData("/v1/models/test-model:generateContent")]
    [InlineData("/v1beta/models/test%2Falias:generateContent")]
    [InlineData("/v1beta/models/test/alias:generateContent")]
    [InlineData("/v1/models/test/alias:generateContent")]
    public async Task GenerateContent_OnItsOtherPaths_IsTheSame(string path)
    {
        await using var gemini = await GeminiEdge.AnsweringAsync(Whole, model: model => model["aliases"] = new JsonArray("test/alias"));
        Assert.Equal(200, (await gemini.AskAsync(path)).Status);
        Assert.Equal("/v1beta/models/{model}:generateContent", gemini.Edge.Account.Settled.Single().Ticket.Endpoint);
    }

    [Fact]
    public async Task GenerateContent_WithTheKeyWhereClientsPutIt_IsTakenAndNeverLogged()
    {
        await using var gemini = await GeminiEdge.AnsweringAsync(Whole);
        gemini.Edge.Client.DefaultRequestHeaders.Authorization = null;
        Assert.Equal(200, (await gemini.AskAsync("generateContent", change: request => request.Headers.Add("x-goog-api-key", gemini.Edge.Key))).Status);
        Assert.Equal(200, (await gemini.AskAsync("generateContent", change: request => request.Headers.Add("x-api-key", gemini.Edge.Key))).Status);
        Assert.Equal(200, (await gemini.AskAsync("generateContent?key=" + gemini.Edge.Key)).Status);
        Assert.NotEmpty(gemini.Edge.Log.Lines);
        Assert.All(gemini.Edge.Log.Lines, line => Assert.DoesNotContain(gemini.Edge.Key, line.Text, StringComparison.Ordinal));
        Assert.All(gemini.Backend.Requests, request => Assert.DoesNotContain(gemini.Edge.Key, request, StringComparison.Ordinal));
        gemini.Edge.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", gemini.Edge.Key);
    }

    [Fact]
    public async Task GenerateContent_WithTools_PassesCallsAndSignaturesOn()
    {
        const string Call = """{"candidates":[{"content":{"parts":[{"functionCall":{"name":"weather","args":{"city":"Paris"}},"thoughtSignature":"c2ln"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3,"totalTokenCount":10}}""";
        const string Body = """{"contents":[{"role":"user","parts":[{"text":"?"}]},{"role":"model","parts":[{"functionCall":{"name":"weather","args":{"city":"Rome"}},"thoughtSignature":"b2xk"}]},{"role":"user","parts":[{"functionResponse":{"name":"weather","response":{"c":1.50}}}]}],"tools":[{"functionDeclarations":[{"name":"weather","parametersJsonSchema":{"type":"object"}}]}],"toolConfig":{"functionCallingConfig":{"mode":"AUTO"}}}""";
        await using var gemini = await GeminiEdge.StreamingAsync(Call);
        Assert.Equal($"data: {Call}\n\n", await gemini.TextAsync("streamGenerateContent?alt=sse", Body));
        Assert.EndsWith(Body, Assert.Single(gemini.Backend.Requests), StringComparison.Ordinal);
    }

    [Fact]
    public async Task GenerateContent_OfMoreThanTheMoneyCovers_IsSentWithALoweredCapInItsOwnField()
    {
        await using var gemini = await GeminiEdge.StartAsync(_ => [Step.Send(Wire.Http(Whole))], settings: [new("Edge:LowerCapToBalance", "true")]);
        gemini.Edge.Account.OnAdmit = request => Task.FromResult(request.MostNanos > 5_000_000
            ? new AdmitAnswer { Outcome = AdmitOutcome.InsufficientFunds, Epoch = 1, AvailableNanos = 5_000_000 }
            : FakeAccount.Admit(request));
        Assert.Equal(200, (await gemini.AskAsync("generateContent", """{"contents":[{"parts":[{"text":"x"}]}],"generation_config":{"max_output_tokens":4096,"temperature":0.50}}""")).Status);
        var config = gemini.Sent().Body["generation_config"]!;
        Assert.InRange((int)config["maxOutputTokens"]!, 1, 4095);
        Assert.Null(config["max_output_tokens"]);
        Assert.Equal("0.50", config["temperature"]!.ToJsonString());
    }

    [Fact]
    public async Task CountTokens_PassesThroughAndIsFree()
    {
        await using var gemini = await GeminiEdge.AnsweringAsync("""{"totalTokens":31,"promptTokensDetails":[{"modality":"TEXT","tokenCount":31}]}""");
        var (status, answer) = await gemini.AskAsync(
            "countTokens", """{"generateContentRequest":{"model":"models/test-model","contents":[{"parts":[{"text":"x"}]}]}}""");
        Assert.Equal((200, 31), (status, (int)answer["totalTokens"]!));
        var settled = Assert.Single(gemini.Edge.Account.Settled);
        Assert.Equal((0L, 0L), (settled.CostNanos, settled.Ticket.TotalNanos));
        var (line, body) = gemini.Sent();
        Assert.Equal("POST /v1beta/models/gemini-upstream:countTokens HTTP/1.1", line);
        Assert.Equal("models/gemini-upstream", (string?)body["generateContentRequest"]!["model"]);
    }

    [Fact]
    public async Task CountTokens_OfAModelOfAnotherProtocol_IsEstimated()
    {
        await using var edge = await EdgeFixture.StartAsync();
        using var response = await edge.Client.PostAsync(
            "/v1beta/models/test-model:countTokens", new StringContent("""{"contents":[{"parts":[{"text":"Twelve bytes"}]}]}"""), Cancellation);
        Assert.Equal("""{"totalTokens":7}""", await response.TextAsync());
        Assert.Equal(0, Assert.Single(edge.Account.Settled).CostNanos);
        Assert.Empty(edge.Provider.Requests);
    }

    [Theory]
    [InlineData("batchEmbedContents", """{"requests":[{"model":"models/test-model","content":{"parts":[{"text":"one"}]}},{"model":"models/test-model","content":{"parts":[{"text":"two"}]}}]}""",
        """{"embeddings":[{"values":[0.1]},{"values":[0.25]}]}""", true)]
    [InlineData("batchEmbedContents", """{"requests":[{"model":"models/test-model","content":{"parts":[{"text":"one"}]}}]}""",
        """{"embeddings":[{"values":[0.1]}],"usageMetadata":{"promptTokenCount":12,"totalTokenCount":12}}""", false)]
    [InlineData("embedContent", """{"content":{"parts":[{"text":"one"}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":64}""", """{"embedding":{"values":[0.1]}}""", true)]
    public async Task Embed_PassesThroughAndIsChargedForItsInput(string action, string body, string answered, bool isEstimated)
    {
        await using var gemini = await GeminiEdge.AnsweringAsync(answered);
        Assert.Equal(answered, await gemini.TextAsync(action, body));
        var settled = Assert.Single(gemini.Edge.Account.Settled);
        Assert.Equal(isEstimated, settled.Usage.IsEstimated);
        Assert.True(isEstimated ? settled.Usage[Unit.Input] > 0 : settled.Usage[Unit.Input] == 12);
        Assert.Equal((0, settled.Usage[Unit.Input] * 1000), (settled.Usage.TotalOutput, settled.CostNanos));
        Assert.InRange(settled.CostNanos, 1, settled.Ticket.TotalNanos);
        foreach (var request in gemini.Sent().Body["requests"]?.AsArray() ?? [])
        {
            Assert.Equal("models/gemini-upstream", (string?)request!["model"]);
        }
    }

    [Theory]
    [InlineData("text", false)]
    [InlineData("image", true)]
    public async Task StreamGenerateContent_OfAModelThatMakesPictures_IsHeldForAllOfIt(string output, bool isAll)
    {
        await using var gemini = await GeminiEdge.StartAsync(
            _ => [Step.Send(Wire.Stream($"data: {Last}\n\n"))],
            model: model =>
            {
                model["modalities"] = new JsonObject { ["input"] = new JsonArray("text"), ["output"] = new JsonArray("text", output == "image" ? "image" : "audio") };
                model["prices"]![0]!["per_million"]![output == "image" ? "image_output" : "audio_output"] = "30";
            });
        Assert.Contains("STOP", await gemini.TextAsync("streamGenerateContent?alt=sse"), StringComparison.Ordinal);
        var admitted = Assert.Single(gemini.Edge.Account.Admitted);
        Assert.Equal(isAll, admitted.LeastNanos == admitted.MostNanos);
    }

    [Fact]
    public async Task GoogleSearch_WithAPrice_IsChargedByItsQueries()
    {
        const string Grounded = """{"candidates":[{"content":{"parts":[{"text":"Sunny"}]},"finishReason":"STOP","groundingMetadata":{"webSearchQueries":["a","b"],"groundingChunks":[{}]}}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3,"totalTokenCount":10},"modelVersion":"gemini-3.8-flash"}""";
        await using var gemini = await GeminiEdge.AnsweringAsync(Grounded, model: model =>
        {
            model["bounds"] = new JsonObject { ["searches"] = 4 };
            model["prices"]![0]!["per_search"] = "0.014";
        });
        Assert.Equal(200, (await gemini.AskAsync("generateContent", """{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"googleSearch":{}}]}""")).Status);
        Assert.Equal(2, gemini.Edge.Account.Settled.Single().Usage[Unit.Searches]);
    }
}
