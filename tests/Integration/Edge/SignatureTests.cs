using System.Net;
using System.Text;
using OrleansGateway.Tests.Integration.Edge.Cases;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>What one account of a provider has signed, another of the same provider may refuse: the conversation goes on without it.</summary>
public sealed class SignatureTests
{
    private const string Claude = """{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}""";
    private const string ClaudeAnswer = """{"id":"msg_1","type":"message","role":"assistant","model":"up","content":[{"type":"text","text":"done"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":2}}""";
    private const string Gemini = """{"error":{"code":400,"message":"Corrupted thought signature.","status":"INVALID_ARGUMENT"}}""";
    private const string GeminiAnswer = """{"candidates":[{"content":{"parts":[{"text":"done"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2,"totalTokenCount":7}}""";

    [Theory]
    [InlineData("anthropic", "/v1/messages", """{"model":"test-model","max_tokens":9,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"SIG"},{"type":"text","text":"Hi"}]},{"role":"user","content":"y"}]}""")]
    [InlineData("anthropic", "/v1/messages/count_tokens", """{"model":"test-model","messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"redacted_thinking","data":"SIG"},{"type":"text","text":"Hi"}]},{"role":"user","content":"y"}]}""")]
    [InlineData("anthropic", "/v1/chat/completions", """{"model":"test-model","reasoning_effort":"high","messages":[{"role":"user","content":"x"},{"role":"assistant","content":"Hi","reasoning_content":"hm","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"og1.messages.SIG"}}}]},{"role":"tool","tool_call_id":"c","content":"y"}]}""")]
    [InlineData("gemini", "/v1beta/models/test-model:generateContent", """{"contents":[{"parts":[{"text":"x"}]},{"role":"model","parts":[{"text":"Hi","thoughtSignature":"SIGx"}]},{"parts":[{"text":"y"}]}]}""")]
    [InlineData("gemini", "/v1/chat/completions", """{"model":"test-model","messages":[{"role":"user","content":"x"},{"role":"assistant","content":"Hi","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"SIGx"}}}]},{"role":"tool","tool_call_id":"c","content":"y"}]}""")]
    public async Task Post_SignatureOfAnotherAccount_IsSentOnceMoreWithout(string kind, string path, string body)
    {
        var (refusal, answer) = kind == "anthropic" ? (Claude, ClaudeAnswer) : (Gemini, GeminiAnswer);
        await using var backend = new Backend(request => [Step.Send(request.Contains("SIG", StringComparison.Ordinal) ? Wire.Http(refusal, 400) : Wire.Http(answer))]);
        await using var edge = await EdgeFixture.StartAsync(
            provider: (_, provider) => (provider["kind"], provider["base_url"]) = (kind, kind == "gemini" ? backend.Url.Replace("/v1/", "/v1beta/", StringComparison.Ordinal) : backend.Url));

        using var response = await edge.Client.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);

        Assert.True(response.StatusCode == HttpStatusCode.OK, await response.TextAsync());
        Assert.Equal(2, backend.Requests.Count);
        Assert.Contains("Hi", backend.Requests.Last(), StringComparison.Ordinal);
        Assert.Equal(path.EndsWith("count_tokens", StringComparison.Ordinal) ? 0 : 1, edge.Account.Settled.Count(settled => settled.CostNanos > 0));
    }

    /// <summary>Calls that another provider made, or whose proof the client has lost.</summary>
    [Theory]
    [InlineData("/v1beta/models/test-model:generateContent", """{"contents":[{"parts":[{"text":"x"}]},{"role":"model","parts":[{"functionCall":{"name":"f"}}]},{"parts":[{"functionResponse":{"name":"f","response":{}}}]}]}""")]
    [InlineData("/v1/chat/completions", """{"model":"test-model","messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"y"}]}""")]
    public async Task Post_CallWithoutASignature_IsSentOnceMoreNotToBeChecked(string path, string body)
    {
        const string Missing = """{"error":{"code":400,"message":"Function call is missing a thought_signature in functionCall parts.","status":"INVALID_ARGUMENT"}}""";
        await using var backend = new Backend(request => [Step.Send(
            request.Contains("skip_thought_signature_validator", StringComparison.Ordinal) ? Wire.Http(GeminiAnswer) : Wire.Http(Missing, 400))]);
        await using var edge = await EdgeFixture.StartAsync(
            provider: (_, provider) => (provider["kind"], provider["base_url"]) = ("gemini", backend.Url.Replace("/v1/", "/v1beta/", StringComparison.Ordinal)));
        using var response = await edge.Client.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        Assert.True(response.StatusCode == HttpStatusCode.OK, await response.TextAsync());
        Assert.Equal(2, backend.Requests.Count);
    }

    /// <summary>What is not about signatures, or where none was sent, is the client's to mend.</summary>
    [Fact]
    public async Task Post_NothingSigned_IsNotSentAgain()
    {
        await using var backend = new Backend(_ => [Step.Send(Wire.Http(Claude, 400))]);
        await using var edge = await EdgeFixture.StartAsync(provider: (_, provider) => (provider["kind"], provider["base_url"]) = ("anthropic", backend.Url));
        using var response = await edge.Client.PostAsync(
            "/v1/messages",
            new StringContent("""{"model":"test-model","max_tokens":9,"messages":[{"role":"user","content":"signature"}]}""", Encoding.UTF8, "application/json"),
            TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Single(backend.Requests);
    }
}
