using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI.Responses;
using OrleansGateway.Protocols.OpenAI.Translation;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI.Translation;

/// <summary>Responses answers as they are written, and read again.</summary>
public sealed class ResponsesAnswerTests
{
    private static readonly TokenUsage TraceUsage = new() { UncachedInput = 120, CacheWrite5m = 1000, CacheRead = 4000, Output = 50, Reasoning = 7 };

    private static readonly Dictionary<string, ResponsesTool> Tools = new()
    {
        ["get_weather"] = new(null, "get_weather", IsText: false),
        ["files__patch"] = new("files", "patch", IsText: true),
    };

    [Fact]
    public void Take_Everything_WritesTheEventsInTheirOrder()
    {
        var events = Events(Write(isStream: true, new(TraceUsage, CostNanos: 5), Everything));
        Assert.Equal(Enumerable.Range(0, events.Count), events.Select(json => (int)json["sequence_number"]!));
        Assert.Equal(
            [
                "response.created", "response.in_progress",
                "response.output_item.added", "response.reasoning_summary_part.added", "response.reasoning_summary_text.delta", "response.reasoning_summary_text.done",
                "response.reasoning_summary_part.done", "response.output_item.done",
                "response.output_item.added", "response.content_part.added", "response.output_text.delta", "response.output_text.delta", "response.output_text.done",
                "response.content_part.done", "response.output_item.done",
                "response.output_item.added", "response.function_call_arguments.delta", "response.function_call_arguments.delta",
                "response.output_item.added",
                "response.function_call_arguments.done", "response.output_item.done",
                "response.custom_tool_call_input.delta", "response.custom_tool_call_input.done", "response.output_item.done",
                "response.completed",
            ],
            events.Select(json => (string)json["type"]!));
        Assert.Equal("Hel", (string)events[10]["delta"]!);
        Assert.Equal("Hello", (string)events[12]["text"]!);
        Assert.Equal("*** \"x\"", (string)events[22]["input"]!);

        var response = events[^1]["response"]!;
        Assert.Equal(("resp_r1", "completed", "m"), ((string)response["id"]!, (string)response["status"]!, (string)response["model"]!));
        var output = response["output"]!.AsArray();
        Assert.Equal(["reasoning", "message", "function_call", "custom_tool_call"], output.Select(item => (string)item!["type"]!));
        Assert.Equal(("think", "og1.messages.SIG"), ((string)output[0]!["summary"]![0]!["text"]!, (string)output[0]!["encrypted_content"]!));
        Assert.Equal(("toolu_A", "get_weather", """{"city":"Paris"}"""), ((string)output[2]!["call_id"]!, (string)output[2]!["name"]!, (string)output[2]!["arguments"]!));
        Assert.Equal(("files", "patch", "call_r1_1"), ((string)output[3]!["namespace"]!, (string)output[3]!["name"]!, (string)output[3]!["call_id"]!));
        Assert.Equal(
            """{"input_tokens":5120,"input_tokens_details":{"cached_tokens":4000,"cache_write_tokens":1000},"output_tokens":57,"output_tokens_details":{"reasoning_tokens":7},"total_tokens":5177,"cost":0.000000005}""",
            response["usage"]!.ToJsonString());
    }

    /// <summary>What is in the request is in the response, as providers have it; in one line, since it stands in events.</summary>
    [Fact]
    public void BeginResponse_RepeatsItsRequest()
    {
        var echo = ResponsesEcho.Of(Encoding.UTF8.GetBytes(
            """{"model":"m","metadata":{"a": "b",|"c":"d"},"instructions":"be","input":"x","temperature":0.50,"tools":null,"max_output_tokens":9}""".Replace("|", "\r\n", StringComparison.Ordinal)));
        var progress = new ResponsesProgress("r1", 7, "m") { Echo = echo };
        var written = new ArrayBufferWriter<byte>();
        progress.WriteCutResponse(written, TraceUsage, null);
        var response = JsonNode.Parse(written.WrittenSpan)!;
        Assert.Equal(("be", "b", "d", 9), ((string)response["instructions"]!, (string)response["metadata"]!["a"]!, (string)response["metadata"]!["c"]!, (int)response["max_output_tokens"]!));
        Assert.Equal(("0.50", "[]", "1.0"), (response["temperature"]!.ToJsonString(), response["tools"]!.ToJsonString(), response["top_p"]!.ToJsonString()));
        Assert.Equal(-1, written.WrittenSpan.IndexOfAny("\r\n"u8));
    }

    [Fact]
    public void Take_ShortText_WritesTheseBytes()
    {
        var text = Write(isStream: true, default, writer => Text(writer, "Hi"));
        Assert.Contains(
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":4,\"output_index\":0,\"item_id\":\"msg_r1_0\",\"content_index\":0,\"delta\":\"Hi\",\"logprobs\":[]}\n\n",
            text,
            StringComparison.Ordinal);
        Assert.DoesNotContain("[DONE]", text, StringComparison.Ordinal);
    }

    [Fact]
    public void WriteEnd_Whole_IsTheLastEventsResponse()
    {
        var streamed = Events(Write(isStream: true, new(TraceUsage), Everything))[^1]["response"]!;
        Assert.Equal(streamed.ToJsonString(), JsonNode.Parse(Write(isStream: false, new(TraceUsage), Everything))!.ToJsonString());
    }

    [Theory]
    [InlineData(StopReason.Length, "max_output_tokens")]
    [InlineData(StopReason.ContentFilter, "content_filter")]
    public void WriteEnd_NotWhole_IsIncomplete(StopReason stop, string reason)
    {
        foreach (var isStream in (bool[])[true, false])
        {
            var text = Write(isStream, default, writer =>
            {
                Text(writer, "Hi");
                writer.Take(new AnswerEvent { Kind = AnswerEventKind.ChoiceEnd, Stop = stop });
            });
            var response = isStream ? Events(text)[^1]["response"]! : JsonNode.Parse(text)!;
            Assert.Equal(("incomplete", reason), ((string)response["status"]!, (string)response["incomplete_details"]!["reason"]!));
            Assert.Equal("incomplete", (string)response["output"]![0]!["status"]!);
            Assert.Equal(isStream, text.Contains("event: response.incomplete\n", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Take_SignatureOfACall_FollowsIt()
    {
        var output = JsonNode.Parse(Write(isStream: false, default, WireFormats.Gemini, writer =>
        {
            Start(writer, 0, "c", "f");
            writer.Take(new AnswerEvent { Kind = AnswerEventKind.Signature, Text = "G"u8 });
            writer.Take(new AnswerEvent { Kind = AnswerEventKind.HiddenReasoning, Text = "H"u8 });
        }))!["output"]!.AsArray();
        Assert.Equal(("function_call", "{}"), ((string)output[0]!["type"]!, (string)output[0]!["arguments"]!));
        Assert.Equal("og1.gemini.G", (string)output[1]!["encrypted_content"]!);
        Assert.Equal("og1.gemini.~H", (string)output[2]!["encrypted_content"]!);
    }

    [Fact]
    public void Read_WhatWasWritten_AnySplitOfTheBytes_GivesTheSame()
    {
        var stream = Write(isStream: true, new(TraceUsage), Everything);
        string[] expected =
        [
            "0 reasoning think", "0 text Hello", "0 start 0 toolu_A get_weather", "0 arguments 0 {\\\"city\\\":\\\"Paris\\\"}", "0 start 1 call_r1_1 patch",
            "0 arguments 1 *** \\\"x\\\"", "0 end ToolCalls",
        ];
        for (var size = 1; size < 40; size++)
        {
            var reader = new ResponsesAnswerReader();
            var (end, lines) = AnswerLog.Read(reader, stream, size);
            Assert.Equal(AnswerRead.End, end);
            Assert.Equal(expected, lines);
            Assert.Equal(TraceUsage with { CacheWrite5m = 1000 }, reader.Reported);
            Assert.Equal(("resp_r1", "default", 24), (reader.ResponseId, reader.ServiceTier, reader.SequenceNumber));
        }

        var log = new AnswerLog();
        Assert.Equal(AnswerRead.End, new ResponsesAnswerReader().ReadWhole(Encoding.UTF8.GetBytes(Write(isStream: false, new(TraceUsage), Everything)), log));
        Assert.Equal(expected, log.Lines);
    }

    [Theory]
    [InlineData("""{"type":"error","code":"server_is_overloaded","message":"m"}""", AnswerRead.Error)]
    [InlineData("""{"type":"response.failed","response":{"error":{"code":"x","message":"m"}}}""", AnswerRead.Error)]
    [InlineData("""{"error":{"message":"m"}}""", AnswerRead.Error)]
    [InlineData("""{"type":"response.new_thing","item":7,"response":7,"delta":7}""", AnswerRead.Part)]
    [InlineData("""{"type":"response.created","response":""", AnswerRead.Malformed)]
    [InlineData("[]", AnswerRead.Malformed)]
    public void Read_OddEvent_IsWhatItIs(string data, AnswerRead expected) =>
        Assert.Equal(expected, AnswerLog.Read(new ResponsesAnswerReader(), $"data: {data}\n\n").End);

    [Theory]
    [InlineData("""{"object":"response","status":"failed","error":{"code":"x","message":"m"}}""", AnswerRead.Error)]
    [InlineData("""{"error":{"message":"m"}}""", AnswerRead.Error)]
    [InlineData("""{"object":"list"}""", AnswerRead.Malformed)]
    [InlineData("<html>", AnswerRead.Malformed)]
    [InlineData("""{"object":"response","status":"completed","output":[7]}""", AnswerRead.End)]
    public void ReadWhole_OddAnswer_IsWhatItIs(string answer, AnswerRead expected) =>
        Assert.Equal(expected, new ResponsesAnswerReader().ReadWhole(Encoding.UTF8.GetBytes(answer), new AnswerLog()));

    [Fact]
    public void Reported_UsageTwice_IsNoLessThanEither()
    {
        var reader = new ResponsesAnswerReader();
        reader.ReadWhole(
            """{"object":"response","status":"completed","output":[],"usage":{"input_tokens":9,"output_tokens":1},"usage":{"input_tokens":4,"output_tokens":6}}"""u8,
            new AnswerLog());
        Assert.Equal((9, 6, true), (reader.Reported!.Value.TotalInput, reader.Reported.Value.TotalOutput, reader.Reported.Value.IsEstimated));
    }

    [Fact]
    public void WriteEvent_ModelAndUsage_AreRestored()
    {
        var reader = new ResponsesAnswerReader();
        const string Data = """{"type":"response.completed","response":{"id":"r","model":"up","usage":{"input_tokens":1,"output_tokens":2},"x":1.0},"sequence_number":4}""";
        AnswerLog.Read(reader, $"data: {Data}\n\n");
        var written = new ArrayBufferWriter<byte>();
        reader.WriteEvent(written, Encoding.UTF8.GetBytes(Data), "\"m\""u8.ToArray(), "{}"u8.ToArray());
        Assert.Equal(
            "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"model\":\"m\",\"usage\":{},\"x\":1.0},\"sequence_number\":4}\n\n",
            Encoding.UTF8.GetString(written.WrittenSpan));
        written.ResetWrittenCount();
        reader.WriteResponse(written, Encoding.UTF8.GetBytes(Data), "\"m\""u8.ToArray(), default);
        Assert.Equal("""{"id":"r","model":"m","usage":{"input_tokens":1,"output_tokens":2},"x":1.0}""", Encoding.UTF8.GetString(written.WrittenSpan));
    }

    [Fact]
    public void Read_Delta_AllocatesNothing()
    {
        var reader = new ResponsesAnswerReader();
        using var splitter = new OrleansGateway.Protocols.Sse.SseSplitter();
        splitter.Append("event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":4,\"output_index\":0,\"delta\":\"Hi\"}\n\n"u8);
        splitter.TryRead(out var sseEvent);
        var meter = new AnswerMeter();
        reader.Read(sseEvent, meter);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            reader.Read(sseEvent, meter);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static void Everything(ResponsesAnswerWriter writer)
    {
        writer.Take(new AnswerEvent { Kind = AnswerEventKind.Reasoning, Text = "think"u8 });
        writer.Take(new AnswerEvent { Kind = AnswerEventKind.Signature, Text = "SIG"u8 });
        Text(writer, "Hel");
        Text(writer, "lo");
        Start(writer, 0, "toolu_A", "get_weather");
        Arguments(writer, 0, """{\"city\":""");
        Arguments(writer, 0, """\"Paris\"}""");
        Start(writer, 1, "", "files__patch");
        Arguments(writer, 1, """{\"input\":\"*** \\\"x""");
        Arguments(writer, 1, """\\\"\"}""");
        writer.Take(new AnswerEvent { Kind = AnswerEventKind.ChoiceEnd, Stop = StopReason.ToolCalls });
    }

    private static string Write(bool isStream, AnswerTotals totals, Action<ResponsesAnswerWriter> take) => Write(isStream, totals, WireFormats.Messages, take);

    private static string Write(bool isStream, AnswerTotals totals, string format, Action<ResponsesAnswerWriter> take)
    {
        using var writer = new ResponsesAnswerWriter(new ResponsesProgress("r1", 7, "m"), isStream, format, Tools);
        var bytes = new ArrayBufferWriter<byte>();
        writer.To = bytes;
        take(writer);
        writer.WriteEnd(bytes, totals);
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    private static List<JsonNode> Events(string stream) =>
        [.. stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(text =>
        {
            var lines = text.Split('\n');
            var json = JsonNode.Parse(lines[1]["data: ".Length..])!;
            Assert.Equal($"event: {json["type"]}", lines[0]);
            return json;
        })];

    private static void Text(ResponsesAnswerWriter writer, string text) =>
        writer.Take(new AnswerEvent { Kind = AnswerEventKind.Text, Text = Encoding.UTF8.GetBytes(text) });

    private static void Start(ResponsesAnswerWriter writer, int tool, string id, string name) => writer.Take(new AnswerEvent
    {
        Kind = AnswerEventKind.ToolStart,
        Tool = tool,
        Id = Encoding.UTF8.GetBytes(id),
        Name = Encoding.UTF8.GetBytes(name),
    });

    private static void Arguments(ResponsesAnswerWriter writer, int tool, string text) =>
        writer.Take(new AnswerEvent { Kind = AnswerEventKind.ToolArguments, Tool = tool, Text = Encoding.UTF8.GetBytes(text) });
}
