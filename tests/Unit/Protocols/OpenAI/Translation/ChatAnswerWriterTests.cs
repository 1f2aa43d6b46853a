using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI.Translation;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI.Translation;

public sealed class ChatAnswerWriterTests
{
    private static readonly ChatAnswerForm Streamed = new()
    {
        RequestId = "r1",
        CreatedSeconds = 7,
        Model = "m",
        Stream = true,
        ProviderFormat = WireFormats.Messages,
    };

    /// <summary>The usage of the worked trace.</summary>
    private static readonly TokenUsage TraceUsage = new() { UncachedInput = 120, CacheWrite5m = 1000, CacheRead = 4000, Output = 57 };

    [Fact]
    public void Take_WorkedTrace_WritesItsChunks()
    {
        var text = Write(Streamed with { IncludeUsage = true }, new(TraceUsage), writer =>
        {
            Text(writer, "Hel");
            Text(writer, "lo");
            Start(writer, 0, "toolu_A", "get_weather");
            Arguments(writer, 0, "");
            Arguments(writer, 0, """{\"city\":""");
            Arguments(writer, 0, """\"Paris\"}""");
            End(writer, StopReason.ToolCalls);
        });
        const string Head = """data: {"id":"chatcmpl-r1","object":"chat.completion.chunk","created":7,"model":"m","choices":[""";
        const string Tail = ""","logprobs":null,"finish_reason":null}],"usage":null}""";
        Assert.Equal(
            $$$$"""
            {{{{Head}}}}{"index":0,"delta":{"role":"assistant","content":""}{{{{Tail}}}}

            {{{{Head}}}}{"index":0,"delta":{"content":"Hel"}{{{{Tail}}}}

            {{{{Head}}}}{"index":0,"delta":{"content":"lo"}{{{{Tail}}}}

            {{{{Head}}}}{"index":0,"delta":{"tool_calls":[{"index":0,"id":"toolu_A","type":"function","function":{"name":"get_weather","arguments":""}}]}{{{{Tail}}}}

            {{{{Head}}}}{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}{{{{Tail}}}}

            {{{{Head}}}}{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"Paris\"}"}}]}{{{{Tail}}}}

            {{{{Head}}}}{"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}],"usage":null}

            {{{{Head}}}}],"usage":{"prompt_tokens":5120,"completion_tokens":57,"total_tokens":5177,"prompt_tokens_details":{"cached_tokens":4000,"cache_write_tokens":1000,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}}

            data: [DONE]


            """.ReplaceLineEndings("\n"),
            text);
    }

    [Fact]
    public void Take_UsageNotAskedFor_IsNotShown() =>
        Assert.DoesNotContain("usage", Write(Streamed, new(TraceUsage), writer => Text(writer, "x")), StringComparison.Ordinal);

    [Fact]
    public void WriteEnd_Whole_HasAllAndTheCost()
    {
        var json = JsonNode.Parse(Write(Streamed with { Stream = false }, new(TraceUsage, CostNanos: 6_165_000), writer =>
        {
            writer.Take(new AnswerEvent { Kind = AnswerEventKind.Reasoning, Text = "think"u8 });
            writer.Take(new AnswerEvent { Kind = AnswerEventKind.Signature, Text = "SIG"u8 });
            Text(writer, "Hi \\\"x\\\"");
            Start(writer, 0, "", "f");
            End(writer, StopReason.ToolCalls);
        }))!;
        var choice = json["choices"]![0]!;
        Assert.Equal(("chat.completion", "tool_calls"), ((string)json["object"]!, (string)choice["finish_reason"]!));
        var message = choice["message"]!;
        Assert.Equal(("Hi \"x\"", "think"), ((string)message["content"]!, (string)message["reasoning_content"]!));
        var call = message["tool_calls"]![0]!;
        Assert.Equal(("call_r1_0_0", "{}"), ((string)call["id"]!, (string)call["function"]!["arguments"]!));
        Assert.Equal("og1.messages.SIG", (string)call["extra_content"]!["google"]!["thought_signature"]!);
        Assert.Equal((5120, 0.006165m), ((int)json["usage"]!["prompt_tokens"]!, (decimal)json["usage"]!["cost"]!));
    }

    [Fact]
    public void Take_GeminisSignature_IsInTheCallsFirstChunk()
    {
        var text = Write(Streamed with { ProviderFormat = WireFormats.Gemini }, default, writer =>
        {
            Start(writer, 0, "c1", "f");
            Arguments(writer, 0, """{\"a\":1}""");
            writer.Take(new AnswerEvent { Kind = AnswerEventKind.Signature, Text = "S+/="u8 });
            Start(writer, 1, "c2", "g");
            End(writer, StopReason.ToolCalls);
        });
        Assert.Contains(
            """[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"},"extra_content":{"google":{"thought_signature":"S+/="}}}]""",
            text,
            StringComparison.Ordinal);
        Assert.Contains("""[{"index":1,"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]""", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Take_ToolOfText_GetsItsInput()
    {
        var text = Write(Streamed with { TextTools = new HashSet<string> { "patch" } }, default, writer =>
        {
            Start(writer, 0, "c1", "patch");
            Arguments(writer, 0, """{\"input\":\"a\\n""");
            Arguments(writer, 0, """\\\"b\\\"\"}""");
            End(writer, StopReason.ToolCalls);
        });
        Assert.Contains("""{"index":0,"id":"c1","type":"custom","custom":{"name":"patch","input":"a\n\"b\""}}""", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Take_CallWithoutArguments_GetsEmptyOnes() =>
        Assert.Contains(
            """{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}""",
            Write(Streamed, default, writer => Start(writer, 0, "c1", "f")),
            StringComparison.Ordinal);

    [Theory]
    [InlineData(StopReason.Done, "stop")]
    [InlineData(StopReason.StopSequence, "stop")]
    [InlineData(StopReason.Paused, "stop")]
    [InlineData(StopReason.Length, "length")]
    [InlineData(StopReason.ContentFilter, "content_filter")]
    public void WriteEnd_EachReason_IsChats(StopReason stop, string expected) =>
        Assert.Contains($"\"finish_reason\":\"{expected}\"", Write(Streamed, default, writer => End(writer, stop)), StringComparison.Ordinal);

    [Fact]
    public void WriteEnd_AtLength_EndsWhatHasNotEnded()
    {
        var text = Write(Streamed, new(default, EndsAtLength: true, IsForMoney: true), writer =>
        {
            Text(writer, "a");
            End(writer, StopReason.Done);
            writer.Take(new AnswerEvent { Kind = AnswerEventKind.Text, Choice = 1, Text = "b"u8 });
        });
        Assert.Contains(""""index":0,"delta":{},"logprobs":null,"finish_reason":"stop"""", text, StringComparison.Ordinal);
        Assert.Contains(""""index":1,"delta":{},"logprobs":null,"finish_reason":"length"""", text, StringComparison.Ordinal);
        Assert.Contains(": og_notice", text, StringComparison.Ordinal);
    }

    [Fact]
    public void WriteEnd_OfNothing_IsAnEmptyAnswer()
    {
        Assert.Contains("\"finish_reason\":\"length\"", Write(Streamed, new(default, EndsAtLength: true), _ => { }), StringComparison.Ordinal);
        var json = JsonNode.Parse(Write(Streamed with { Stream = false }, default, _ => { }))!;
        Assert.Equal(0, (int)json["choices"]![0]!["index"]!);
    }

    private static string Write(ChatAnswerForm form, AnswerTotals totals, Action<ChatAnswerWriter> take)
    {
        using var writer = new ChatAnswerWriter(form);
        var bytes = new ArrayBufferWriter<byte>();
        writer.To = bytes;
        take(writer);
        writer.WriteEnd(bytes, totals);
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    private static void Text(ChatAnswerWriter writer, string text) =>
        writer.Take(new AnswerEvent { Kind = AnswerEventKind.Text, Text = Encoding.UTF8.GetBytes(text) });

    private static void Start(ChatAnswerWriter writer, int tool, string id, string name) => writer.Take(new AnswerEvent
    {
        Kind = AnswerEventKind.ToolStart,
        Tool = tool,
        Id = Encoding.UTF8.GetBytes(id),
        Name = Encoding.UTF8.GetBytes(name),
    });

    private static void Arguments(ChatAnswerWriter writer, int tool, string text) =>
        writer.Take(new AnswerEvent { Kind = AnswerEventKind.ToolArguments, Tool = tool, Text = Encoding.UTF8.GetBytes(text) });

    private static void End(ChatAnswerWriter writer, StopReason stop) =>
        writer.Take(new AnswerEvent { Kind = AnswerEventKind.ChoiceEnd, Stop = stop });
}
