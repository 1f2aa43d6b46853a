using System.Buffers;
using System.Text;
using OrleansGateway.Protocols.OpenAI;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI;

public sealed class ChatMenderTests
{
    [Theory]
    [InlineData("""[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}]""", """[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}]""")]
    [InlineData("""[{ "id" : "t" }]""", """[{"index":0, "id" : "t" }]""")]
    [InlineData("""[{"id":null,"index":"0"}]""", """[{"id":"call_r_0_0","index":0}]""")]
    [InlineData("""[{"function":{"arguments":{"a":"b\""}}}]""", """[{"index":0,"id":"call_r_0_0","function":{"arguments":"{\"a\":\"b\\\"\"}"}}]""")]
    [InlineData("""[{"index":7,"id":"t"},{"index":7,"id":"u","function":{"name":"g"}}]""", """[{"index":0,"id":"t"},{"index":1,"id":"u","function":{"name":"g"}}]""")]
    [InlineData("""[{"index":0,"id":"t"},{"id":"t"}]""", """[{"index":0,"id":"t"},{"index":0}]""")]
    [InlineData("""[{"index":0,"id":"t","function":{"name":"f"}},{"index":1,"id":"t","function":{"name":"g"}}]""", """[{"index":0,"id":"t","function":{"name":"f"}},{"index":1,"id":"call_r_0_1","function":{"name":"g"}}]""")]
    [InlineData("[{}]", "[{}]")]
    [InlineData("[1,null]", "[1,null]")]
    [InlineData("{}", "{}")]
    public void Mend_Pieces_AreWhatClientsCanRead(string calls, string expected) =>
        Assert.Equal(Chunk(expected), Mended(Chunk(calls)));

    [Fact]
    public void Mend_EndInTheSameChunk_IsMendedWhereverItStands()
    {
        const string Calls = "\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t\"}]}";
        Assert.Equal(
            $$"""{"choices":[{{{Calls}},"finish_reason":"tool_calls","index":1},{"finish_reason":"stop","index":0}]}""",
            Mended($$"""{"choices":[{{{Calls}},"finish_reason":"stop","index":1},{"finish_reason":"stop","index":0}]}"""));
        Assert.Equal(
            $$"""{"choices":[{"finish_reason":"tool_calls",{{Calls}},"index":1}]}""",
            Mended($$"""{"choices":[{"finish_reason":"stop",{{Calls}},"index":1}]}"""));
    }

    [Theory]
    [InlineData("[DONE]")]
    [InlineData("")]
    [InlineData("""{"choices":[{"delta":{"tool_calls":[{""")]
    [InlineData("""["tool_calls"]""")]
    [InlineData("""{"choices":[{"delta":{"content":"\"tool_calls\""}}]}""")]
    public void Mend_WhatHasNoCallsOrIsBroken_IsLeftAlone(string payload) => Assert.Equal(payload, Mended(payload));

    [Fact]
    public void Mend_PieceThatNeedsNone_AllocatesNothing()
    {
        var opener = Encoding.UTF8.GetBytes(Chunk("""[{"index":0,"id":"t","function":{"name":"f","arguments":""}}]"""));
        var piece = Encoding.UTF8.GetBytes(Chunk("""[{"index":0,"function":{"arguments":"{\"a\":"}}]"""));
        var text = Encoding.UTF8.GetBytes("""{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}""");
        var writer = new ArrayBufferWriter<byte>();
        var mender = new ChatMender("r");
        mender.Mend(opener, writer);
        mender.Mend(piece, writer);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            mender.Mend(piece, writer);
            mender.Mend(text, writer);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(0, writer.WrittenCount);
    }

    private static string Chunk(string calls) => $$"""{"id":"c","choices":[{"index":0,"delta":{"tool_calls":{{calls}}},"finish_reason":null}]}""";

    private static string Mended(string payload)
    {
        var writer = new ArrayBufferWriter<byte>();
        return new ChatMender("r").Mend(Encoding.UTF8.GetBytes(payload), writer) ? Encoding.UTF8.GetString(writer.WrittenSpan) : payload;
    }
}
