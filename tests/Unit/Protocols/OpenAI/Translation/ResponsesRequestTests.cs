using System.Buffers;
using System.Text;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI.Responses;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI.Translation;

public sealed class ResponsesRequestTests
{
    [Fact]
    public void TryRead_Codex_BoundsItAndNamesWhatIsPriced()
    {
        var request = Read(
            """
            {"model":"m","stream":true,"store":false,"max_output_tokens":7,"service_tier":"flex","client_metadata":{"x":"y"},
             "tools":[{"type":"web_search"},{"type":"namespace","name":"n","tools":[{"type":"function","name":"f"},{"type":"computer"}]}],
             "input":[{"type":"additional_tools","tools":[{"type":"custom","name":"c"},{"type":"image_generation"}]},
                      {"type":"message","role":"user","content":[{"type":"input_text","text":"hi"},
                        {"type":"input_image","image_url":"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAoAAAAUCAYAAAA="},
                        {"type":"input_file","file_data":"data:application/pdf;base64,QUJD"},{"type":"input_audio","input_audio":{"data":"QUJD","format":"wav"}}]}]}
            """);
        Assert.Equal(("m", true, 7, 2), (request.Model, request.Stream, request.MaxOutputTokens!.Value, request.MessageCount));
        Assert.Equal((1, 1, 1, false), (request.ImageCount, request.FileCount, request.AudioCount, request.HasUnsizedInput));
        Assert.Equal(
            [
                "ServiceTier service_tier flex", "Searches tools[0].type web_search", "HostedTool tools[1].tools[1].type computer",
                "HostedTool input[0].tools[1].type image_generation",
            ],
            request.PricedFields.Select(field => $"{field.Price} {field.Path} {field.Value}"));
        Assert.Empty(request.UnknownFields);
        Assert.True(request.TextBytes is > 100 and < 600, $"{request.TextBytes}");
    }

    [Theory]
    [InlineData("""[{"type":"hologram_call"}]""")]
    [InlineData("""[{"role":"user","content":[{"type":"input_file","file_url":"https://x/y.pdf"}]}]""")]
    [InlineData("""[{"role":"user","content":[{"type":"hologram","data":"x"}]}]""")]
    [InlineData("""[{"role":"user","content":[{"text":"x"}]}]""")]
    [InlineData("""[{"role":"user","content":[{"type":"hologram","type":"input_text","text":"x"}]}]""")]
    [InlineData("""[{"role":"user","content":{"type":"input_text","text":"x"}}]""")]
    [InlineData("""[{"type":"function_call_output","call_id":"c","output":[{"type":"input_video","video_url":"https://x/y"}]}]""")]
    public void TryRead_InputThatHasNoSize_SaysSo(string input) => Assert.True(Read($$"""{"model":"m","input":{{input}}}""").HasUnsizedInput);

    [Theory]
    [InlineData("""{"input":"x"}""", "model")]
    [InlineData("""{"model":"m"}""", "input")]
    [InlineData("""{"model":"m","input":7}""", "input")]
    [InlineData("""{"model":"m","input":[7]}""", "input[0]")]
    [InlineData("""{"model":"m","input":"x","previous_response_id":"resp_1"}""", "previous_response_id", 404)]
    [InlineData("""{"model":"m","input":"x","conversation":"c"}""", "conversation", 404)]
    [InlineData("""{"model":"m","input":"x","prompt":{"id":"p"}}""", "prompt", 404)]
    [InlineData("""{"model":"m","input":"x","background":true}""", "background")]
    [InlineData("""{"model":"m","input":[{"type":"item_reference","id":"msg_1"}]}""", "input[0]", 404)]
    [InlineData("""{"model":"m","input":[{"role":"user","content":[{"type":"input_image","file_id":"f"}]}]}""", "input[0]", 404)]
    [InlineData("""{"model":"m","input":[{"type":"function_call_output","call_id":"c","output":[{"type":"input_file","file_id":"f"}]}]}""", "input[0]", 404)]
    [InlineData("""{"model":"m","input":"x","Stream":true}""", "Stream")]
    [InlineData("""{"model":"m","input":"x","stream":true,"stream":false}""", "stream")]
    [InlineData("""{"model":"m","input":"x","stream":"yes"}""", "stream")]
    [InlineData("""{"model":"m","input":"x","max_output_tokens":0}""", "max_output_tokens")]
    [InlineData("""{"model":"m","input":"x","max_tool_calls":"9"}""", "max_tool_calls")]
    [InlineData("""{"model":"m","input":[{"type":"message","type":"item_reference","id":"x"}]}""", "input[0].type")]
    [InlineData("""{"model":"m","input":"x","tools":[{"type":"function","type":"computer"}]}""", "tools[0].type")]
    [InlineData("""{"model":"m","input":"x","tools":[{}]}""", "tools[0].type")]
    [InlineData("""{"model":"m","input":"x","tools":[{"type":"namespace","tools":[{}]}]}""", "tools[0].tools[0].type")]
    public void TryRead_WhatIsWrong_IsRefusedByItsName(string body, string path, int status = 400)
    {
        Assert.False(ResponsesRequest.TryRead(Encoding.UTF8.GetBytes(body), false, out _, out var error));
        Assert.Equal((status, path), (error.Status, error.Param));
    }

    [Fact]
    public void TryRead_BytesThatAreNone_AreRefused()
    {
        var random = new Random(5);
        var valid = Encoding.UTF8.GetBytes("""{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"\u00e9"}]}],"tools":[{"type":"function"}]}""");
        for (var i = 0; i < 2000; i++)
        {
            var bytes = valid.ToArray();
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            if (!ResponsesRequest.TryRead(bytes.AsMemory(0, random.Next(bytes.Length + 1)), false, out _, out var error))
            {
                Assert.Equal(400, error.Status);
            }
        }
    }

    [Fact]
    public void ForUpstream_ItsChanges_AreAllThatChanges()
    {
        Assert.Equal("""{"store":false,"model":"up","input":"x","temperature":1.0}""", Written(Read("""{"model":"m","input":"x","temperature":1.0}""").ForUpstream("up", null)));
        Assert.Equal(
            """{"max_output_tokens":5,"model":"m","store":false,"input":"x"}""",
            Written(Read("""{"model":"m","store":true,"input":"x"}""").ForUpstream("m", 5)));
        Assert.Equal(
            """{"model":"m","store":false,"max_output_tokens":5,"input":"x"}""",
            Written(Read("""{"model":"m","store":false,"max_output_tokens":50,"input":"x"}""").ForUpstream("m", 5)));
    }

    [Theory]
    [InlineData("", "\"max_tool_calls\":2,\"store\":false,")]
    [InlineData("\"max_tool_calls\":9,", "\"store\":false,\"max_tool_calls\":2,")]
    [InlineData("\"max_tool_calls\":null,", "\"store\":false,\"max_tool_calls\":2,")]
    [InlineData("\"max_tool_calls\":1,", "\"store\":false,\"max_tool_calls\":1,")]
    public void ForUpstream_MoreSearchesThanArePaidFor_AreLowered(string given, string sent) => Assert.Equal(
        "{" + sent + "\"model\":\"m\",\"input\":\"x\"}", Written(Read("{" + given + "\"model\":\"m\",\"input\":\"x\"}").ForUpstream("m", null, maxSearches: 2)));

    [Fact]
    public void WithoutReasoning_OfAnotherProviderOrNobody_LeavesItsOwn()
    {
        const string Own = """{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"own"},{"type":"reasoning","content":[{"type":"reasoning_text","text":"hm"}]},{"type":"compaction","encrypted_content":"c"},{"a":1,"a":"\ud800","tool\ud800":0,"role":"user","content":"x"},{"type":"reasoning","encrypted_content":"og1.responses.S"}""";
        var request = Read(
            $$"""{"model":"m","input":[{"type":"reasoning","summary":[],"encrypted_content":"og1.messages.S"}, {"type":"reasoning","id":"rs_2","summary":[]},{{Own}}],"user":"u"}""");
        Assert.True(request.HasForeignReasoning);
        Assert.True(request.HasSealedReasoning);
        Assert.Equal($$"""{"model":"m","input":[{{Own}}],"user":"u"}""", Encoding.UTF8.GetString(request.WithoutReasoning(isSealed: false).Span));

        var open = request.WithoutReasoning(isSealed: true);
        Assert.Equal(
            """{"model":"m","input":[{"type":"reasoning","content":[{"type":"reasoning_text","text":"hm"}]},{"type":"compaction","encrypted_content":"c"},{"a":1,"a":"\ud800","tool\ud800":0,"role":"user","content":"x"}],"user":"u"}""",
            Encoding.UTF8.GetString(open.Span));
        Assert.False(Read(Encoding.UTF8.GetString(open.Span)).HasSealedReasoning);
    }

    [Theory]
    [InlineData("\"x\"", "\"x\"")]
    [InlineData(""" [ {"role":"user","content":"x"} ] """, """[ {"role":"user","content":"x"} ]""")]
    public void Input_Read_IsWhatStandsInTheBody(string input, string expected)
    {
        var request = Read($$"""{"input":{{input}},"model":"m"}""");
        Assert.Equal(expected, Encoding.UTF8.GetString(request.Input.Span));
        Assert.False(request.HasForeignReasoning || request.HasSealedReasoning);
    }

    private static string Written(UpstreamBody body)
    {
        var bytes = new ArrayBufferWriter<byte>();
        body.WriteTo(bytes);
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    private static ResponsesRequest Read(string body)
    {
        Assert.True(ResponsesRequest.TryRead(Encoding.UTF8.GetBytes(body), false, out var request, out var error), error.Message);
        return request;
    }
}
