using System.Text;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI.Responses;
using OrleansGateway.Protocols.OpenAI.Translation;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI.Translation;

public sealed class ResponsesConversationTests
{
    [Fact]
    public void Read_Codex_IsInItsNormalForm()
    {
        var conversation = Read(
            """
            {"model":"m","stream":true,"store":false,"parallel_tool_calls":true,"prompt_cache_key":"k","instructions":"I",
             "reasoning":{"effort":"low","summary":"auto"},"include":["reasoning.encrypted_content"],"tool_choice":"auto",
             "text":{"verbosity":"low","format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true}},
             "tools":[{"type":"function","name":"shell","description":"d","parameters":{"type":"object"},"strict":false}],
             "input":[
              {"type":"additional_tools","tools":[{"type":"namespace","name":"files","description":"x","tools":[
                {"type":"custom","name":"patch","format":{"type":"grammar","syntax":"lark","definition":"start: X"}},{"type":"function","name":"read"}]}]},
              {"type":"configuration_update"},
              {"type":"message","role":"developer","content":[{"type":"input_text","text":"D"}]},
              {"type":"message","role":"user","content":[{"type":"input_text","text":"Q"},{"type":"input_image","image_url":"https://x/y.png","detail":"high"}]},
              {"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"og1.messages.SIG"},
              {"type":"function_call","call_id":"c1","namespace":"files","name":"read","arguments":"{\"a\":1}"},
              {"type":"reasoning","summary":[],"encrypted_content":"og1.gemini.G"},
              {"type":"custom_tool_call","call_id":"c2","namespace":"files","name":"patch","input":"*** Begin"},
              {"type":"function_call_output","call_id":"c1","output":"one"},
              {"type":"custom_tool_call_output","namespace":"files","name":"patch","output":[{"type":"input_text","text":"two"},{"type":"input_image","image_url":"data:image/png;base64,QUJD"}]},
              {"type":"message","role":"assistant","content":[{"type":"output_text","text":"A","annotations":[]}]}]}
            """,
            out var tools);
        Assert.Equal(["I", "D"], conversation.System.Select(part => part.Text));
        Assert.Equal([Role.User, Role.Assistant, Role.User, Role.Assistant], conversation.Turns.Select(turn => turn.Role));
        Assert.Collection(
            conversation.Turns[1].Parts,
            part => Assert.Equal(new ReasoningPart("hm", new Signature(WireFormats.Messages, "SIG")), part),
            part => Assert.Equal(new ToolCallPart("c1", "files__read", """{"a":1}""") { Signature = new Signature(WireFormats.Gemini, "G") }, part),
            part => Assert.Equal(new ToolCallPart("c2", "files__patch", """{"input":"*** Begin"}"""), part));
        Assert.Equal(["c1 files__read", "c2 files__patch"], conversation.Turns[2].Parts.Cast<ToolResultPart>().Select(part => $"{part.Id} {part.Name}"));
        Assert.Equal(["shell", "files__patch", "files__read"], conversation.Tools.Select(tool => tool.Name));
        Assert.Contains("lark", conversation.Tools[1].Description, StringComparison.Ordinal);
        Assert.Equal(new ResponsesTool("files", "patch", IsText: true), tools["files__patch"]);
        Assert.Equal(new Reasoning(ReasoningEffort.Low, IsShown: true), conversation.Reasoning);
        Assert.Equal(("low", "k", true, ToolChoiceKind.Auto), (conversation.Verbosity, conversation.CacheKey, conversation.ParallelToolCalls!.Value, conversation.ToolChoice.Kind));
        Assert.Equal(new AnswerFormat("n", """{"type":"object"}""", true), conversation.Format);
        Assert.Null(Features.Refused(conversation, WireFormats.Chat));
    }

    [Theory]
    [InlineData("""[{"type":"function_call","call_id":"c","name":"f","arguments":"{"}]""", "input[0].arguments")]
    [InlineData("""[{"type":"function_call_output","call_id":"c","output":"x"}]""", "input[0].call_id")]
    [InlineData("""[{"type":"function_call_output","name":"f","output":"x"}]""", "input[0].call_id")]
    [InlineData("""[{"type":"function_call","name":"f","arguments":"{}"}]""", "input[0].call_id")]
    [InlineData("""[{"role":"tool","content":"x"}]""", "input[0].role")]
    [InlineData("""[{"role":"user","content":[{"type":"x"}]}]""", "input[0].content[0].type")]
    public void Read_WhatIsWrong_IsRefusedByItsPath(string input, string path)
    {
        Assert.Null(ResponsesConversation.Read(Encoding.UTF8.GetBytes($$"""{"model":"m","input":{{input}}}"""), out _, out var error));
        Assert.Equal((400, path), (error.Status, error.Param));
    }

    [Theory]
    [InlineData(""","tools":[{"type":"web_search"}]""", "tools[0].type")]
    [InlineData(""","tool_choice":{"type":"file_search"}""", "tool_choice")]
    public void Read_WhatOthersLack_IsRefusedForChat(string more, string path) =>
        Assert.Equal(path, Features.Refused(Read($$"""{"model":"m","input":"x"{{more}}}""", out _), WireFormats.Chat)!.Value.Path);

    [Fact]
    public void FlatName_LongOrOdd_FitsAndIsTheSame()
    {
        var name = ResponsesTool.FlatName(new string('n', 50), "a tool.with dots and more");
        Assert.Equal(64, name.Length);
        Assert.Equal(name, ResponsesTool.FlatName(new string('n', 50), "a tool.with dots and more"));
        Assert.NotEqual(name, ResponsesTool.FlatName(new string('n', 50), "a tool.with dots and mure"));
        Assert.All(name, letter => Assert.True(char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-'));
    }

    private static Conversation Read(string body, out IReadOnlyDictionary<string, ResponsesTool> tools)
    {
        var conversation = ResponsesConversation.Read(Encoding.UTF8.GetBytes(body), out tools, out var error);
        Assert.True(conversation is not null, error.Message);
        return conversation;
    }
}
