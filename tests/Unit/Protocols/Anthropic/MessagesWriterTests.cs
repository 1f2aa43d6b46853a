using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Anthropic;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.Anthropic;

public sealed class MessagesWriterTests
{
    private static readonly TokenUsage Used = new() { UncachedInput = 120, CacheRead = 4000, CacheWrite5m = 1000, Output = 50, Reasoning = 7 };

    private static AnswerEvent Text(string text) => new() { Kind = AnswerEventKind.Text, Text = Encoding.UTF8.GetBytes(text) };

    private static AnswerEvent Of(AnswerEventKind kind, string text = "", int tool = 0, string id = "", string name = "", StopReason stop = default) => new()
    {
        Kind = kind,
        Text = Encoding.UTF8.GetBytes(text),
        Tool = tool,
        Id = Encoding.UTF8.GetBytes(id),
        Name = Encoding.UTF8.GetBytes(name),
        Stop = stop,
    };

    private delegate void Script(MessagesWriter writer);

    private static string Stream(Script script, string format = WireFormats.Chat, AnswerTotals? totals = null)
    {
        using var writer = new MessagesWriter("asked", "msg_1", isStream: true, format, inputTokens: 9);
        var output = new ArrayBufferWriter<byte>();
        writer.To = output;
        script(writer);
        writer.WriteEnd(output, totals ?? new AnswerTotals(Used));
        return Recorder.Text(output);
    }

    private static JsonNode Whole(Script script, string format = WireFormats.Chat)
    {
        using var writer = new MessagesWriter("asked", "msg_1", isStream: false, format, inputTokens: 9);
        script(writer);
        var output = new ArrayBufferWriter<byte>();
        writer.WriteEnd(output, new AnswerTotals(Used));
        return JsonNode.Parse(output.WrittenSpan)!;
    }

    /// <summary>What a client of Anthropic makes of a stream: our own reader's words.</summary>
    private static string Read(string stream)
    {
        var (reader, words) = (new MessagesReader(), new Recorder());
        Recorder.Split([Encoding.UTF8.GetBytes(stream)], sseEvent => Assert.NotEqual(AnswerRead.Malformed, reader.Read(sseEvent, words)));
        return words.Joined;
    }

    private static void Everything(MessagesWriter writer)
    {
        writer.Take(Of(AnswerEventKind.Reasoning, "Hm"));
        writer.Take(Of(AnswerEventKind.Signature, "sig"));
        writer.Take(Text("a\\n"));
        writer.Take(Text("b"));
        writer.Take(Of(AnswerEventKind.ToolStart, tool: 0, id: "t1", name: "f"));
        writer.Take(Of(AnswerEventKind.ToolStart, tool: 1, id: "", name: "g"));
        writer.Take(Of(AnswerEventKind.ToolArguments, "{\\\"x\\\":", 0));
        writer.Take(Of(AnswerEventKind.ToolArguments, "{}", 1));
        writer.Take(Of(AnswerEventKind.ToolArguments, "1}", 0));
        writer.Take(Of(AnswerEventKind.ChoiceEnd, stop: StopReason.ToolCalls));
    }

    [Fact]
    public void WriteEnd_Stream_HasItsBlocksOneAfterTheOther()
    {
        var stream = Stream(Everything);
        Assert.Equal(
            "Reasoning:Hm|Signature:og1.chat.sig|Text:a\\nb|ToolStart0:t1 f|Arguments0:{\\\"x\\\":1}|ToolStart1:toolu_msg_1_1 g|Arguments1:{}|End:ToolCalls ",
            Read(stream));
        Assert.StartsWith(
            """
            event: message_start
            data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"asked","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":9,
            """.TrimEnd(),
            stream,
            StringComparison.Ordinal);
        Assert.Contains("event: ping", stream, StringComparison.Ordinal);
        Assert.Equal(
            [0, 1, 2, 3],
            stream.Split("\n\n").Where(text => text.StartsWith("event: content_block_stop", StringComparison.Ordinal))
                .Select(text => (int)JsonNode.Parse(text[(text.IndexOf('{'))..])!["index"]!));
        Assert.EndsWith(
            """
            event: message_delta
            data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":120,"cache_creation_input_tokens":1000,"cache_read_input_tokens":4000,"cache_creation":{"ephemeral_5m_input_tokens":1000,"ephemeral_1h_input_tokens":0},"output_tokens":57,"output_tokens_details":{"thinking_tokens":7},"service_tier":"standard"}}

            event: message_stop
            data: {"type":"message_stop"}


            """,
            stream,
            StringComparison.Ordinal);
    }

    [Fact]
    public void WriteEnd_Whole_HasTheSameBlocks()
    {
        var whole = Whole(Everything);
        Assert.Equal(
            """[{"type":"thinking","thinking":"Hm","signature":"og1.chat.sig"},{"type":"text","text":"a\nb"},{"type":"tool_use","id":"t1","name":"f","input":{"x":1}},{"type":"tool_use","id":"toolu_msg_1_1","name":"g","input":{}}]""",
            whole["content"]!.ToJsonString());
        Assert.Equal(("msg_1", "asked", "tool_use", 57), ((string)whole["id"]!, (string)whole["model"]!, (string)whole["stop_reason"]!, (int)whole["usage"]!["output_tokens"]!));
    }

    [Fact]
    public void Take_OfItsOwnProtocol_KeepsSignaturesAsTheyAre()
    {
        Assert.Contains("\"signature\":\"sig\"", Stream(Everything, WireFormats.Messages), StringComparison.Ordinal);
        Assert.Equal("sig", (string)Whole(Everything, WireFormats.Messages)["content"]![0]!["signature"]!);
    }

    [Fact]
    public void Take_SignatureOfAToolCall_IsAThoughtWithoutWordsAfterIt()
    {
        var whole = Whole(
            writer =>
            {
                writer.Take(Of(AnswerEventKind.ToolStart, id: "t1", name: "f"));
                writer.Take(Of(AnswerEventKind.ToolArguments, "{}"));
                writer.Take(Of(AnswerEventKind.Signature, "abc"));
                writer.Take(Of(AnswerEventKind.ToolStart, tool: 1, id: "t2", name: "f"));
                writer.Take(Of(AnswerEventKind.ToolArguments, "{}", tool: 1));
            },
            WireFormats.Gemini);
        Assert.Equal(["tool_use", "thinking", "tool_use"], whole["content"]!.AsArray().Select(block => (string)block!["type"]!));
        Assert.Equal(("", "og1.gemini.abc"), ((string)whole["content"]![1]!["thinking"]!, (string)whole["content"]![1]!["signature"]!));
    }

    [Theory]
    [InlineData(StopReason.Done, "", false, "end_turn")]
    [InlineData(StopReason.Done, "", true, "tool_use")]
    [InlineData(StopReason.StopSequence, "END", false, "stop_sequence")]
    [InlineData(StopReason.Length, "", true, "max_tokens")]
    [InlineData(StopReason.ContentFilter, "", false, "refusal")]
    [InlineData(StopReason.Paused, "", false, "pause_turn")]
    public void WriteEnd_EachStop_IsNamed(StopReason stop, string sequence, bool hasTool, string expected)
    {
        var whole = Whole(writer =>
        {
            if (hasTool)
            {
                writer.Take(Of(AnswerEventKind.ToolStart, id: "t", name: "f"));
            }

            writer.Take(Of(AnswerEventKind.ChoiceEnd, sequence, stop: stop));
        });
        Assert.Equal((expected, sequence.Length > 0 ? sequence : null), ((string)whole["stop_reason"]!, (string?)whole["stop_sequence"]));
    }

    [Fact]
    public void WriteEnd_CutAfterWhatWasSent_ClosesThatBlockAlone()
    {
        using var writer = new MessagesWriter("asked", "msg_1", isStream: true, WireFormats.Chat, inputTokens: 9);
        var (sent, dropped, end) = (new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
        writer.To = sent;
        writer.Take(Text("a"));
        writer.Sent();
        writer.To = dropped;
        writer.Take(Of(AnswerEventKind.ToolStart, id: "t", name: "f"));
        writer.WriteEnd(end, new AnswerTotals(Used, EndsAtLength: true, IsForMoney: true));
        Assert.Equal("Text:a|End:Length ", Read(Recorder.Text(sent) + Recorder.Text(end)));
        Assert.Contains("\"content_block_stop\",\"index\":0}", Recorder.Text(end), StringComparison.Ordinal);
    }

    [Fact]
    public void WriteEnd_WithoutOutput_IsAMessageOfNothing()
    {
        Assert.Equal("End:Done ", Read(Stream(static _ => { })));
        Assert.Empty(Whole(static _ => { })["content"]!.AsArray());
    }

    [Fact]
    public void Take_ArgumentsThatAreNoObject_AreKeptAsText()
    {
        var whole = Whole(static writer =>
        {
            writer.Take(Of(AnswerEventKind.ToolStart, id: "t", name: "f"));
            writer.Take(Of(AnswerEventKind.ToolArguments, "{\\\"a"));
        });
        Assert.Equal("""{"arguments":"{\u0022a"}""", whole["content"]![0]!["input"]!.ToJsonString());
    }

    [Fact]
    public void Take_NobodyThere_WritesNothingAndGoesOn()
    {
        using var writer = new MessagesWriter("asked", "msg_1", isStream: true, WireFormats.Chat, inputTokens: 9);
        Everything(writer);
        Assert.True(writer.HeldBytes > 0);
    }
}
