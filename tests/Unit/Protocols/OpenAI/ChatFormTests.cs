using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.OpenAI;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI;

/// <summary>A stream that becomes a whole completion, and the other way round.</summary>
public sealed class ChatFormTests
{
    [Fact]
    public void Assembly_OfChunks_IsTheCompletionThatTheyMake()
    {
        string[] choices =
        [
            """{"index":1,"delta":{"role":"assistant","content":"b"},"finish_reason":null}""",
            """{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}""",
            """{"index":0,"delta":{"reasoning_content":"h\"m"}},{"index":1,"delta":{"content":"c"}}""",
            """{"delta":{"content":"\ud83d","x":{"y":1}},"logprobs":{"content":[{"token":"a"}],"refusal":null}}""",
            """{"index":0,"delta":{"content":"\ude42","x":{"y":2}},"logprobs":{"content":[{"token":"b"},{"token":"c"}]}}""",
            """{"index":0,"delta":{"tool_calls":[{"index":1,"id":"u","type":"function","function":{"name":"g","arguments":"{"}}]}}""",
            """{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}},{"index":1,"function":{"arguments":"}"}}]}}""",
            """{"index":0,"delta":{},"finish_reason":"sensitive"}""",
        ];
        Assert.Equal(
            """
            {"id":"c1","object":"chat.completion","created":7,"model":"pub","choices":[
            {"index":0,"message":{"role":"assistant","content":"\ud83d\ude42","refusal":null,"reasoning_content":"h\"m","x":{"y":2},
            "tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":""}},{"id":"u","type":"function","function":{"name":"g","arguments":"{}"}}]},
            "finish_reason":"content_filter","logprobs":{"content":[{"token":"a"},{"token":"b"},{"token":"c"}],"refusal":null}},
            {"index":1,"message":{"role":"assistant","content":"bc"},"finish_reason":"length"}],
            "usage":{"prompt_tokens":3,"completion_tokens":4},"system_fingerprint":"s"}
            """.Replace("\n", "", StringComparison.Ordinal),
            Assembled(choices, endsAtLength: true));
    }

    [Fact]
    public void Assembly_WithoutContent_HasNullForIt() => Assert.Equal(
        """{"role":"assistant","content":null,"tool_calls":[{"id":"t"}]}""",
        JsonNode.Parse(Assembled(["""{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t"}]},"finish_reason":"tool_calls"}"""], endsAtLength: false))!["choices"]![0]!["message"]!.ToJsonString());

    [Theory]
    [InlineData(
        """{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"a"},"logprobs":null,"finish_reason":"stop"}],"usage":{"x":1}}""",
        """{"id":"c","object":"chat.completion.chunk","choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":"a"},"logprobs":null}],"usage":{"x":1}}""",
        """{"id":"c","object":"chat.completion.chunk","choices":[{"delta":{},"index":0,"finish_reason":"stop"}],"usage":{"x":1}}""")]
    [InlineData(
        """{ "choices" : [ {"message":{"content":"a"},"finish_reason":"stop"} , {"index":1,"finish_reason":"length","message":{}} ] , "z":1 }""",
        """{ "choices" : [{"finish_reason":null,"delta":{"content":"a"}},{"finish_reason":null,"index":1,"delta":{}}] , "z":1 }""",
        """{ "choices" : [{"delta":{},"finish_reason":"stop"},{"delta":{},"index":1,"finish_reason":"length"}] , "z":1 }""")]
    public void Chunks_OfACompletion_SayItAndEndIt(string completion, string all, string end)
    {
        var writer = new ArrayBufferWriter<byte>();
        ChatChunks.Write(writer, Encoding.UTF8.GetBytes(completion), isEnd: false);
        Assert.Equal(all, Encoding.UTF8.GetString(writer.WrittenSpan));
        writer.ResetWrittenCount();
        ChatChunks.Write(writer, Encoding.UTF8.GetBytes(completion), isEnd: true);
        Assert.Equal(end, Encoding.UTF8.GetString(writer.WrittenSpan));
    }

    private static string Assembled(string[] choices, bool endsAtLength)
    {
        var meter = new ChatStreamMeter(2);
        var assembly = new ChatAssembly();
        foreach (var choice in choices)
        {
            var chunk = Encoding.UTF8.GetBytes($$$"""{"id":"c1","object":"chat.completion.chunk","created":7,"model":"up","choices":[{{{choice}}}],"system_fingerprint":"s"}""");
            meter.Read(chunk);
            assembly.Add(chunk);
        }

        meter.Read("""{"id":"c1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"""u8);
        Assert.InRange(assembly.Bytes, 1, 10_000);
        var writer = new ArrayBufferWriter<byte>();
        meter.WriteWhole(writer, assembly, endsAtLength, JsonBytes.Quote("pub"), meter.Usage(0), costNanos: null);
        return Encoding.UTF8.GetString(writer.WrittenSpan);
    }
}
