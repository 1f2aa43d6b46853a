using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Anthropic;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.Anthropic;

public sealed class MessagesConversationTests
{
    private const string Newest = "claude-opus-5";
    private const string Older = "claude-sonnet-4-20250514";

    private static Conversation Parse(string members)
    {
        Assert.True(MessagesParser.TryParse(Encoding.UTF8.GetBytes("{" + members + "}"), out var conversation, out var error), error.Message);
        return conversation;
    }

    private static JsonNode Write(Conversation conversation, string model = Newest, int cap = 4000, bool stream = false)
    {
        Assert.Null(MessagesBody.Refuse(conversation));
        return JsonNode.Parse(MessagesBody.Write(conversation, model, cap, stream).Span)!;
    }

    private static Conversation Of(params Turn[] turns) => new() { Turns = turns };

    private static Turn User(params Part[] parts) => new(Role.User, parts);

    private static Turn Model(params Part[] parts) => new(Role.Assistant, parts);

    /// <summary>A conversation as text: records of lists do not compare by what is in them.</summary>
    private static string Text(Conversation conversation) => JsonSerializer.Serialize(new
    {
        System = conversation.System.Select(Of),
        Turns = conversation.Turns.Select(turn => new { turn.Role, Parts = turn.Parts.Select(Of) }),
        conversation.Tools,
        conversation.ToolChoice,
        conversation.ParallelToolCalls,
        conversation.Stop,
        conversation.Format,
        conversation.Temperature,
        conversation.TopK,
    });

    private static object Of(Part part) => part switch
    {
        ToolResultPart result => new { Kind = "result", result.Id, result.Name, result.IsError, Content = result.Content.Select(Of), result.CacheFor },
        MediaPart media => new { Kind = "media", Media = media.Kind, media.MediaType, Data = media.Base64 is { } data ? Encoding.ASCII.GetString(data.Span) : null, media.Url, media.FileName },
        ToolCallPart call => new { Kind = "call", call.Id, call.Name, call.Arguments },
        ReasoningPart reasoning => new { Kind = "reasoning", reasoning.Text, reasoning.Signature, reasoning.IsHidden },
        TextPart text => new { Kind = "text", text.Text, text.CacheFor },
        _ => part,
    };

    private const string Everything = """
        "model":"m","max_tokens":4000,"stream":true,"temperature":0.50,"top_k":40,"stop_sequences":["\n\nHuman:",""],
        "system":[{"type":"text","text":"Be good.","cache_control":{"type":"ephemeral"}}],
        "tools":[{"name":"f","description":"d","input_schema":{"type":"object","properties":{"z":{},"a":{}}},"cache_control":{"type":"ephemeral","ttl":"1h"}},{"type":"custom","name":"g"}],
        "tool_choice":{"type":"auto","disable_parallel_tool_use":true},
        "messages":[
          {"role":"user","content":"one"},{"role":"user","content":[{"type":"text","text":"two"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0K"}},{"type":"image","source":{"type":"url","url":"https://x/y.png"}},{"type":"document","title":"T","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}}]},
          {"role":"assistant","content":[{"type":"thinking","thinking":"Hm","signature":"sig"},{"type":"redacted_thinking","data":"ZZ"},{"type":"text","text":"calling"},{"type":"text","text":" "},{"type":"tool_use","id":"toolu_1","name":"f","input":{"b":1.0,"a":"x"}},{"type":"tool_use","id":"toolu_2","name":"g","input":{}}]},
          {"role":"user","content":[{"type":"text","text":"also"},{"type":"tool_result","tool_use_id":"toolu_1","content":"22"},{"type":"tool_result","tool_use_id":"toolu_2","is_error":true,"content":[{"type":"text","text":"bad"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0K"}}]}]}]
        """;

    [Fact]
    public void ThereAndBack_KeepsTheNormalForm()
    {
        var first = Parse(Everything);
        Assert.Equal([Role.User, Role.Assistant, Role.User], first.Turns.Select(turn => turn.Role));
        Assert.Equal([true, true, false], first.Turns[2].Parts.Select(part => part is ToolResultPart));
        Assert.Equal("{\"b\":1.0,\"a\":\"x\"}", first.Turns[1].Parts.OfType<ToolCallPart>().First().Arguments);
        Assert.Equal(5, first.Turns[1].Parts.Count);
        var thinking = first with { Reasoning = new Reasoning(ReasoningEffort.High) };
        var body = Write(thinking, Older, stream: true);
        var again = Parse(body.ToJsonString()[1..^1]);
        Assert.Equal(Text(first with { Temperature = null, TopK = null }), Text(again));

        // Without thinking there are its numbers, and none of its thoughts.
        body = Write(first, Older);
        Assert.Equal(("0.50", "40"), (body["temperature"]!.ToJsonString(), body["top_k"]!.ToJsonString()));
        Assert.DoesNotContain("sig", body["messages"]!.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_Features_AreNotedWithTheirPlaces()
    {
        var conversation = Parse(Everything);
        Assert.Contains(new FeatureUse(Feature.ImageUrl, "messages.1.content.2.source"), conversation.Features);
        Assert.Contains(new FeatureUse(Feature.Document, "messages.1.content.3"), conversation.Features);
        Assert.Contains(new FeatureUse(Feature.MediaInToolResult, "messages.3.content.2.content"), conversation.Features);
        Assert.Contains(new FeatureUse(Feature.CacheMarks, "tools.0.cache_control"), conversation.Features);
        Assert.Contains(new FeatureUse(Feature.TopK, "top_k"), conversation.Features);
        Assert.Null(Features.Refused(conversation with { Features = [.. conversation.Features.Where(use => use.Feature != Feature.DocumentUrl)] }, WireFormats.Chat));
        Assert.Equal(
            new FeatureUse(Feature.ProviderTool, "tools.0.type"),
            Features.Refused(Parse("""{"tools":[{"type":"web_search_20250305","name":"web_search"}],"messages":[{"role":"user","content":"x"}]}"""[1..^1]), WireFormats.Chat));
    }

    [Fact]
    public void Parse_SystemInsideMessages_IsAnInstructionBeforeAndAUsersTextLater()
    {
        var conversation = Parse("""
            "system":"a","messages":[{"role":"system","content":"b"},{"role":"user","content":"c"},{"role":"system","content":[{"type":"text","text":"d"}]},{"role":"assistant","content":"e"}]
            """);
        Assert.Equal(["a", "b"], conversation.System.Select(part => part.Text));
        Assert.Equal(["c d", "e"], conversation.Turns.Select(turn => string.Join(' ', turn.Parts.OfType<TextPart>().Select(part => part.Text))));
    }

    [Fact]
    public void Parse_SignaturesOfOthers_AreReadAsTheirs()
    {
        var conversation = Parse("""
            "messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"og1.chat.s1"},
              {"type":"tool_use","id":"a","name":"f","input":{}},{"type":"thinking","thinking":"","signature":"og1.gemini.s2"},{"type":"thinking","thinking":"unsigned","signature":""}]}]
            """);
        var parts = conversation.Turns[1].Parts;
        Assert.Equal(new Signature("chat", "s1"), ((ReasoningPart)parts[0]).Signature);
        Assert.Equal(new Signature("gemini", "s2"), ((ToolCallPart)parts[1]).Signature);
        Assert.Null(((ReasoningPart)parts[2]).Signature);
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"nobody","content":"x"}]}]}""", "messages.0.content.0.tool_use_id")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image"}]}]}""", "messages.0.content.0.source")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"hologram"}}]}]}""", "messages.0.content.0.source.type")]
    [InlineData("""{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":"x"}]}]}""", "messages.0.content.0.input")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"tools":[{"input_schema":{}}]}""", "tools.0.name")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"tool_choice":{"type":"maybe"}}""", "tool_choice.type")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"thinking":{"type":"enabled"}}""", "thinking.budget_tokens")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"temperature":"hot"}""", "temperature")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"output_config":{"effort":"wild"}}""", "output_config.effort")]
    public void TryParse_WhatIsWrong_IsNamed(string body, string param)
    {
        Assert.False(MessagesParser.TryParse(Encoding.UTF8.GetBytes(body), out _, out var error));
        Assert.Equal(param, error.Param);
    }

    [Theory]
    [InlineData(Newest, ReasoningEffort.High, """{"type":"adaptive","display":"summarized"}""", """{"effort":"high"}""")]
    [InlineData(Newest, ReasoningEffort.Minimal, """{"type":"adaptive","display":"summarized"}""", """{"effort":"low"}""")]
    [InlineData(Newest, ReasoningEffort.ExtraHigh, """{"type":"adaptive","display":"summarized"}""", """{"effort":"xhigh"}""")]
    [InlineData("claude-sonnet-4-6", ReasoningEffort.ExtraHigh, """{"type":"adaptive","display":"summarized"}""", """{"effort":"high"}""")]
    [InlineData("claude-fable-5-1", ReasoningEffort.None, """{"type":"disabled"}""", null)]
    [InlineData(Older, ReasoningEffort.None, null, null)]
    [InlineData(Older, ReasoningEffort.Low, """{"type":"enabled","budget_tokens":1024}""", null)]
    [InlineData(Older, ReasoningEffort.High, """{"type":"enabled","budget_tokens":2000}""", null)]
    [InlineData("claude-3-5-haiku-20241022", ReasoningEffort.High, null, null)]
    [InlineData("glm-5", ReasoningEffort.Low, """{"type":"enabled","budget_tokens":1024}""", null)]
    public void Write_Reasoning_IsSaidAsTheModelTakesIt(string model, ReasoningEffort effort, string? thinking, string? config)
    {
        var body = Write(Of(User(new TextPart("x"))) with { Reasoning = new Reasoning(effort), Temperature = "0.5" }, model);
        Assert.Equal((thinking, config), (body["thinking"]?.ToJsonString(), body["output_config"]?.ToJsonString()));
        Assert.Equal(model != Newest && thinking is null or """{"type":"disabled"}""" && model is Older or "claude-3-5-haiku-20241022", body["temperature"] is not null);
    }

    [Fact]
    public void Write_AToolTurnWithoutItsOwnThought_DoesNotThink()
    {
        var call = new ToolCallPart("a", "f", "{}");
        var result = new ToolResultPart("a", "f", [new TextPart("1")]);
        var reasoning = new Reasoning(ReasoningEffort.High);
        var own = new ReasoningPart("t", new Signature(WireFormats.Messages, "s"));
        var foreign = new ReasoningPart("t", new Signature(WireFormats.Gemini, "s"));
        Conversation With(params Part[] model) => Of(User(new TextPart("x")), Model(model), User(result)) with { Reasoning = reasoning };

        Assert.Equal("adaptive", (string)Write(With(own, call))["thinking"]!["type"]!);
        Assert.Equal("s", (string)Write(With(own, call))["messages"]![1]!["content"]![0]!["signature"]!);
        Assert.Null(Write(With(call))["thinking"]);
        Assert.Null(Write(With(foreign, call), Older)["thinking"]);
        Assert.DoesNotContain("\"s\"", Write(With(foreign, call)).ToJsonString(), StringComparison.Ordinal);

        // An earlier turn's is nobody's concern any more.
        Assert.NotNull(Write(Of(User(new TextPart("x")), Model(call), User(result), Model(new TextPart("ok")), User(new TextPart("y"))) with { Reasoning = reasoning })["thinking"]);
        Assert.Null(Write(Of(User(new TextPart("x"))) with { Reasoning = reasoning, Tools = [new Tool("f", null, "{}")], ToolChoice = new(ToolChoiceKind.Required, []) })["thinking"]);
    }

    [Theory]
    [InlineData(Older, "1.7", "0.9", "1", "0.9")]
    [InlineData("claude-sonnet-4-5", "0.7", "0.9", "0.7", null)]
    [InlineData("claude-sonnet-4-5", null, "0.9", null, "0.9")]
    [InlineData("claude-opus-4-7", "0.7", "0.9", null, null)]
    [InlineData("us.anthropic.claude-opus-5-5-v1:0", "0.7", null, null, null)]
    [InlineData("glm-5", "2", null, "1", null)]
    public void Write_Temperature_IsWhatTheModelTakes(string model, string? temperature, string? topP, string? sent, string? sentTopP)
    {
        var body = Write(Of(User(new TextPart("x"))) with { Temperature = temperature, TopP = topP }, model);
        Assert.Equal((sent, sentTopP), (body["temperature"]?.ToJsonString(), body["top_p"]?.ToJsonString()));
    }

    [Fact]
    public void Write_ABegunAnswer_IsLeftOutForNewerModels()
    {
        var conversation = Of(User(new TextPart("x")), Model(new TextPart("It is ")));
        Assert.Single(Write(conversation)["messages"]!.AsArray());
        Assert.Equal("It is", (string)Write(conversation, Older)["messages"]![1]!["content"]![0]!["text"]!);
    }

    [Fact]
    public void Write_IdsThatDoNotFit_AreMappedAlike()
    {
        var body = Write(Of(
            User(new TextPart("x")), Model(new ToolCallPart("call:1/ü", "f", "{}"), new ToolCallPart("call_2", "f", "{}")),
            User(new ToolResultPart("call:1/ü", "f", []), new ToolResultPart("call_2", "f", []))));
        var (call, result) = ((string)body["messages"]![1]!["content"]![0]!["id"]!, (string)body["messages"]![2]!["content"]![0]!["tool_use_id"]!);
        Assert.Equal(call, result);
        Assert.Matches("^toolu_[0-9a-f]{24}$", call);
        Assert.Equal("call_2", (string)body["messages"]![2]!["content"]![1]!["tool_use_id"]!);

        // Nothing was said of tools: those of the history are, so that it is taken.
        Assert.Equal(("f", "none"), ((string)body["tools"]![0]!["name"]!, (string)body["tool_choice"]!["type"]!));
    }

    [Fact]
    public void Write_Formats_AreASchemaOrAHint()
    {
        var conversation = Of(User(new TextPart("x"))) with { Format = new AnswerFormat("n", """{"type":"object","properties":{"z":{},"a":{}}}""", true) };
        Assert.Equal("""{"type":"json_schema","schema":{"type":"object","properties":{"z":{},"a":{}}}}""", Write(conversation)["output_config"]!["format"]!.ToJsonString());
        Assert.Contains("\"z\"", (string)Write(conversation, Older)["system"]![0]!["text"]!, StringComparison.Ordinal);
        var any = Write(conversation with { Format = new AnswerFormat(null, null, null), System = [new TextPart("s")] });
        Assert.Null(any["output_config"]);
        Assert.Contains("JSON object", (string)any["system"]![1]!["text"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ToolChoiceKind.Unsaid, null, null)]
    [InlineData(ToolChoiceKind.Unsaid, false, """{"type":"auto","disable_parallel_tool_use":true}""")]
    [InlineData(ToolChoiceKind.Auto, true, """{"type":"auto"}""")]
    [InlineData(ToolChoiceKind.None, false, """{"type":"none"}""")]
    [InlineData(ToolChoiceKind.Required, null, """{"type":"any"}""")]
    [InlineData(ToolChoiceKind.Named, false, """{"type":"tool","name":"f","disable_parallel_tool_use":true}""")]
    public void Write_ToolChoice_IsMapped(ToolChoiceKind kind, bool? parallel, string? expected) => Assert.Equal(
        expected,
        Write(Of(User(new TextPart("x"))) with { Tools = [new Tool("f", null, "{}")], ToolChoice = new(kind, kind == ToolChoiceKind.Named ? ["f"] : []), ParallelToolCalls = parallel })["tool_choice"]?.ToJsonString());

    [Fact]
    public void Write_TextFiles_AreText()
    {
        var text = new MediaPart(MediaKind.Document, "text/plain", Encoding.ASCII.GetBytes(Convert.ToBase64String("grüß"u8)), null) { FileName = "a.txt" };
        Assert.Equal(
            """{"type":"document","source":{"type":"text","media_type":"text/plain","data":"gr\u00FC\u00DF"},"title":"a.txt"}""",
            Write(Of(User(text)))["messages"]![0]!["content"]![0]!.ToJsonString());
    }

    [Fact]
    public void Refuse_WhatTheProtocolCannotSay_SaysSo()
    {
        Assert.Contains("'a.b'", MessagesBody.Refuse(Of(User(new TextPart("x"))) with { Tools = [new Tool("a.b", null, "{}")] }), StringComparison.Ordinal);
        Assert.Contains("image/tiff", MessagesBody.Refuse(Of(User(new MediaPart(MediaKind.Image, "image/tiff", new byte[4], null)))), StringComparison.Ordinal);
        Assert.Contains("application/zip", MessagesBody.Refuse(Of(User(new MediaPart(MediaKind.Document, "application/zip", new byte[4], null)))), StringComparison.Ordinal);
        Assert.NotNull(MessagesBody.Refuse(Of()));
    }
}
