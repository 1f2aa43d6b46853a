using System.Buffers;
using System.Text;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI.Realtime;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI.Realtime;

public sealed class RealtimeEventTests
{
    [Theory]
    [InlineData("""{"type":"response.create"}""", RealtimeKind.ResponseCreate)]
    [InlineData("""{"event_id":"a","\u0074ype":"response\u002ecreate"}""", RealtimeKind.ResponseCreate)]
    [InlineData(""" { "type" : "session.update", "session": {} } """, RealtimeKind.SessionUpdate)]
    [InlineData("""{"type":"response.output_audio.delta","delta":"AAAA"}""", RealtimeKind.AudioDelta)]
    [InlineData("""{"type":"response.audio.delta","delta":"AAAA"}""", RealtimeKind.AudioDelta)]
    [InlineData("""{"type":"something.new","x":[{"type":"response.create"}]}""", RealtimeKind.Other)]
    public void Read_Event_IsOfItsKind(string json, RealtimeKind kind) => Assert.Equal(kind, Read(json).Kind);

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"type":1}""")]
    [InlineData("""{"type":"a"} {"type":"b"}""")]
    [InlineData("""{"type":"a","type":"response.create"}""")]
    [InlineData("""{"type":"session.update","session":{},"session":{"tools":[]}}""")]
    [InlineData("""{"type":"session.update","session":{"model":"a","model":"b"}}""")]
    [InlineData("""{"type":"response.create","response":"text"}""")]
    [InlineData("""{"type":"a","x":""")]
    public void Read_WhatIsNone_IsRefused(string json) => Assert.False(RealtimeEvent.TryRead(Encoding.UTF8.GetBytes(json), out _));

    [Fact]
    public void Read_NestedTooDeep_IsRefused() => Assert.False(RealtimeEvent.TryRead(
        Encoding.UTF8.GetBytes("{\"type\":\"a\",\"x\":" + new string('[', 100) + new string(']', 100) + "}"), out _));

    [Fact]
    public void Read_AnyCutOfAnEvent_NeverThrows()
    {
        var whole = Encoding.UTF8.GetBytes(
            """{"type":"session.update","session":{"model":"m","tools":[{"type":"mcp"},1],"audio":{"input":{"format":{"type":"audio/pcmu"},"turn_detection":{"create_response":false},"transcription":{"model":"t"}}}},"usage":{"input_token_details":{}}}""");
        for (var length = 0; length < whole.Length; length++)
        {
            Assert.False(RealtimeEvent.TryRead(whole.AsSpan(..length), out _));
        }

        Assert.True(RealtimeEvent.TryRead(whole, out _));
    }

    [Theory]
    [InlineData("""{"audio":{"input":{"turn_detection":null}}}""", TurnDetection.Off)]
    [InlineData("""{"audio":{"input":{"turn_detection":{"type":"server_vad"}}}}""", TurnDetection.On)]
    [InlineData("""{"audio":{"input":{"turn_detection":{"type":"semantic_vad","create_response":false}}}}""", TurnDetection.Off)]
    [InlineData("""{"audio":{"input":{"turn_detection":{"create_response":false,"idle_timeout_ms":5000}}}}""", TurnDetection.On)]
    [InlineData("""{"turn_detection":{"type":"server_vad"}}""", TurnDetection.On)]
    [InlineData("""{"audio":{"output":{"voice":"x"}}}""", TurnDetection.Unsaid)]
    public void Read_Session_SaysWhetherResponsesBeginByThemselves(string session, TurnDetection expected) =>
        Assert.Equal(expected, Read($$$"""{"type":"session.update","session":{{{session}}}}""").Settings.TurnDetection);

    [Fact]
    public void Read_Session_SaysWhatBearsOnMoney()
    {
        var settings = Read(
            """{"type":"session.update","session":{"type":"realtime","model":"m","max_output_tokens":7,"tools":[{"name":"f","type":"function"},{"type":"mcp"}],"prompt":{"id":"p"},"audio":{"input":{"format":{"type":"audio/pcmu"},"transcription":{"language":"de","model":"w"}}}}}""").Settings;

        Assert.Equal(("realtime", "m", true, 7L, "mcp", true), (settings.Type, settings.Model, settings.HasMaxOutput, settings.MaxOutputTokens, settings.ForeignTool, settings.HasPrompt));
        Assert.Equal((true, "w", true), (settings.HasTranscription, settings.TranscriptionModel, settings.IsNarrow));
        var endless = Read("""{"type":"response.create","response":{"max_output_tokens":"inf","tools":[{"type":"function"}],"prompt":null,"audio":{"output":{"format":{"type":"audio/pcm"}}}}}""").Settings;
        Assert.Equal((true, (long?)null, (string?)null, false, false), (endless.HasMaxOutput, endless.MaxOutputTokens, endless.ForeignTool, endless.HasPrompt, endless.IsNarrow));
    }

    [Theory]
    [InlineData("1", "7", 7L)]
    [InlineData("7", "1", 7L)]
    [InlineData("1", "\"inf\"", null)]
    [InlineData("\"inf\"", "1", null)]
    public void Read_LimitUnderBothNames_IsTheLarger(string one, string other, long? expected)
    {
        var settings = Read($$$"""{"type":"response.create","response":{"max_output_tokens":{{{one}}},"max_response_output_tokens":{{{other}}}}}""").Settings;

        Assert.Equal((true, expected), (settings.HasMaxOutput, settings.MaxOutputTokens));
    }

    [Theory]
    [InlineData("item_reference", true)]
    [InlineData("item\\u005freference", true)]
    [InlineData("message", false)]
    public void Read_Input_SaysWhetherItRefersToItems(string type, bool expected) =>
        Assert.Equal(expected, Read($$$"""{"type":"response.create","response":{"input":[{"type":"{{{type}}}","id":"item_1"}]}}""").RefersToItems);

    [Fact]
    public void Read_Ids_AreThoseThatAreMeant()
    {
        const string Json = """{"type":"response.done","event_id":"a\u005fb","response":{"id":"resp\u005f1"}}""";
        var read = Read(Json);

        Assert.Equal("a_b", read.EventId);
        Assert.Equal("resp_1", Encoding.UTF8.GetString(RealtimeEvent.Unescaped(Encoding.UTF8.GetBytes(Json), read.ResponseId)));
        Assert.False(RealtimeEvent.TryRead(Encoding.UTF8.GetBytes($$"""{"type":"a","event_id":"{{new string('a', 513)}}"}"""), out _));
        Assert.False(RealtimeEvent.TryRead("""{"type":"a","response_id":"\ud800"}"""u8, out _));
    }

    [Fact]
    public void Read_UsageThatTellsCachedTextByItsKindAlone_CountsItAsCached()
    {
        var usage = Read("""{"type":"response.done","response":{"usage":{"input_tokens":10,"output_tokens":1,"input_token_details":{"cached_tokens_details":{"text_tokens":6}}}}}""").Usage!.Value;

        Assert.Equal((4, 6), (usage.UncachedInput, usage.CacheRead));
    }

    [Fact]
    public void Read_Item_CountsSoundAndPicturesApartFromText()
    {
        const string Json = """{"type":"conversation.item.create","item":{"content":[{"type":"input_audio","audio":"AAAAAAAA"},{"type":"input_image","image_url":"data:image/png;base64,AAAA"},{"type":"input_text","text":"Hi"}]}}""";
        var read = Read(Json);

        Assert.Equal((8, 1, Json.Length - 8 - 26), (read.AudioChars, read.Images, read.TextBytes));
    }

    [Fact]
    public void Read_Usage_IsApartByKindAndCache()
    {
        var done = Read(
            """{"type":"response.done","response":{"id":"resp_1","status":"completed","usage":{"total_tokens":253,"input_tokens":132,"output_tokens":121,"input_token_details":{"text_tokens":100,"audio_tokens":30,"image_tokens":2,"cached_tokens":84,"cached_tokens_details":{"text_tokens":64,"audio_tokens":20,"image_tokens":0}},"output_token_details":{"text_tokens":30,"audio_tokens":91}}}}""");

        Assert.Equal(
            new TokenUsage { UncachedInput = 36, CacheRead = 64, AudioInput = 10, CacheReadAudio = 20, ImageInput = 2, Output = 30, AudioOutput = 91, Searches = 0 },
            done.Usage);
        Assert.Equal((132, 121), (done.Usage!.Value.TotalInput, done.Usage.Value.TotalOutput));
        Assert.Equal("completed", done.Status);
    }

    [Theory]
    [InlineData("""{"input_tokens":10,"output_tokens":5,"input_token_details":{"audio_tokens":20,"cached_tokens":3,"cached_tokens_details":{"audio_tokens":30}}}""")]
    [InlineData("""{"input_tokens":-1,"output_tokens":5}""")]
    [InlineData("""{"input_tokens":10,"output_tokens":5,"output_token_details":{"audio_tokens":6}}""")]
    public void Read_UsageThatContradictsItself_KeepsToItsTotals(string usage)
    {
        var read = Read($$$"""{"type":"response.done","response":{"usage":{{{usage}}}}}""").Usage!.Value;

        Assert.True(read.IsInconsistent);
        Assert.Equal(5, read.TotalOutput);
        Assert.InRange(read.TotalInput, 0, 10);
    }

    [Fact]
    public void Read_UsageOfATranscription_IsSecondsOrTokens()
    {
        var heard = Read("""{"type":"conversation.item.input_audio_transcription.completed","item_id":"i","usage":{"type":"duration","seconds":1.2}}""");
        var tokens = Read("""{"type":"conversation.item.input_audio_transcription.completed","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":4,"audio_tokens":10},"output_tokens":3}}""");

        Assert.Equal(2, heard.Usage!.Value.Seconds);
        Assert.Equal((4, 10, 3), (tokens.Usage!.Value.UncachedInput, tokens.Usage.Value.AudioInput, tokens.Usage.Value.Output));
        Assert.Null(Read("""{"type":"response.done","response":{"usage":null}}""").Usage);
    }

    [Fact]
    public void Write_SessionForAClient_HasItsNamesAndNoSecret()
    {
        const string Json = """{"type":"session.updated","session":{"model":"up","client_secret":{"value":"x"},"audio":{"input":{"transcription":{"model":"w"}}}}}""";
        var written = new ArrayBufferWriter<byte>();
        Read(Json).Write(written, Encoding.UTF8.GetBytes(Json), "mine", "hear", "session.created");

        Assert.Equal(
            """{"type":"session.created","session":{"model":"mine","client_secret":null,"audio":{"input":{"transcription":{"model":"hear"}}}}}""",
            Encoding.UTF8.GetString(written.WrittenSpan));
    }

    private static RealtimeEvent Read(string json)
    {
        Assert.True(RealtimeEvent.TryRead(Encoding.UTF8.GetBytes(json), out var read));
        return read;
    }
}
