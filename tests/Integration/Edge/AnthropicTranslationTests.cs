using System.Net;
using System.Text.Json.Nodes;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Tests.Integration.Edge.Cases;
using Xunit;
using static OrleansGateway.Tests.Integration.Edge.Cases.Wire;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>Clients of one protocol before a provider of the other: Anthropic's and Chat Completions.</summary>
public sealed class AnthropicTranslationTests
{
    private const string ChatRequest = """
        {"model":"test-model","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"},
          {"role":"assistant","content":null,"tool_calls":[{"id":"call.1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},
          {"role":"tool","tool_call_id":"call.1","content":"22"}],
         "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}],"reasoning_effort":"high","temperature":1.5,"max_completion_tokens":500}
        """;

    private const string MessagesRequest = """
        {"model":"test-model","max_tokens":500,"system":"s","messages":[{"role":"user","content":"hi"},
          {"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}]},
          {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"22"}]}],
         "tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}]}
        """;

    private static readonly string MessagesStream = Stream(
        Event("""{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"up","content":[],"usage":{"input_tokens":120,"cache_creation_input_tokens":1000,"cache_creation":{"ephemeral_5m_input_tokens":1000,"ephemeral_1h_input_tokens":0},"cache_read_input_tokens":4000,"output_tokens":1}}}"""),
        Event("""{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"""),
        Event("""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}"""),
        Event("""{"type":"content_block_stop","index":0}"""),
        Event("""{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_A","name":"get_weather","input":{}}}"""),
        Event("""{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"city\":"}}"""),
        Event("""{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"\"Paris\"}"}}"""),
        Event("""{"type":"content_block_stop","index":1}"""),
        Event("""{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":57}}"""),
        Event("""{"type":"message_stop"}"""));

    private static string Event(string data) => $"event: {data[9..data.IndexOf('"', 9)]}\ndata: {data}\n\n";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Chat_BeforeAProviderOfAnthropic_IsTranslatedThereAndBack(bool stream)
    {
        await using var backend = new Backend(_ => [Step.Send(MessagesStream)]);
        await using var edge = await StartAsync(backend, "anthropic");
        using var response = await edge.PostAsync(stream ? ChatRequest.Replace("\"model\"", "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"model\"", StringComparison.Ordinal) : ChatRequest);
        var text = await response.TextAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);

        var sent = Sent(backend);
        Assert.Equal(("up-claude-opus-5", 500), ((string)sent["model"]!, (int)sent["max_tokens"]!));
        Assert.Equal("""[{"type":"text","text":"s"}]""", sent["system"]!.ToJsonString());
        Assert.Equal(["user", "assistant", "user"], sent["messages"]!.AsArray().Select(message => (string)message!["role"]!));
        Assert.Equal((string)sent["messages"]![1]!["content"]![0]!["id"]!, (string)sent["messages"]![2]!["content"]![0]!["tool_use_id"]!);
        Assert.Null(sent["temperature"]);
        Assert.Null(sent["thinking"]);

        var usage = stream
            ? StreamReading.Payloads(text).Where(payload => payload.StartsWith('{')).Select(payload => JsonNode.Parse(payload)!["usage"]).Last(node => node is not null)!
            : JsonNode.Parse(text)!["usage"]!;
        Assert.Equal((5120, 57, 4000, 1000), ((int)usage["prompt_tokens"]!, (int)usage["completion_tokens"]!, (int)usage["prompt_tokens_details"]!["cached_tokens"]!, (int)usage["prompt_tokens_details"]!["cache_write_tokens"]!));
        Assert.Contains("\"finish_reason\":\"tool_calls\"", text, StringComparison.Ordinal);
        Assert.Contains("toolu_A", text, StringComparison.Ordinal);
        Assert.Contains("Paris", text, StringComparison.Ordinal);
        var settled = Assert.Single(edge.Account.Settled);
        Assert.Equal((120, 1000, 4000, 57), (settled.Usage[Unit.Input], settled.Usage[Unit.CacheWrite5m], settled.Usage[Unit.CachedInput], settled.Usage[Unit.Output]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Messages_BeforeAProviderOfChat_AreTranslatedThereAndBack(bool stream)
    {
        await using var backend = new Backend(_ => [Step.Send(Stream(
            Delta("""{"role":"assistant","content":""}"""),
            Text("Hello"),
            Delta("""{"tool_calls":[{"index":0,"id":"call_9","type":"function","function":{"name":"f","arguments":""}}]}"""),
            Delta("""{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":2}"}}]}"""),
            Fin(reason: "stop"),
            Use(5120, 57, 4000),
            Done))]);
        await using var edge = await StartAsync(backend, "openai");
        using var response = await edge.PostAsync(
            stream ? MessagesRequest.Replace("\"model\"", "\"stream\":true,\"model\"", StringComparison.Ordinal) : MessagesRequest,
            request => request.RequestUri = new Uri("/v1/messages", UriKind.Relative));
        var text = await response.TextAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        Assert.Equal(["system", "user", "assistant", "tool"], Sent(backend)["messages"]!.AsArray().Select(message => (string)message!["role"]!));

        if (stream)
        {
            Assert.StartsWith("event: message_start\n", text, StringComparison.Ordinal);
            Assert.Contains("\"text_delta\",\"text\":\"Hello\"", text, StringComparison.Ordinal);
            Assert.Contains("\"type\":\"tool_use\",\"id\":\"call_9\",\"name\":\"f\"", text, StringComparison.Ordinal);
            Assert.Contains("\"stop_reason\":\"tool_use\"", text, StringComparison.Ordinal);
            Assert.Contains("\"usage\":{\"input_tokens\":1120,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":4000", text, StringComparison.Ordinal);
            Assert.EndsWith("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", text, StringComparison.Ordinal);
        }
        else
        {
            var message = JsonNode.Parse(text)!;
            Assert.Equal(
                """[{"type":"text","text":"Hello"},{"type":"tool_use","id":"call_9","name":"f","input":{"a":2}}]""", message["content"]!.ToJsonString());
            Assert.Equal(("tool_use", "test-model", 1120, 57), ((string)message["stop_reason"]!, (string)message["model"]!, (int)message["usage"]!["input_tokens"]!, (int)message["usage"]!["output_tokens"]!));
        }

        Assert.Equal((1120, 4000, 57), (edge.Account.Settled.Single().Usage[Unit.Input], edge.Account.Settled.Single().Usage[Unit.CachedInput], edge.Account.Settled.Single().Usage[Unit.Output]));
    }

    /// <summary>The simulated provider, in its native shape: text, a tool and thinking, streamed and whole.</summary>
    [Theory]
    [InlineData("Say something.", false, "end_turn")]
    [InlineData("Say something.", true, "end_turn")]
    [InlineData("Please call get_weather with {\\\"city\\\":\\\"Paris\\\"}", false, "tool_use")]
    [InlineData("Please call get_weather with {\\\"city\\\":\\\"Paris\\\"}", true, "tool_use")]
    public async Task Messages_OfTheSimulatedProvider_AreItsOwn(string prompt, bool stream, string stop)
    {
        await using var edge = await EdgeFixture.StartAsync(provider: (_, provider) => provider["kind"] = "anthropic");
        using var response = await edge.PostAsync(
            $$$"""{"model":"test-model","max_tokens":2000,"stream":{{{(stream ? "true" : "false")}}},"thinking":{"type":"adaptive"},"messages":[{"role":"user","content":"{{{prompt}}}"}],"tools":[{"name":"get_weather","input_schema":{"type":"object"}}]}""",
            request => request.RequestUri = new Uri("/v1/messages", UriKind.Relative));
        var text = await response.TextAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        Assert.Contains($"\"stop_reason\":\"{stop}\"", text, StringComparison.Ordinal);
        Assert.Contains("c2ltdWxhdGVk", text, StringComparison.Ordinal);
        Assert.Equal(stop == "tool_use", text.Contains("Paris", StringComparison.Ordinal));
        Assert.Equal((16, false), (edge.Account.Settled.Single().Usage.TotalOutput, edge.Account.Settled.Single().Usage.IsEstimated));
    }

    private static Task<EdgeFixture> StartAsync(Backend backend, string kind) => EdgeFixture.StartAsync(
        provider: (_, provider) => (provider["kind"], provider["base_url"]) = (kind, backend.Url),
        channel: (_, channel) => channel["models"] = new JsonObject { ["test-model"] = "up-claude-opus-5" },
        model: model => model["prices"]![0]!["per_million"]!["cached_input"] = "0.1");

    private static JsonNode Sent(Backend backend)
    {
        var request = Assert.Single(backend.Requests);
        return JsonNode.Parse(request[(request.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..])!;
    }
}
