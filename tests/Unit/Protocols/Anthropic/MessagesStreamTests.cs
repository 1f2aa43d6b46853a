using System.Buffers;
using System.Text;
using OrleansGateway.Protocols.Anthropic;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.Anthropic;

public sealed class MessagesStreamTests
{
    private const string Start = """{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"up-model","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":120,"cache_creation_input_tokens":1000,"cache_creation":{"ephemeral_5m_input_tokens":1000,"ephemeral_1h_input_tokens":0},"cache_read_input_tokens":4000,"output_tokens":1}}}""";

    /// <summary>The trace that shows how blocks and usage come.</summary>
    private static readonly string Trace =
        Event(Start)
        + Event("""{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""")
        + Event("""{"type":"ping"}""")
        + Event("""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}""")
        + Event("""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lö 😀\"\u4e2d"}}""")
        + Event("""{"type":"content_block_stop","index":0}""")
        + Event("""{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_A","name":"get_weather","input":{}}}""")
        + Event("""{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}""")
        + Event("""{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"city\":"}}""")
        + Event("""{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"\"Paris\"}"}}""")
        + Event("""{"type":"content_block_stop","index":1}""")
        + Event("""{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":57}}""")
        + Event("""{"type":"message_stop"}""");

    private const string TraceWords =
        "Text:Hellö 😀\\\"\\u4e2d|ToolStart0:toolu_A get_weather|Arguments0:{\\\"city\\\":\\\"Paris\\\"}|End:ToolCalls ";

    private static string Event(string data, string? name = null) =>
        $"event: {name ?? data[9..data.IndexOf('"', 9)]}\ndata: {data}\n\n";

    private static (string Words, MessagesReader Reader, AnswerRead Last) Read(string stream, IEnumerable<byte[]>? pieces = null)
    {
        var (reader, words, last) = (new MessagesReader(), new Recorder(), AnswerRead.Part);
        Recorder.Split(pieces ?? [Encoding.UTF8.GetBytes(stream)], sseEvent => last = reader.Read(sseEvent, words));
        return (words.Joined, reader, last);
    }

    private static (string Output, string Held) Pass(string stream, IEnumerable<byte[]>? pieces = null)
    {
        var (reader, output, end) = (new MessagesReader(), new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
        var passage = new MessagesPassage(reader, "asked", "msg_own");
        Recorder.Split(pieces ?? [Encoding.UTF8.GetBytes(stream)], sseEvent =>
        {
            if (reader.Read(sseEvent, new Recorder()) is AnswerRead.Part or AnswerRead.End)
            {
                passage.Pass(sseEvent, output);
            }
        });
        passage.WriteEnd(end, isCut: false, isForMoney: false, default);
        return (Recorder.Text(output), Recorder.Text(end));
    }

    [Fact]
    public void Read_TheTrace_TellsPiecesUsageAndEnd()
    {
        var (words, reader, last) = Read(Trace);
        Assert.Equal((TraceWords, AnswerRead.End), (words, last));
        var usage = reader.Reported!.Value;
        Assert.Equal(
            new TokenUsage { UncachedInput = 120, CacheWrite5m = 1000, CacheRead = 4000, Output = 57 }, usage);

        // At 3, 3.75, 0.30 and 15 per million: millionths.
        Assert.Equal(6165m, (usage.UncachedInput * 3m) + (usage.CacheWrite5m * 3.75m) + (usage.CacheRead * 0.30m) + (usage.Output * 15m));
    }

    [Fact]
    public void Read_AnySplitOfTheBytes_TellsTheSame()
    {
        var bytes = Encoding.UTF8.GetBytes(Trace);
        var (whole, _) = Pass(Trace);
        for (var cut = 1; cut < bytes.Length; cut++)
        {
            byte[][] pieces = [bytes[..cut], bytes[cut..]];
            Assert.Equal(TraceWords, Read("", pieces).Words);
            Assert.Equal(whole, Pass("", pieces).Output);
        }

        Assert.Equal(TraceWords, Read("", bytes.Select(value => new[] { value })).Words);
    }

    [Fact]
    public void Pass_TheTrace_ChangesTheModelAndHoldsTheEnd()
    {
        var (output, held) = Pass(Trace);
        var end = Trace.IndexOf("event: message_delta", StringComparison.Ordinal);
        Assert.Equal(Trace[..end].Replace("up-model", "asked", StringComparison.Ordinal), output);
        Assert.Equal(Trace[end..], held);
    }

    [Theory]
    [InlineData("""{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}""", "Other:server_tool_use")]
    [InlineData("""{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"a":1}}}""", "")]
    [InlineData("""{"type":"content_block_start","index":0,"content_block":{"type":"fallback","from":"a","to":"b"}}""", "Other:fallback")]
    [InlineData("""{"type":"what_is_this","index":{}}""", "")]
    public void Pass_WhatNobodyKnows_GoesThrough(string data, string words)
    {
        var (output, _) = Pass(Event(Start) + Event(data));
        Assert.EndsWith(Event(data), output, StringComparison.Ordinal);
        Assert.Equal((words, AnswerRead.Part), (Read(Event(Start) + Event(data)).Words, Read(Event(data)).Last));
    }

    [Theory]
    [InlineData("data: {\"type\":\"ping\"}\r\n\r\n", "event: ping\ndata: {\"type\":\"ping\"}\n\n")]
    [InlineData("data: {\"type\":\"content_block_stop\",\ndata: \"index\":0}\n\n", "event: content_block_stop\ndata: {\"type\":\"content_block_stop\", \"index\":0}\n\n")]
    [InlineData("event: message\ndata: {\"type\":\"ping\"}", "event: ping\ndata: {\"type\":\"ping\"}\n\n")]
    [InlineData("data:\n\n", "")]
    public void Pass_EventsWithoutTheirName_GetIt(string sent, string expected) => Assert.Equal(expected, Pass(sent).Output);

    [Fact]
    public void Pass_AStreamWithoutItsLastEvents_IsEnded()
    {
        var cut = Trace[..Trace.IndexOf("event: message_stop", StringComparison.Ordinal)];
        Assert.EndsWith("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", Pass(cut).Held, StringComparison.Ordinal);
        Assert.Equal(Pass(Trace).Held, Pass(Trace.TrimEnd('\n')).Held);
    }

    [Theory]
    [InlineData("""{"type":"error","error":{"type":"overloaded_error","message":"x"}}""", AnswerRead.Error)]
    [InlineData("""{"error":{"message":"x"}}""", AnswerRead.Error)]
    [InlineData("""{"type":"message_stop"}""", AnswerRead.End)]
    [InlineData("""{"type":"message_del""", AnswerRead.Malformed)]
    [InlineData("""["message_stop"]""", AnswerRead.Malformed)]
    [InlineData("""{"type":"ping"} x""", AnswerRead.Malformed)]
    [InlineData("nonsense", AnswerRead.Malformed)]
    public void Read_EndsAndFaults_AreToldApart(string data, AnswerRead expected) => Assert.Equal(expected, Read(Event(data, "x")).Last);

    [Fact]
    public void Read_UsageThatIsRepeated_IsNotAdded()
    {
        var usage = Read(
            Event("""{"type":"message_start","message":{"usage":{"input_tokens":25,"output_tokens":1}}}""")
            + Event("""{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":25,"cache_read_input_tokens":0,"output_tokens":15}}""")).Reader.Reported;
        Assert.Equal(new TokenUsage { UncachedInput = 25, Output = 15 }, usage);
    }

    [Theory]
    [InlineData("""{"input_tokens":5,"cache_creation_input_tokens":1000,"output_tokens":2}""", 5, 0, 1000, 0, 2, 0, false)]
    [InlineData("""{"input_tokens":5,"cache_creation_input_tokens":1000,"cache_creation":{"ephemeral_5m_input_tokens":400,"ephemeral_1h_input_tokens":600},"output_tokens":2}""", 5, 0, 400, 600, 2, 0, false)]
    [InlineData("""{"input_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":6},"output_tokens":2}""", 5, 0, 4, 6, 2, 0, false)]
    [InlineData("""{"input_tokens":5,"cache_read_input_tokens":null,"cache_creation":null,"output_tokens":20,"output_tokens_details":{"thinking_tokens":15}}""", 5, 0, 0, 0, 5, 15, false)]
    [InlineData("""{"input_tokens":5.0,"cache_read_input_tokens":1e3,"output_tokens":2,"output_tokens_details":{"thinking_tokens":9}}""", 5, 1000, 0, 0, 0, 2, true)]
    [InlineData("""{"input_tokens":-5,"cache_read_input_tokens":"7","output_tokens":2}""", 0, 0, 0, 0, 2, 0, true)]
    [InlineData("""{"input_tokens":5,"cache_read_input_tokens":9223372036854775807,"output_tokens":2,"server_tool_use":[]}""", 5, 0, 0, 0, 2, 0, true)]
    public void ReadWhole_Usage_IsNormalised(string usage, long input, long read, long w5m, long w1h, long output, long reasoning, bool isInconsistent)
    {
        var reader = new MessagesReader();
        Assert.Equal(AnswerRead.End, reader.ReadWhole(Encoding.UTF8.GetBytes($$"""{"content":[],"usage":{{usage}}}"""), new Recorder()));
        Assert.Equal(
            new TokenUsage { UncachedInput = input, CacheRead = read, CacheWrite5m = w5m, CacheWrite1h = w1h, Output = output, Reasoning = reasoning, IsInconsistent = isInconsistent },
            reader.Reported);
    }

    [Theory]
    [InlineData("\"9\"")]
    [InlineData("-9")]
    [InlineData("99999999999999")]
    [InlineData("null")]
    public void Read_LastOutputThatIsNoNumber_IsCountedFromTheText(string output)
    {
        var (reader, meter) = (new MessagesReader(), new AnswerMeter());
        var stream = Event(Start) + Event($$$"""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"{{{new string('x', 400)}}}"}}""")
            + Event($$$"""{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":{{{output}}}}}""");
        Recorder.Split([Encoding.UTF8.GetBytes(stream)], sseEvent =>
        {
            reader.Read(sseEvent, meter);
            if (reader.HasJustReported == true)
            {
                meter.Reported();
            }
        });
        var usage = meter.Usage(reader.Reported, 7);
        Assert.Equal((5120, 100, true), (usage.TotalInput, usage.TotalOutput, usage.IsEstimated));
    }

    [Theory]
    [InlineData("""{"input_tokens":8,"output_tokens":2,"cache_read_input_tokens":3}""", """{"input_tokens":5,"output_tokens":9,"cache_read_input_tokens":0}""", 11, 9, true)]
    [InlineData("""{"input_tokens":8,"output_tokens":2}""", """{"input_tokens":8,"output_tokens":2}""", 8, 2, false)]
    public void Read_UsageTwice_IsNoLessThanEither(string first, string second, long input, long output, bool isDisputed)
    {
        var expected = new TokenUsage { UncachedInput = input, Output = output, IsEstimated = isDisputed, IsInconsistent = isDisputed };
        var whole = new MessagesReader();
        whole.ReadWhole(Encoding.UTF8.GetBytes($$"""{"content":[],"usage":{{first}},"usage":{{second}}}"""), new Recorder());
        Assert.Equal(expected, whole.Reported);
        Assert.Equal(expected, Read(Event($$"""{"type":"message_delta","usage":{{first}},"usage":{{second}}}""")).Reader.Reported);
    }

    [Fact]
    public void ReadWhole_SearchesTierAndSpeed_AreTold()
    {
        var body = """{"content":[],"usage":{"input_tokens":1,"output_tokens":1,"service_tier":"priority","server_tool_use":{"web_search_requests":3}}}""";
        var reader = new MessagesReader();
        reader.ReadWhole(Encoding.UTF8.GetBytes(body), new Recorder());
        Assert.Equal((3L, "priority"), (reader.Reported!.Value.Searches, reader.ServiceTier));

        var fast = new MessagesReader(asksSpeed: true);
        fast.ReadWhole(Encoding.UTF8.GetBytes(body), new Recorder());
        Assert.Null(fast.ServiceTier);
        fast.ReadWhole(Encoding.UTF8.GetBytes(body.Replace("\"service_tier\"", "\"speed\":\"fast\",\"service_tier\"", StringComparison.Ordinal)), new Recorder());
        Assert.Equal("fast", fast.ServiceTier);
    }

    [Theory]
    [InlineData("end_turn", StopReason.Done)]
    [InlineData("stop_sequence", StopReason.StopSequence)]
    [InlineData("max_tokens", StopReason.Length)]
    [InlineData("model_context_window_exceeded", StopReason.Length)]
    [InlineData("tool_use", StopReason.ToolCalls)]
    [InlineData("refusal", StopReason.ContentFilter)]
    [InlineData("pause_turn", StopReason.Paused)]
    public void ReadWhole_EachStopReason_IsMapped(string reason, StopReason expected)
    {
        var words = new Recorder();
        new MessagesReader().ReadWhole(Encoding.UTF8.GetBytes($$"""{"type":"message","content":[],"stop_reason":"{{reason}}","stop_sequence":"\n\nHu"}"""), words);
        Assert.Equal([$"End:{expected} \\n\\nHu"], words.Words);
    }

    [Fact]
    public void ReadWhole_EveryBlock_IsTold()
    {
        var words = new Recorder();
        var read = new MessagesReader().ReadWhole(
            """
            {"id":"m","type":"message","role":"assistant","model":"x","stop_reason":"tool_use","content":[
              {"type":"thinking","thinking":"Hm","signature":"sig=="},{"type":"redacted_thinking","data":"ZZ"},{"type":"text","text":"a\"b"},
              {"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"q"}},{"type":"web_search_tool_result","tool_use_id":"s","content":[]},
              {"type":"tool_use","id":"t1","name":"f","input":{"a": "é\n"}},{"type":"tool_use","id":"t2","name":"g","input":{}}]}
            """u8,
            words);
        Assert.Equal(AnswerRead.End, read);
        Assert.Equal(
            ["Reasoning:Hm", "Signature:sig==", "HiddenReasoning:ZZ", "Text:a\\\"b", "Other:server_tool_use", "Other:web_search_tool_result", "ToolStart0:t1 f", "Arguments0:{\\\"a\\\": \\\"é\\\\n\\\"}", "ToolStart1:t2 g", "Arguments1:{}", "End:ToolCalls "],
            words.Words);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("""{"status":"ok"}""")]
    [InlineData("""{"content":[]""")]
    [InlineData("""{"content":[]} {}""")]
    public void ReadWhole_WhatIsNoMessage_IsMalformed(string body) =>
        Assert.Equal(AnswerRead.Malformed, new MessagesReader().ReadWhole(Encoding.UTF8.GetBytes(body), new Recorder()));

    [Fact]
    public void WriteEnd_CutInTheMiddleOfABlock_ClosesWhatTheClientHas()
    {
        var (reader, output, end) = (new MessagesReader(), new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
        var passage = new MessagesPassage(reader, "asked", "msg_own");
        var number = 0;
        Recorder.Split([Encoding.UTF8.GetBytes(Trace)], sseEvent =>
        {
            if (number++ < 8)
            {
                reader.Read(sseEvent, new Recorder());
                passage.Pass(sseEvent, output);
            }

            if (number == 4)
            {
                // What comes after it is dropped.
                passage.Sent();
            }
        });
        passage.WriteEnd(end, isCut: true, isForMoney: true, new TokenUsage { UncachedInput = 120, Output = 3 });
        var text = Recorder.Text(end);
        Assert.StartsWith(": og_notice", text, StringComparison.Ordinal);
        Assert.Contains("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\"", text, StringComparison.Ordinal);
        Assert.EndsWith("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("message_start", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_AnEventOfText_AllocatesNothing()
    {
        var reader = new MessagesReader();
        var meter = new AnswerMeter();
        var passage = new MessagesPassage(reader, "asked", "msg_own");
        var output = new ArrayBufferWriter<byte>(1024 * 1024);
        var bytes = Encoding.UTF8.GetBytes(Event("""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello there"}}"""));
        using var splitter = new SseSplitter();
        Take(100);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Take(1000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Take(int times)
        {
            for (var i = 0; i < times; i++)
            {
                splitter.Append(bytes);
                while (splitter.TryRead(out var sseEvent) == SseRead.Event)
                {
                    reader.Read(sseEvent, meter);
                    passage.Pass(sseEvent, output);
                }
            }
        }
    }
}
