using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Endpoints;

/// <summary>Providers that speak OpenAI's protocol with differences, each as it answers: what it is sent, and what its usage and errors mean.</summary>
public sealed class NamedProviderTests
{
    private const string Question = """{"model":"test-model","messages":[{"role":"user","content":"Hi"}],"max_completion_tokens":9,"reasoning_effort":"none","n":1}""";

    [Theory]
    [InlineData("azure", null, "POST /v1/chat/completions HTTP/1.1", "api-key: sk-provider", """{"model":"up","messages":[{"role":"user","content":"Hi"}],"max_completion_tokens":9,"reasoning_effort":"none","n":1}""")]
    [InlineData("azure", "2024-10-21", "POST /v1/deployments/up/chat/completions?api-version=2024-10-21 HTTP/1.1", "api-key: sk-provider", """{"model":"up","messages":[{"role":"user","content":"Hi"}],"max_completion_tokens":9,"reasoning_effort":"none","n":1}""")]
    [InlineData("deepseek", null, "POST /v1/chat/completions HTTP/1.1", "Authorization: Bearer sk-provider", """{"model":"up","messages":[{"role":"user","content":"Hi"}],"max_tokens":9,"reasoning_effort":"none","n":1}""")]
    [InlineData("zhipu", null, "POST /v1/chat/completions HTTP/1.1", "Authorization: Bearer sk-provider", """{"model":"up","messages":[{"role":"user","content":"Hi"}],"max_tokens":9,"thinking":{"type":"disabled"}}""")]
    [InlineData("moonshot", null, "POST /v1/chat/completions HTTP/1.1", "Authorization: Bearer sk-provider", """{"model":"up","messages":[{"role":"user","content":"Hi"}],"max_tokens":9,"thinking":{"type":"disabled"},"n":1}""")]
    [InlineData("alibaba", null, "POST /v1/chat/completions HTTP/1.1", "Authorization: Bearer sk-provider", """{"model":"up","messages":[{"role":"user","content":"Hi"}],"max_tokens":9,"enable_thinking":false,"n":1}""")]
    [InlineData("openrouter", null, "POST /v1/chat/completions HTTP/1.1", "Authorization: Bearer sk-provider", """{"model":"up","messages":[{"role":"user","content":"Hi"}],"max_tokens":9,"reasoning_effort":"none","n":1}""")]
    public async Task Request_ToEachProvider_IsAsItWantsIt(string kind, string? version, string line, string key, string body)
    {
        await using var edge = await StartAsync(kind, version, Whole("""{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}"""));
        using var response = await edge.Edge.PostAsync(Question);
        var text = await response.TextAsync();

        Assert.True(response.IsSuccessStatusCode, text);
        Assert.StartsWith(line, edge.Sent, StringComparison.Ordinal);
        Assert.Contains("\r\n" + key, edge.Sent, StringComparison.Ordinal);
        Assert.Equal(key.StartsWith("api-key", StringComparison.Ordinal), !edge.Sent.Contains("Authorization:", StringComparison.Ordinal));
        Assert.Equal(body, edge.SentBody);
    }

    [Theory]
    [InlineData("zhipu", """{"reasoning_effort":"high"}""", """{"thinking":{"type":"enabled"}}""")]
    [InlineData("zhipu", """{"thinking":{"type":"disabled"},"reasoning_effort":"high"}""", """{"thinking":{"type":"disabled"}}""")]
    [InlineData("alibaba", """{"reasoning_effort":"low"}""", """{"enable_thinking":true}""")]
    [InlineData("alibaba", """{"reasoning_effort":"low","enable_thinking":false,"thinking_budget":0}""", """{"enable_thinking":false,"thinking_budget":0}""")]
    [InlineData("deepseek", """{"thinking":{"type":"disabled"},"reasoning_effort":"max"}""", """{"thinking":{"type":"disabled"},"reasoning_effort":"max"}""")]
    public async Task Thinking_OfAClient_IsSaidInTheProvidersWay(string kind, string said, string sent)
    {
        await using var edge = await StartAsync(kind, null, Whole("""{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}"""));
        var body = JsonNode.Parse(said)!.AsObject();
        (body["model"], body["messages"]) = ("test-model", JsonNode.Parse("""[{"role":"user","content":"Hi"}]"""));
        using var response = await edge.Edge.PostAsync(body);
        Assert.True(response.IsSuccessStatusCode, await response.TextAsync());

        var got = JsonNode.Parse(edge.SentBody)!.AsObject();
        got.Remove("model");
        got.Remove("messages");
        Assert.Equal(sent, got.ToJsonString());
    }

    /// <summary>Streams as the providers send them, each with its own place for usage and reasoning.</summary>
    [Theory]
    [InlineData("azure", """
        data: {"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}

        data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"Hello"},"finish_reason":null,"content_filter_results":{}}]}

        data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

        data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"x","choices":[],"usage":{"prompt_tokens":5120,"completion_tokens":57,"total_tokens":5177,"prompt_tokens_details":{"cached_tokens":4000}}}

        data: [DONE]


        """, 1120, 4000, 57, 0)]
    [InlineData("deepseek", """
        : keep-alive

        data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"x","choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":"Let me see."},"finish_reason":null}]}

        data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"x","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}

        data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"x","choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":5000,"completion_tokens":57,"total_tokens":5057,"prompt_cache_hit_tokens":4096,"prompt_cache_miss_tokens":904,"completion_tokens_details":{"reasoning_tokens":40}}}

        data: [DONE]


        """, 904, 4096, 17, 40)]
    [InlineData("zhipu", """
        data: {"id":"a","created":1,"model":"x","choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"Hm."}}]}

        data: {"id":"a","created":1,"model":"x","choices":[{"index":0,"finish_reason":"stop","delta":{"role":"assistant","content":"Hello"}}],"usage":{"prompt_tokens":120,"completion_tokens":57,"total_tokens":177,"prompt_tokens_details":{"cached_tokens":100},"completion_tokens_details":{"reasoning_tokens":20}}}

        data: [DONE]


        """, 20, 100, 37, 20)]
    [InlineData("moonshot", """
        data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"Hello"},"finish_reason":null}]}

        data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":120,"completion_tokens":57,"total_tokens":177,"cached_tokens":100}}]}

        data: [DONE]


        """, 20, 100, 57, 0)]
    [InlineData("alibaba", """
        data: {"choices":[{"delta":{"content":"Hello","reasoning_content":null,"role":"assistant"},"index":0,"logprobs":null,"finish_reason":null}],"object":"chat.completion.chunk","usage":null,"created":1,"system_fingerprint":null,"model":"x","id":"a"}

        data: {"choices":[{"finish_reason":"stop","delta":{"content":""},"index":0,"logprobs":null}],"object":"chat.completion.chunk","usage":null,"created":1,"system_fingerprint":null,"model":"x","id":"a"}

        data: {"choices":[],"object":"chat.completion.chunk","usage":{"prompt_tokens":5120,"completion_tokens":57,"total_tokens":5177,"prompt_tokens_details":{"cached_tokens":4000,"cache_creation_input_tokens":1000,"cache_type":"ephemeral"}},"created":1,"model":"x","id":"a"}

        data: [DONE]


        """, 120, 4000, 57, 0)]
    [InlineData("openrouter", """
        : OPENROUTER PROCESSING

        data: {"id":"gen-1","provider":"Z","model":"z/x","object":"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":"Hm.","reasoning_details":[{"type":"reasoning.text","text":"Hm."}]},"finish_reason":null,"native_finish_reason":null}]}

        data: {"id":"gen-1","provider":"Z","model":"z/x","object":"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"role":"assistant","content":"Hello"},"finish_reason":"stop","native_finish_reason":"stop"}]}

        data: {"id":"gen-1","provider":"Z","model":"z/x","object":"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":{"prompt_tokens":120,"completion_tokens":57,"total_tokens":177,"cost":0.00123,"prompt_tokens_details":{"cached_tokens":100},"completion_tokens_details":{"reasoning_tokens":20}}}

        data: [DONE]


        """, 20, 100, 37, 20)]
    public async Task Stream_OfEachProvider_IsMeteredByItsUsage(string kind, string stream, int input, int cached, int output, int reasoning)
    {
        await using var edge = await StartAsync(kind, null, stream.ReplaceLineEndings("\n"), "text/event-stream");
        using var response = await edge.Edge.PostAsync("""{"model":"test-model","messages":[{"role":"user","content":"Hi"}],"stream":true,"stream_options":{"include_usage":true}}""");
        var payloads = StreamReading.Payloads(await response.TextAsync()).ToList();

        var usage = edge.Settled.Usage;
        Assert.Equal(
            (input, cached, output, reasoning, false), (usage[Unit.Input], usage[Unit.CachedInput], usage[Unit.Output], usage[Unit.Reasoning], usage.IsEstimated));
        Assert.Equal("[DONE]", payloads[^1]);
        Assert.Equal(input + cached + usage[Unit.CacheWrite5m], (long)JsonNode.Parse(payloads[^2])!["usage"]!["prompt_tokens"]!);
        Assert.Equal("Hello", string.Concat(payloads.SkipLast(1).Select(payload => JsonNode.Parse(payload)!["choices"]!.AsArray()).SelectMany(choices => choices.Select(choice => (string?)choice!["delta"]?["content"]))));
        Assert.DoesNotContain(payloads, payload => payload.Contains("0.00123", StringComparison.Ordinal));
        Assert.Equal(kind != "zhipu", edge.SentBody.Contains("stream_options", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("azure", 404, """{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}""", 404, "model_not_found")]
    [InlineData("azure", 400, """{"error":{"message":"The response was filtered.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}""", 400, "content_filter")]
    [InlineData("azure", 401, """{"error":{"code":"401","message":"Access denied due to invalid subscription key."}}""", 502, "provider_refused")]
    [InlineData("deepseek", 402, """{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}""", 503, "provider_unavailable")]
    [InlineData("zhipu", 429, """{"error":{"code":"1113","message":"余额不足"}}""", 503, "provider_unavailable")]
    [InlineData("zhipu", 400, """{"error":{"code":"1261","message":"Prompt exceeds max length"}}""", 400, "context_length_exceeded")]
    [InlineData("zhipu", 429, """{"error":{"code":"1302","message":"Rate limit reached"}}""", 429, "provider_rate_limited")]
    [InlineData("moonshot", 429, """{"error":{"type":"exceeded_current_quota_error","message":"Your account is suspended, please check your plan and billing details"}}""", 503, "provider_unavailable")]
    [InlineData("moonshot", 429, """{"error":{"type":"engine_overloaded_error","message":"The engine is currently overloaded"}}""", 503, "provider_overloaded")]
    [InlineData("moonshot", 429, """{"error":{"type":"rate_limit_reached_error","message":"max RPM: 3"}}""", 429, "provider_rate_limited")]
    [InlineData("alibaba", 400, """{"error":{"code":"Arrearage","message":"Access denied, please make sure your account is in good standing.","type":"Arrearage","param":null},"id":"x","request_id":"x"}""", 503, "provider_unavailable")]
    [InlineData("alibaba", 429, """{"error":{"code":"Throttling.AllocationQuota","message":"Allocated quota exceeded"}}""", 429, "provider_rate_limited")]
    [InlineData("alibaba", 400, """{"error":{"code":"data_inspection_failed","message":"Input data may contain inappropriate content.","type":"data_inspection_failed"}}""", 400, "content_filter")]
    [InlineData("openrouter", 402, """{"error":{"code":402,"message":"Insufficient credits"},"user_id":"u"}""", 503, "provider_unavailable")]
    [InlineData("openrouter", 200, """{"error":{"code":502,"message":"Provider returned error","metadata":{"provider_name":"Z"}}}""", 503, "provider_error")]
    public async Task Error_OfEachProvider_MeansWhatItMeansThere(string kind, int status, string body, int shown, string code)
    {
        await using var edge = await StartAsync(kind, null, body, status: status);
        using var response = await edge.Edge.PostAsync(Question);
        var error = JsonNode.Parse(await response.TextAsync())!["error"]!;

        Assert.Equal((shown, code), ((int)response.StatusCode, (string?)error["code"]));
        Assert.Equal(0, edge.Settled.CostNanos);
    }

    private static string Whole(string usage) =>
        $$"""{"id":"a","object":"chat.completion","created":1,"model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{{usage}}}""";

    private static Task<EndpointEdge> StartAsync(string kind, string? version, string body, string type = "application/json", int status = 200) =>
        EndpointEdge.StartAsync(
            Encoding.UTF8.GetBytes(body),
            type,
            status: status,
            provider: provider =>
            {
                provider["kind"] = kind;
                if (version is not null)
                {
                    provider["api_version"] = version;
                }
            });
}
