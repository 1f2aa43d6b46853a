using System.Text;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI.Translation;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI.Translation;

public sealed class ChatAnswerReaderTests
{
    private const string Stream =
        """
        : keep-alive

        data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

        data: {"choices":[{"index":0,"delta":{"reasoning_content":"hm, Zürich \"€"}}]}

        data: {"choices":[{"index":0,"delta":{"content":"Hel"}}],"service_tier":"default"}

        data: {"choices":[{"index":0,"delta":{"content":"lo 👋"}}]}

        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":3,"id":"a","type":"function","function":{"name":"one","arguments":""}}]}}]}

        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":4,"id":"b","type":"function","function":{"name":"two","arguments":"{"}}]}}]}

        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":3,"function":{"arguments":"{\"x\":1}"}},{"index":4,"function":{"arguments":"}"}}]}}]}

        data: {"choices":[{"delta":{},"finish_reason":"tool_calls","index":0}]}

        data: {"choices":[],"usage":{"prompt_tokens":5000,"prompt_cache_hit_tokens":4096,"prompt_cache_miss_tokens":904,"completion_tokens":9,"total_tokens":5009}}

        data: [DONE]


        """;

    private static readonly string[] Expected =
    [
        "0 reasoning hm, Zürich \\\"€", "0 signature reasoning_content", "0 text Hello 👋", "0 start 0 a one", "0 start 1 b two", "0 arguments 1 {",
        "0 arguments 0 {\\\"x\\\":1}", "0 arguments 1 }", "0 end ToolCalls",
    ];

    [Fact]
    public void Read_AnySplitOfTheBytes_GivesTheSame()
    {
        for (var size = 1; size < 80; size++)
        {
            var reader = new ChatAnswerReader("r");
            var (end, lines) = AnswerLog.Read(reader, Stream, size);
            Assert.Equal(AnswerRead.End, end);
            Assert.Equal(Expected, lines);
            Assert.Equal((904, 4096, 9, "default"), (reader.Reported!.Value.UncachedInput, reader.Reported.Value.CacheRead, reader.Reported.Value.TotalOutput, reader.ServiceTier));
        }
    }

    [Fact]
    public void ReadWhole_AllKinds_GivesThemInOrder()
    {
        var log = new AnswerLog();
        var read = new ChatAnswerReader("r").ReadWhole(
            """
            {"id":"c","choices":[
              {"index":1,"message":{"role":"assistant","content":"b","refusal":"no"},"finish_reason":"length"},
              {"index":0,"message":{"role":"assistant","tool_calls":[{"id":"x","type":"function","function":{"name":"f","arguments":"{}"},
                "extra_content":{"google":{"thought_signature":"sig"}}}],"content":[{"type":"text","text":"a"}],"reasoning":"r",
                "images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}}]},"finish_reason":"stop"}
            ],"usage":{"prompt_tokens":1,"completion_tokens":2}}
            """u8,
            log);
        Assert.Equal(AnswerRead.End, read);
        Assert.Equal(
            [
                "1 text b", "1 refusal no", "1 end Length", "0 reasoning r", "0 signature reasoning_content", "0 text a", "0 image image/png QUJD", "0 start 0 x f",
                "0 arguments 0 {}", "0 signature sig", "0 end ToolCalls",
            ],
            log.Lines);
    }

    [Theory]
    [InlineData("""{"error":{"message":"no"}}""", AnswerRead.Error)]
    [InlineData("""{"choices":[{"index":0""", AnswerRead.Malformed)]
    [InlineData("""{"choices":[],"usage":null}""", AnswerRead.Part)]
    [InlineData("""{"choices":[{"index":200,"delta":{"content":"x"}},7,{"delta":{"tool_calls":[7,{}],"content":[7],"images":[7]}}]}""", AnswerRead.Part)]
    public void Read_OddPayload_IsWhatItIs(string payload, AnswerRead expected)
    {
        var (end, _) = AnswerLog.Read(new ChatAnswerReader("r"), $"data: {payload}\n\n");
        Assert.Equal(expected, end);
    }

    [Fact]
    public void Read_EventOfText_AllocatesNothing()
    {
        var reader = new ChatAnswerReader("r");
        var none = new Nothing();
        using var splitter = new OrleansGateway.Protocols.Sse.SseSplitter();
        var bytes = Encoding.UTF8.GetBytes("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n");
        bytes.CopyTo(splitter.GetMemory(bytes.Length));
        splitter.Advance(bytes.Length);
        splitter.TryRead(out var sseEvent);
        reader.Read(sseEvent, none);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            reader.Read(sseEvent, none);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private sealed class Nothing : IAnswerEvents
    {
        public void Take(in AnswerEvent answerEvent)
        {
        }
    }
}
