using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.OpenAI.Translation;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI.Translation;

public sealed class ChatConversationTests
{
    private const string Full =
        """
        {"model":"m","stream":true,"temperature":0.70,"top_p":1,"n":2,"seed":5,"stop":["a","",""],"parallel_tool_calls":false,
         "reasoning_effort":"high","verbosity":"low","prompt_cache_key":"k","user":"u","store":true,
         "response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}},
         "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"x":{"type":"number"}}}}},
                  {"type":"custom","custom":{"name":"patch","description":"p"}}],
         "tool_choice":{"type":"function","function":{"name":"f"}},
         "messages":[
          {"role":"developer","content":"Be brief."},
          {"role":"user","content":"One"},
          {"role":"user","content":[{"type":"text","text":"Two"},{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD","detail":"low"}}]},
          {"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[
            {"id":"c1","type":"function","function":{"name":"f","arguments":""},"extra_content":{"google":{"thought_signature":"og1.messages.SIG"}}},
            {"id":"c2","type":"custom","custom":{"name":"patch","input":"a\"b"}}]},
          {"role":"tool","tool_call_id":"c2","content":"done"},
          {"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"5"}]},
          {"role":"user","content":"Go on"},
          {"role":"assistant","content":"Fine.","refusal":null}]}
        """;

    [Fact]
    public void Read_FullRequest_IsInItsNormalForm()
    {
        var conversation = Read(Full, out var textTools)!;
        Assert.Equal("Be brief.", Assert.Single(conversation.System).Text);
        Assert.Equal([Role.User, Role.Assistant, Role.User, Role.Assistant], conversation.Turns.Select(turn => turn.Role));
        Assert.Collection(
            conversation.Turns[0].Parts,
            part => Assert.Equal("One", ((TextPart)part).Text),
            part => Assert.Equal("Two", ((TextPart)part).Text),
            part => Assert.Equal(("image/png", "QUJD", "low"), (((MediaPart)part).MediaType, Encoding.ASCII.GetString(((MediaPart)part).Base64!.Value.Span), ((MediaPart)part).Detail)));
        Assert.Collection(
            conversation.Turns[1].Parts,
            part => Assert.Equal(new ReasoningPart("hm", new Signature(WireFormats.Messages, "SIG")), part),
            part => Assert.Equal(new ToolCallPart("c1", "f", "{}"), part),
            part => Assert.Equal(new ToolCallPart("c2", "patch", """{"input":"a\"b"}"""), part));
        Assert.Collection(
            conversation.Turns[2].Parts,
            part => Assert.Equal(("c2", "patch"), (((ToolResultPart)part).Id, ((ToolResultPart)part).Name)),
            part => Assert.Equal(("c1", "f"), (((ToolResultPart)part).Id, ((ToolResultPart)part).Name)),
            part => Assert.Equal("Go on", ((TextPart)part).Text));
        Assert.Equal(["f", "patch"], conversation.Tools.Select(tool => tool.Name));
        Assert.Equal(["patch"], textTools);
        Assert.Equal((ToolChoiceKind.Named, "f"), (conversation.ToolChoice.Kind, Assert.Single(conversation.ToolChoice.Names)));
        Assert.Equal(("0.70", "1", 2, 5, false, true), (conversation.Temperature, conversation.TopP, conversation.Choices, (int)conversation.Seed!, conversation.ParallelToolCalls!.Value, conversation.Stream));
        Assert.Equal(["a"], conversation.Stop);
        Assert.Equal(("low", "k", ReasoningEffort.High), (conversation.Verbosity, conversation.CacheKey, conversation.Reasoning!.Effort));
        Assert.Equal(new AnswerFormat("n", """{"type":"object"}""", true), conversation.Format);
        Assert.Equal(
            ["n Choices", "prompt_cache_key CacheKey", "reasoning_effort Reasoning", "response_format JsonSchema", "seed Seed", "store Store", "tools[1].custom.type TextTool", "user UserId", "verbosity Verbosity"],
            conversation.Features.Select(use => $"{use.Path} {use.Feature}").Order(StringComparer.Ordinal));
    }

    /// <summary>What is written is what was read: in the normal form, with other providers' signatures and tools of text as chat has them.</summary>
    [Fact]
    public void Write_WhatWasRead_ReadsTheSame()
    {
        var once = ChatConversation.Write(Read(Full, out _)!, "m", 9);
        Assert.True(ChatRequest.TryRead(once, 8, out var request, out var error), error.Message);
        Assert.Equal((9, 2, true), (request.MaxOutputTokens, request.Choices, request.Stream));
        var twice = ChatConversation.Write(ChatConversation.Read(once, out _, out _)!, "m", 9);
        Assert.Equal(Encoding.UTF8.GetString(once), Encoding.UTF8.GetString(twice));
        var messages = JsonNode.Parse(once)!["messages"]!.AsArray();
        Assert.Equal(["system", "user", "assistant", "tool", "tool", "user", "assistant"], messages.Select(message => (string)message!["role"]!));
        Assert.Null(messages[2]!["reasoning_content"]);
        Assert.DoesNotContain("SIG", Encoding.UTF8.GetString(once), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_OwnReasoning_ComesBackToItsProvider()
    {
        var reasoning = new ReasoningPart("hm", Signature.Read("og1.chat." + ChatAnswerReader.ReasoningMark, WireFormats.Messages));
        var call = new ToolCallPart("c", "f", "{}") { Signature = Signature.Read("og1.chat.S", WireFormats.Messages) };
        var body = JsonNode.Parse(ChatConversation.Write(
            new Conversation { Turns = [new Turn(Role.User, [new TextPart("x")]), new Turn(Role.Assistant, [reasoning, call])] }, "m", null))!;
        Assert.Equal("hm", (string)body["messages"]![1]!["reasoning_content"]!);
        Assert.Equal("S", (string)body["messages"]![1]!["tool_calls"]![0]!["extra_content"]!["google"]!["thought_signature"]!);
    }

    [Theory]
    [InlineData("""[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":"}}]}]""", "messages[0].tool_calls[0].function.arguments")]
    [InlineData("""[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"7"}}]}]""", "messages[0].tool_calls[0].function.arguments")]
    [InlineData("""[{"role":"user","content":"x"},{"role":"tool","tool_call_id":"a","content":"x"}]""", "messages[1].tool_call_id")]
    [InlineData("""[{"role":"function","name":"f","content":"x"}]""", "messages[0].name")]
    [InlineData("""[{"role":"robot","content":"x"}]""", "messages[0].role")]
    [InlineData("""[{"role":"user","content":7}]""", "messages[0].content")]
    [InlineData("""[{"role":"user","content":[{"type":"smell"}]}]""", "messages[0].content[0].type")]
    [InlineData("""[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,*"}}]}]""", "messages[0].content[0].image_url.url")]
    [InlineData("""[{"role":"user","content":[{"type":"image_url","image_url":{"url":"ftp://x/y"}}]}]""", "messages[0].content[0].image_url.url")]
    [InlineData("""[{"role":"user","content":[{"type":"text"}]}]""", "messages[0].content[0].text")]
    public void Read_WhatIsWrong_IsRefusedByItsPath(string messages, string path)
    {
        Assert.Null(ChatConversation.Read(Encoding.UTF8.GetBytes($$"""{"model":"m","messages":{{messages}}}"""), out _, out var error));
        Assert.Equal((400, path), (error.Status, error.Param));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_HalfOfAPair_IsRefused()
    {
        Assert.Null(ChatConversation.Read("""{"model":"m","messages":[{"role":"user","content":"\ud800"}]}"""u8.ToArray(), out _, out var error));
        Assert.Equal(400, error.Status);
    }

    [Fact]
    public void Read_FunctionOfOld_IsACallWithAnIdOfItsOwn()
    {
        var conversation = Read(
            """
            {"model":"m","functions":[{"name":"f"}],"function_call":{"name":"f"},"messages":[{"role":"user","content":"x"},
             {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"5"}]}
            """,
            out _)!;
        var call = Assert.IsType<ToolCallPart>(Assert.Single(conversation.Turns[1].Parts));
        Assert.Equal(call.Id, Assert.IsType<ToolResultPart>(Assert.Single(conversation.Turns[2].Parts)).Id);
        Assert.Equal(ToolChoiceKind.Named, conversation.ToolChoice.Kind);
    }

    [Fact]
    public void Read_AllowedTools_LeavesThemAlone()
    {
        const string Tools = """[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]""";
        var conversation = Read(
            $$$"""{"model":"m","tools":{{{Tools}}},"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"g"}}]}},"messages":[{"role":"user","content":"x"}]}""",
            out _)!;
        Assert.Equal("g", Assert.Single(conversation.Tools).Name);
        Assert.Equal(ToolChoiceKind.Auto, conversation.ToolChoice.Kind);
    }

    private static Conversation? Read(string body, out IReadOnlySet<string> textTools)
    {
        var conversation = ChatConversation.Read(Encoding.UTF8.GetBytes(body), out textTools, out var error);
        Assert.True(conversation is not null, error.Message);
        return conversation;
    }
}
