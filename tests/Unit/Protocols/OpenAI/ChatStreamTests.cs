using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.Sse;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI;

public sealed class ChatStreamTests
{
    private const string Head = "\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"up-model\"";

    private static readonly string Recorded =
        ": keep-alive\n\n"
        + Data("{\"role\":\"assistant\",\"content\":\"\"}")
        + Data("{\"content\":\"Grüße \"}") + Data("{\"content\":\"你好\"}") + Data("{\"content\":\"😀 \\\"quoted\\\"\\n\"}")
        + ": keep-alive\r\n\r\n"
        + Data("{\"content\":\"plain text\"}").Replace("data: ", "data:", StringComparison.Ordinal)
        + Data("{\"content\":\" more\"}").Replace("\n", "\r\n", StringComparison.Ordinal)
        + Data("{\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}")
        + Data("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":1}\"}}]}")
        + Data("{}", "\"tool_calls\"")
        + "data: {" + Head + ",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20,\"total_tokens\":30,\"odd\":1.50}}\n\n"
        + "data: [DONE]\n\n";

    private static string Data(string delta, string finish = "null", int index = 0, string usage = ",\"usage\":null") =>
        "data: {" + Head + ",\"choices\":[{\"index\":" + index + ",\"delta\":" + delta + ",\"logprobs\":null,\"finish_reason\":" + finish + "}]" + usage + "}\n\n";

    private static ChatChunk Read(ChatStreamMeter meter, string data) =>
        meter.Read(Encoding.UTF8.GetBytes(data.Replace("data: ", "", StringComparison.Ordinal).TrimEnd('\n')));

    private static (string Output, List<string> Kinds, ChatStreamMeter Meter) Relay(
        IEnumerable<byte[]> pieces, ChatEdits edits, int choices = 1)
    {
        using var splitter = new SseSplitter();
        var meter = new ChatStreamMeter(choices);
        var writer = new ArrayBufferWriter<byte>();
        var kinds = new List<string>();
        void Drain()
        {
            while (splitter.TryRead(out var sseEvent) == SseRead.Event)
            {
                if (sseEvent.IsComment)
                {
                    kinds.Add("Comment");
                    continue;
                }

                var chunk = meter.Read(sseEvent.Data.Span);
                kinds.Add(chunk.Kind.ToString());
                if (chunk.Kind is ChatPayloadKind.Choices or ChatPayloadKind.Other or ChatPayloadKind.Done
                    || (chunk.Kind == ChatPayloadKind.UsageOnly && edits.Usage != UsageEdit.Remove))
                {
                    chunk.WriteEvent(writer, sseEvent, edits);
                }
            }
        }

        foreach (var piece in pieces)
        {
            splitter.Append(piece);
            Drain();
        }

        splitter.Complete();
        Drain();
        return (Encoding.UTF8.GetString(writer.WrittenSpan), kinds, meter);
    }

    [Fact]
    public void Read_RecordedStream_IsMeteredAndClassified()
    {
        var (output, kinds, meter) = Relay([Encoding.UTF8.GetBytes(Recorded)], default);

        Assert.Equal(
            ["Comment", "Choices", "Choices", "Choices", "Choices", "Comment", "Choices", "Choices", "Choices", "Choices", "Choices", "UsageOnly", "Done"],
            kinds);
        Assert.Equal(new TokenUsage { UncachedInput = 10, Output = 20 }, meter.Usage(999));
        Assert.Equal(Encoding.UTF8.GetByteCount("Grüße 你好😀 \"quoted\"\nplain text moref{\"a\":1}"), meter.OutputBytes);
        Assert.True(meter.HasOutput);
        Assert.True(meter.AllChoicesEnded);
        Assert.Equal(
            Recorded.Replace(": keep-alive\n\n", "", StringComparison.Ordinal)
                .Replace(": keep-alive\r\n\r\n", "", StringComparison.Ordinal)
                .Replace("\r\n\r\n", "\n\n", StringComparison.Ordinal),
            output);
    }

    [Fact]
    public void Read_EveryTwoWaySplitAndByteByByte_GivesTheSameBytesAndUsage()
    {
        var bytes = Encoding.UTF8.GetBytes(Recorded);
        var edits = ChatEdits.Of("public/name") with { Usage = UsageEdit.Remove };
        var expected = Relay([bytes], edits);

        void Same(IEnumerable<byte[]> pieces)
        {
            var actual = Relay(pieces, edits);
            Assert.Equal(expected.Output, actual.Output);
            Assert.Equal(expected.Kinds, actual.Kinds);
            Assert.Equal(
                (expected.Meter.Usage(1), expected.Meter.OutputBytes, expected.Meter.EstimatedOutputTokens),
                (actual.Meter.Usage(1), actual.Meter.OutputBytes, actual.Meter.EstimatedOutputTokens));
        }

        for (var at = 0; at <= bytes.Length; at++)
        {
            Same([bytes[..at], bytes[at..]]);
        }

        Same(bytes.Select(value => new[] { value }));
    }

    [Fact]
    public void WriteEvent_ClientDidNotAskForUsage_ShowsNone()
    {
        var (output, _, _) = Relay(
            [Encoding.UTF8.GetBytes(Recorded)], ChatEdits.Of("public") with { Usage = UsageEdit.Remove });

        Assert.DoesNotContain("usage", output, StringComparison.Ordinal);
        Assert.DoesNotContain("up-model", output, StringComparison.Ordinal);
        Assert.Equal(9, output.Split("\"model\":\"public\"").Length - 1);
        foreach (var line in output.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)[..^1])
        {
            Assert.NotNull(JsonNode.Parse(line[line.IndexOf('{', StringComparison.Ordinal)..]));
        }
    }

    [Theory]
    [InlineData("""{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1,"completion_tokens":1},"id":"x"}""", """{"choices":[{"delta":{"content":"a"}}],"id":"x"}""")]
    [InlineData("""{"usage":null, "choices":[{"delta":{}}]}""", """{ "choices":[{"delta":{}}]}""")]
    [InlineData("""{"choices":[{"delta":{}}] , "usage" : null }""", """{"choices":[{"delta":{}}]  }""")]
    [InlineData("""{"choices":[{"delta":{}}]}""", """{"choices":[{"delta":{}}]}""")]
    public void WriteEvent_Remove_TakesTheUsageOut(string payload, string expected)
    {
        Assert.Equal($"data: {expected}\n\n", Relay([Encoding.UTF8.GetBytes($"data: {payload}\n\n")], new() { Usage = UsageEdit.Remove }).Output);
    }

    [Theory]
    [InlineData("""{"choices":[{"delta":{}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}""", """{"choices":[{"delta":{}}],"usage":null}""")]
    [InlineData("""{"choices":[{"delta":{}}],"usage": null}""", """{"choices":[{"delta":{}}],"usage": null}""")]
    [InlineData("""{"choices":[{"delta":{}}] }""", """{"choices":[{"delta":{}}] ,"usage":null}""")]
    [InlineData("""{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}""", """{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}""")]
    public void WriteEvent_Null_MakesTheUsageNullInChunksWithChoices(string payload, string expected)
    {
        Assert.Equal($"data: {expected}\n\n", Relay([Encoding.UTF8.GetBytes($"data: {payload}\n\n")], new() { Usage = UsageEdit.Null }).Output);
    }

    [Fact]
    public void WriteEvent_EditedPayloadOfTwoLines_StaysOneEvent()
    {
        var (output, _, _) = Relay(
            ["data: {\"model\":\"x\",\ndata: \"choices\":[{\"delta\":{}}]}\n\n"u8.ToArray()], ChatEdits.Of("y"));

        Assert.Equal("data: {\"model\":\"y\",\ndata: \"choices\":[{\"delta\":{}}]}\n\n", output);
    }

    [Fact]
    public void Read_LastEventUnterminated_IsCleaned()
    {
        Assert.EndsWith("data: [DONE]\n\n", Relay([Encoding.UTF8.GetBytes(Recorded.TrimEnd('\n'))], default).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_CutOffInAFrame_ReportsItAndForwardsNothingOfIt()
    {
        var whole = Data("{\"content\":\"one\"}");
        for (var cut = "data: {".Length; cut < whole.TrimEnd('\n').Length; cut++)
        {
            var (output, kinds, meter) = Relay([Encoding.UTF8.GetBytes(whole + whole[..cut])], default);

            Assert.Equal(["Choices", "Malformed"], kinds);
            Assert.Equal(whole, output);
            Assert.Equal(3, meter.OutputBytes);
        }
    }

    [Theory]
    [InlineData("", ChatPayloadKind.Empty)]
    [InlineData(" ", ChatPayloadKind.Empty)]
    [InlineData("[DONE]", ChatPayloadKind.Done)]
    [InlineData("nonsense", ChatPayloadKind.Malformed)]
    [InlineData("{} {}", ChatPayloadKind.Malformed)]
    [InlineData("[1]", ChatPayloadKind.Malformed)]
    [InlineData("""{"choices":[],"prompt_filter_results":[]}""", ChatPayloadKind.Other)]
    [InlineData("""{"choices":[],"usage":null}""", ChatPayloadKind.Other)]
    [InlineData("""{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}""", ChatPayloadKind.UsageOnly)]
    [InlineData("""{"usage":{"prompt_tokens":1,"completion_tokens":1}}""", ChatPayloadKind.UsageOnly)]
    [InlineData("""{"error":{"message":"x"}}""", ChatPayloadKind.Error)]
    [InlineData("""{"error":null,"choices":[{"delta":{}}]}""", ChatPayloadKind.Choices)]
    [InlineData("""{"code":"Throttling","message":"slow","request_id":"r"}""", ChatPayloadKind.Error)]
    [InlineData("""{"choices":[{"delta":{},"finish_reason":"network_error"}]}""", ChatPayloadKind.Error)]
    public void Read_Payload_IsClassified(string payload, ChatPayloadKind expected)
    {
        Assert.Equal(expected, new ChatStreamMeter(1).Read(Encoding.UTF8.GetBytes(payload)).Kind);
    }

    [Theory]
    [InlineData("stop", FinishReason.Stop)]
    [InlineData("length", FinishReason.Length)]
    [InlineData("tool_calls", FinishReason.ToolCalls)]
    [InlineData("function_call", FinishReason.ToolCalls)]
    [InlineData("content_filter", FinishReason.ContentFilter)]
    [InlineData("sensitive", FinishReason.ContentFilter)]
    [InlineData("insufficient_system_resource", FinishReason.Other)]
    public void Read_FinishReason_IsTold(string reason, FinishReason expected)
    {
        Assert.Equal(expected, Read(new ChatStreamMeter(1), Data("{}", $"\"{reason}\"")).FinishReason);
    }

    [Fact]
    public void WriteEvent_Sensitive_BecomesContentFilter()
    {
        var (output, _, _) = Relay([Encoding.UTF8.GetBytes(Data("{}", "\"sensitive\""))], default);

        Assert.Equal(Data("{}", "\"content_filter\""), output);
    }

    [Fact]
    public void WriteEvent_ChoicesThatEndInOneChunk_EachEndsForItsReason()
    {
        const string Ends = """data: {"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"sensitive"},{"index":1,"delta":{},"finish_reason":"stop"},{"index":2,"delta":{},"finish_reason":"sensitive"}]}""" + "\n\n";

        var (output, _, _) = Relay([Encoding.UTF8.GetBytes(Ends)], default, choices: 3);

        Assert.Equal(Ends.Replace("sensitive", "content_filter", StringComparison.Ordinal), output);
    }

    [Fact]
    public void Read_ThreeChoices_EndsWithTheLastOpenOne()
    {
        var meter = new ChatStreamMeter(3);

        foreach (var (delta, reason, index) in new[] { ("{}", "\"stop\"", 2), ("{\"content\":\"x\"}", "null", 1), ("{}", "\"stop\"", 2), ("{}", "\"stop\"", 0) })
        {
            Read(meter, Data(delta, reason, index));
            Assert.False(meter.HasEnded);
        }

        Assert.False(meter.AllChoicesEnded);
        Read(meter, Data("{}", "\"length\"", 1));
        Assert.True(meter.HasEnded);
    }

    [Fact]
    public void Read_TwoChoicesEndInOneChunk_EndsTheStream()
    {
        var meter = new ChatStreamMeter(2);
        Read(meter, """{"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"delta":{},"finish_reason":"stop"}]}""");

        Assert.True(meter.HasEnded);
    }

    [Fact]
    public void Usage_OnTheLastChunkWithChoices_IsTaken()
    {
        var meter = new ChatStreamMeter(1);
        Read(meter, Data("{\"content\":\"hello\"}"));

        var chunk = Read(meter, Data("{\"content\":\"!\"}", "\"stop\"", 0, ",\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,\"cost\":0.5}"));

        Assert.True(chunk.HasUsage);
        Assert.Equal(new TokenUsage { UncachedInput = 7, Output = 2 }, meter.Usage(0));
    }

    [Fact]
    public void Usage_InsideAChoice_IsTaken()
    {
        var meter = new ChatStreamMeter(1);

        Read(meter, """{"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":7,"completion_tokens":2}}]}""");

        Assert.Equal(new TokenUsage { UncachedInput = 7, Output = 2 }, meter.Usage(0));
    }

    [Fact]
    public void Usage_InEveryChunk_TheLastCounts()
    {
        var meter = new ChatStreamMeter(1);
        for (var i = 1; i <= 5; i++)
        {
            Read(meter, Data("{\"content\":\"word \"}", "null", 0, $",\"usage\":{{\"prompt_tokens\":7,\"completion_tokens\":{i}}}"));
        }

        Read(meter, Data("{}", "\"stop\"", 0, ",\"usage\":null"));

        Assert.Equal(new TokenUsage { UncachedInput = 7, Output = 5 }, meter.Usage(0));
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("text that came", true)]
    public void Usage_ExplicitZero_IsHonouredWhereThereIsNoOutput(string text, bool isMetered)
    {
        var meter = new ChatStreamMeter(1);
        Read(meter, Data($$"""{"content":"{{text}}"}"""));
        Read(meter, """{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}""");

        var usage = meter.Usage(50);
        Assert.Equal((isMetered ? 50 : 0, isMetered, isMetered), (usage.TotalInput, usage.IsEstimated, usage.IsInconsistent));
    }

    [Fact]
    public void Usage_NoneReported_IsCountedFromTheText()
    {
        var meter = new ChatStreamMeter(1);
        for (var i = 0; i < 806; i++)
        {
            Read(meter, Data("{\"content\":\"word\"}"));
        }

        Read(meter, Data("{\"reasoning_content\":\"12345678\"}"));

        Assert.Equal(new TokenUsage { UncachedInput = 50, Output = 806, Reasoning = 2, IsEstimated = true }, meter.Usage(50));
    }

    [Fact]
    public void Usage_ReportedBeforeTheOutput_IsNotTheLastWord()
    {
        var meter = new ChatStreamMeter(1);
        Read(meter, Data("{\"role\":\"assistant\"}", "null", 0, ",\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":1}"));
        for (var i = 0; i < 100; i++)
        {
            Read(meter, Data("{\"content\":\"word\"}"));
        }

        Assert.Equal(new TokenUsage { UncachedInput = 7, Output = 100, IsEstimated = true }, meter.Usage(50));
    }

    [Fact]
    public void Usage_Unreadable_IsNone()
    {
        var meter = new ChatStreamMeter(1);
        Read(meter, """{"choices":[{"index":0,"delta":{"content":"abcd"}}],"usage":{"prompt_tokens":"7","completion_tokens":1}}""");

        Assert.Null(meter.Reported);
        Assert.Equal(new TokenUsage { UncachedInput = 3, Output = 1, IsEstimated = true }, meter.Usage(3));
    }

    [Theory]
    [InlineData("{\"content\":\"abcdefgh\"}", 2, 0, 0)]
    [InlineData("{\"content\":[{\"type\":\"text\",\"text\":\"abcdefgh\"}]}", 2, 0, 0)]
    [InlineData("{\"refusal\":\"abcd\"}", 1, 0, 0)]
    [InlineData("{\"reasoning_content\":\"abcd\"}", 0, 1, 0)]
    [InlineData("{\"reasoning\":\"abcd\"}", 0, 1, 0)]
    [InlineData("{\"tool_calls\":[{\"index\":1,\"id\":\"call_aaaaaaaaaaaa\",\"type\":\"function\",\"function\":{\"name\":\"abcd\",\"arguments\":\"{ab}\"}}]}", 2, 0, 0)]
    [InlineData("{\"function_call\":{\"name\":\"abcd\",\"arguments\":\"1234\"}}", 2, 0, 0)]
    [InlineData("{\"role\":\"assistant\",\"content\":\"\"}", 0, 0, 0)]
    [InlineData("{\"content\":null}", 0, 0, 0)]
    [InlineData("{}", 0, 0, 0)]
    public void Read_Delta_CountsOutput(string delta, long output, long reasoning, long audio)
    {
        var meter = new ChatStreamMeter(1);

        var chunk = Read(meter, Data(delta));

        var usage = meter.Usage(0);
        Assert.Equal((output, reasoning, audio), (usage.Output, usage.Reasoning, usage.AudioOutput));
        Assert.Equal(output + reasoning + audio > 0, chunk.HasOutput);
        Assert.Equal(chunk.HasOutput, meter.HasOutput);
    }

    [Fact]
    public void Read_Audio_CountsItsLength()
    {
        var meter = new ChatStreamMeter(1);

        Read(meter, Data("{\"audio\":{\"id\":\"a\",\"data\":\"" + Convert.ToBase64String(new byte[48_000]) + "\"}}"));

        Assert.Equal(20, meter.Usage(0).AudioOutput);
        Assert.True(meter.HasOutput);
    }

    [Fact]
    public void Read_ChunksOfTheSameShape_CountAsIfEachWereParsed()
    {
        string[] texts = ["plain", "", "你好", "a\\\"b", "x", "\\\\", "},{", "[DONE]", "tail \\u4f60", new string('z', 3000)];
        string[] fields = ["content", "reasoning_content", "content"];
        var meter = new ChatStreamMeter(1);
        long output = 0;
        foreach (var field in fields)
        {
            foreach (var text in texts.Concat(texts))
            {
                var alone = new ChatStreamMeter(1);
                var data = Data($"{{\"{field}\":\"{text}\"}}");
                Assert.Equal(Read(alone, data).HasOutput, Read(meter, data).HasOutput);
                output += alone.OutputBytes;
                Assert.Equal(output, meter.OutputBytes);
            }
        }

        Assert.NotEqual(0, meter.Usage(0).Reasoning);
    }

    [Theory]
    [InlineData("{\"content\":\"abc\"}\u0001")]
    [InlineData("{\"content\":\"a\nb\"}")]
    [InlineData("{\"content\":\"a\tb\"}")]
    [InlineData("{\"content\":\"a\"b\"}")]
    [InlineData("{\"content\":\"a\\\"}")]
    public void Read_BrokenChunkOfTheSameShape_IsMalformed(string delta)
    {
        var meter = new ChatStreamMeter(1);
        Read(meter, Data("{\"content\":\"fine\"}"));

        Assert.Equal(ChatPayloadKind.Malformed, Read(meter, Data(delta)).Kind);
        Assert.Equal(4, meter.OutputBytes);
    }

    [Theory]
    [InlineData("{\"content\":\"some plain text\"}")]
    [InlineData("{\"content\":\"with \\\"escapes\\\"\\n\"}")]
    [InlineData("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\"\"}}]}")]
    public void Read_ContentChunk_AllocatesNothing(string delta)
    {
        var payload = Encoding.UTF8.GetBytes(Data(delta)[6..].TrimEnd('\n'));
        var other = Encoding.UTF8.GetBytes(Data("{\"content\":\"you and me\"}")[6..].TrimEnd('\n'));
        var meter = new ChatStreamMeter(1);
        for (var i = 0; i < 2; i++)
        {
            meter.Read(other);
            meter.Read(other);
            meter.Read(payload);
            meter.Read(payload);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            meter.Read(payload);
            meter.Read(other);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void WriteUsageEvent_AfterAReport_PassesTheProvidersObjectWithOurCost()
    {
        var (_, _, meter) = Relay([Encoding.UTF8.GetBytes(Recorded)], default);

        Assert.Equal(
            "data: {" + Head + ",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20,\"total_tokens\":30,\"odd\":1.50}}\n\n",
            Written(writer => meter.WriteUsageEvent(writer, default, meter.Usage(0), null)));
        Assert.Equal(
            "data: {" + Head.Replace("up-model", "pub", StringComparison.Ordinal)
            + ",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20,\"total_tokens\":30,\"odd\":1.50,\"cost\":0.00000123}}\n\n",
            Written(writer => meter.WriteUsageEvent(writer, JsonBytes.Quote("pub"), meter.Usage(0), 1230)));
    }

    [Fact]
    public void WriteUsageEvent_WithoutAReport_TellsTheEstimate()
    {
        var meter = new ChatStreamMeter(1);
        Read(meter, Data("{\"content\":\"abcdefgh\"}"));

        var written = Written(writer => meter.WriteUsageEvent(writer, default, meter.Usage(5), null));

        var usage = JsonNode.Parse(written[6..])!["usage"]!;
        Assert.Equal((5, 2, 7), ((int)usage["prompt_tokens"]!, (int)usage["completion_tokens"]!, (int)usage["total_tokens"]!));
    }

    [Fact]
    public void WriteUsageEvent_ReportOverSeveralLines_IsOneLine()
    {
        var meter = new ChatStreamMeter(1);
        Read(meter, "{\"id\":\"i\",\"choices\":[],\"usage\":{\n\"prompt_tokens\":1,\n\"completion_tokens\":2,\"d\":{\n}}}");

        var written = Written(writer => meter.WriteUsageEvent(writer, default, meter.Usage(0), null));

        Assert.DoesNotContain('\n', written.TrimEnd('\n'));
        Assert.NotNull(JsonNode.Parse(written[6..]));
    }

    [Fact]
    public void WriteLengthEnd_TwoOfThreeOpen_EndsThoseInTheStreamsTerms()
    {
        // The third's end was read, and dropped; the fourth that was asked for has not begun.
        var meter = new ChatStreamMeter(4);
        Read(meter, Data("{\"content\":\"a\"}", "null", 0));
        Read(meter, Data("{}", "\"stop\"", 1));
        meter.Sent();
        Read(meter, Data("{}", "\"stop\"", 2));

        var written = Written(writer => meter.WriteLengthEnd(writer, JsonBytes.Quote("pub"), withNullUsage: true));

        string End(int index) => Data("{}", "\"length\"", index).Replace("up-model", "pub", StringComparison.Ordinal);
        Assert.Equal(End(0) + End(2), written);
    }

    [Fact]
    public void WriteLengthEnd_BeforeAnyChunk_UsesTheFallback()
    {
        var meter = new ChatStreamMeter(1) { FallbackId = "chatcmpl-x", FallbackCreatedSeconds = 17 };

        var written = Written(writer => meter.WriteLengthEnd(writer, JsonBytes.Quote("pub"), withNullUsage: false));

        Assert.Equal(
            "data: {\"id\":\"chatcmpl-x\",\"object\":\"chat.completion.chunk\",\"created\":17,\"model\":\"pub\",\"choices\":"
            + "[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"length\"}]}\n\n",
            written);
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(1, "0.000000001")]
    [InlineData(1_000_000_000, "1")]
    [InlineData(1_500_000_000, "1.5")]
    [InlineData(long.MaxValue, "9223372036.854775807")]
    public void WriteUsage_Cost_IsADecimalNumberOfUsd(long nanos, string expected)
    {
        Assert.Equal(
            $$"""{"a":1,"cost":{{expected}}}""",
            Written(writer => UsageCost.Write(writer, """{"cost":0.1,"a":1,"cost_details":{"x":[1]}}"""u8, nanos)));
        Assert.Equal($$"""{"cost":{{expected}}}""", Written(writer => UsageCost.Write(writer, "{}"u8, nanos)));
        Assert.Equal("{}", Written(writer => UsageCost.Write(writer, """{"cost":1}"""u8, null)));
    }

    private static string Written(Action<IBufferWriter<byte>> write)
    {
        var writer = new ArrayBufferWriter<byte>();
        write(writer);
        return Encoding.UTF8.GetString(writer.WrittenSpan);
    }
}
