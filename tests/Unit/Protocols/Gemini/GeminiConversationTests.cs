using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Gemini;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.Gemini;

public sealed class GeminiConversationTests
{
    /// <summary>A request in the form in which it is written again.</summary>
    private const string Normal =
        """
        {"systemInstruction":{"parts":[{"text":"Be kind."}]},
        "contents":[
        {"role":"user","parts":[{"text":"Look:"},{"inlineData":{"mimeType":"image/png","data":"QUJD"}},{"fileData":{"mimeType":"application/pdf","fileUri":"https://example.com/a.pdf"}}]},
        {"role":"model","parts":[{"text":"thinking","thought":true,"thoughtSignature":"dGhpbms="},{"text":"Two calls"},
        {"functionCall":{"id":"c1","name":"f","args":{"x":1.50}},"thoughtSignature":"c2ln"},{"functionCall":{"id":"c2","name":"g","args":{}}}]},
        {"role":"user","parts":[{"functionResponse":{"id":"c1","name":"f","response":{"deg":21.0}}},{"functionResponse":{"id":"c2","name":"g","response":{"error":"no"}}},{"text":"Well?"}]}],
        "tools":[{"functionDeclarations":[{"name":"f","description":"d","parametersJsonSchema":{"type":"object","properties":{"x":{"type":"number"}}}},{"name":"g","parametersJsonSchema":{"type":"object","properties":{}}}]}],
        "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},
        "generationConfig":{"temperature":0.50,"topP":0.9,"topK":40,"seed":7,"frequencyPenalty":0.1,"presencePenalty":0.2,"maxOutputTokens":64,"candidateCount":2,"stopSequences":["END"],
        "responseMimeType":"application/json","responseJsonSchema":{"type":"object"},"thinkingConfig":{"thinkingLevel":"LOW","includeThoughts":true}}}
        """;

    [Fact]
    public void Read_AndWritten_IsTheSameInItsNormalForm()
    {
        var request = GeminiRequestTests.Read(Normal);
        var conversation = GeminiConversationReader.Read(request, out var error);
        Assert.True(conversation is not null, error.Message);
        Assert.Null(GeminiConversationWriter.Check(conversation));
        var written = GeminiConversationWriter.Write(conversation, new GeminiTarget("gemini-3.8-flash", request.MaxOutputTokens, FillsSignatures: false));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Normal), JsonNode.Parse(written.Span)), Encoding.UTF8.GetString(written.Span));
    }

    [Fact]
    public void Read_OlderSpellingsAndSchemas_AreUnderstood()
    {
        var conversation = Read(
            """
            {"system_instruction":{"parts":[{"text":"a"},{"text":""}]},
            "contents":[{"parts":[{"text":"one"}]},{"role":"user","parts":[{"text":"two"}]},
            {"role":"model","parts":[{"function_call":{"name":"f","args":{}}},{"functionCall":{"name":"f","args":{"n":2}}}]},
            {"role":"function","parts":[{"text":"late"},{"function_response":{"name":"f","response":{"output":"first"}}},{"functionResponse":{"name":"f","response":{"result":[1]}}}]}],
            "tools":[{"function_declarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true},"n":{"type":"ARRAY","items":{"type":"INTEGER"},"maxItems":"3"}},"propertyOrdering":["n"]}}]}],
            "tool_config":{"function_calling_config":{"mode":"auto"}},
            "generation_config":{"response_mime_type":"application/json","thinking_config":{"thinking_budget":0}},"safety_settings":[]}
            """);
        Assert.Equal(["a"], conversation.System.Select(part => part.Text));
        Assert.Equal([Role.User, Role.Assistant, Role.User], conversation.Turns.Select(turn => turn.Role));
        Assert.Equal(["one", "two"], conversation.Turns[0].Parts.Cast<TextPart>().Select(part => part.Text));
        var calls = conversation.Turns[1].Parts.Cast<ToolCallPart>().ToList();
        var results = conversation.Turns[2].Parts.Take(2).Cast<ToolResultPart>().ToList();
        Assert.Equal(calls.Select(call => call.Id), results.Select(result => result.Id));
        Assert.Equal(2, calls.Select(call => call.Id).Distinct().Count());
        Assert.Equal(["first", "[1]"], results.Select(result => ((TextPart)result.Content[0]).Text));
        Assert.Equal("late", ((TextPart)conversation.Turns[2].Parts[2]).Text);
        Assert.True(JsonNode.DeepEquals(
            JsonNode.Parse("""{"type":"object","properties":{"type":{"type":["string","null"]},"n":{"type":"array","items":{"type":"integer"},"maxItems":3}}}"""),
            JsonNode.Parse(conversation.Tools[0].Parameters)));
        Assert.Equal((ToolChoiceKind.Auto, ReasoningEffort.None), (conversation.ToolChoice.Kind, conversation.Reasoning!.Effort));
        Assert.Null(conversation.Format!.Schema);
        Assert.Equal([Feature.SafetySettings, Feature.JsonObject, Feature.Reasoning], conversation.Features.Select(use => use.Feature));
    }

    [Theory]
    [InlineData("""{"contents":[{"parts":[{"inlineData":{"mimeType":"audio/wav","data":"AAAA"}}]}]}""", Feature.Audio, "contents[0].parts[0].inlineData")]
    [InlineData("""{"contents":[{"parts":[{"inlineData":{"mimeType":"video/mp4","data":"AAAA"}}]}]}""", Feature.Video, "contents[0].parts[0].inlineData")]
    [InlineData("""{"contents":[{"parts":[{"fileData":{"mimeType":"image/png","fileUri":"https://example.com/a"}}]}]}""", Feature.ImageUrl, "contents[0].parts[0].fileData")]
    [InlineData("""{"contents":[{"parts":[{"executableCode":{"code":"1"}}]}]}""", Feature.ProviderTool, "contents[0].parts[0]")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"googleSearch":{}}]}""", Feature.ProviderTool, "tools[0].googleSearch")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"responseLogprobs":true}}""", Feature.Logprobs, "generationConfig.responseLogprobs")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"responseModalities":["AUDIO"]}}""", Feature.AudioOutput, "generationConfig.responseModalities")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"serviceTier":"flex"}""", Feature.ServiceTier, "serviceTier")]
    public void Read_WhatOthersMayLack_IsAFeatureWithItsPlace(string body, Feature feature, string path) =>
        Assert.Equal([new FeatureUse(feature, path)], Read(body).Features);

    [Theory]
    [InlineData("""{"contents":[{"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}}]}]}""", "contents[0].parts[0].functionResponse")]
    [InlineData("""{"contents":[{"role":"assistant","parts":[{"text":"x"}]}]}""", "contents[0].role")]
    [InlineData("""{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"!!"}}]}]}""", "contents[0].parts[0].inlineData")]
    [InlineData("""{"contents":[{"parts":[{"functionCall":{"name":"f"}}]}]}""", "contents[0].parts[0]")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"temperature":"hot"}}""", "generationConfig.temperature")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"responseMimeType":"text/x.enum"}}""", "generationConfig.responseMimeType")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"description":"d"}]}]}""", "tools[0].functionDeclarations[0].name")]
    [InlineData("""{"contents":[{"parts":[{"text":"x"}]}],"toolConfig":{"a":1,"a":2}}""", null)]
    public void Read_WhatNobodyUnderstands_IsRefusedByName(string body, string? field)
    {
        Assert.Null(GeminiConversationReader.Read(GeminiRequestTests.Read(body), out var error));
        Assert.Equal(field, error.Field);
    }

    [Fact]
    public void Read_OneForAList_IsAListOfIt()
    {
        var conversation = Read("""{"system_instruction":{"parts":{"text":"Be kind."}},"contents":{"parts":{"text":"hi"}}}""");
        Assert.Equal("Be kind.", Assert.Single(conversation.System).Text);
        Assert.Equal(new TextPart("hi"), Assert.Single(Assert.Single(conversation.Turns).Parts));
    }

    /// <summary>Clients decode a signature, and encode it in either alphabet.</summary>
    [Theory]
    [InlineData("thinking?>", false)]
    [InlineData("redacted~~~", true)]
    public void Read_AForeignSignature_ComesBackAsItWas(string value, bool isHidden)
    {
        var text = GeminiSignatures.Write(new Signature(WireFormats.Messages, value), isHidden).Replace('+', '-').Replace('/', '_').TrimEnd('=');
        var thought = isHidden ? "" : """{"text":"hm","thought":true},""";
        var part = Assert.Single(Read($$"""{"contents":[{"role":"model","parts":[{{thought}}{"text":"","thought":true,"thoughtSignature":"{{text}}"}]}]}""").Turns[0].Parts);
        Assert.Equal(new ReasoningPart(isHidden ? "" : "hm", new Signature(WireFormats.Messages, value), isHidden), part);
    }

    [Fact]
    public void Write_OfAForeignHistory_HasNoSignatureUnlessItIsToBeFilled()
    {
        var conversation = new Conversation
        {
            Turns =
            [
                new Turn(Role.User, [new TextPart("x")]),
                new Turn(Role.Assistant, [
                    new ReasoningPart("hm", new Signature(WireFormats.Messages, "s")), new ReasoningPart("hm", null),
                    new ToolCallPart("a", "f", "{}") { Signature = new Signature(WireFormats.Messages, "s") }, new ToolCallPart("b", "g", "{}")]),
                new Turn(Role.User, [new ToolResultPart("a", "", [new TextPart("plain")]), new ToolResultPart("b", "", [new MediaPart(MediaKind.Image, null, null, "https://example.com/x.webp?y=1")])]),
            ],
        };
        var plain = Written(conversation, "gemini-3.8-flash");
        Assert.DoesNotContain("thoughtSignature", plain.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(2, plain["contents"]![1]!["parts"]!.AsArray().Count);
        var results = plain["contents"]![2]!["parts"]!.AsArray();
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse("""{"functionResponse":{"id":"a","name":"f","response":{"output":"plain"}}}"""), results[0]));
        Assert.True(JsonNode.DeepEquals(
            JsonNode.Parse("""{"functionResponse":{"id":"b","name":"g","response":{"output":""},"parts":[{"fileData":{"mimeType":"image/webp","fileUri":"https://example.com/x.webp?y=1"}}]}}"""),
            results[1]));
        Assert.Equal(3, Written(conversation, "gemini-2.5-pro")["contents"]![2]!["parts"]!.AsArray().Count);
        var filled = Written(conversation, "gemini-3.8-flash", fillsSignatures: true)["contents"]![1]!["parts"]!;
        Assert.Equal(("skip_thought_signature_validator", null), ((string?)filled[0]!["thoughtSignature"], (string?)filled[1]!["thoughtSignature"]));
    }

    [Theory]
    [InlineData("gemini-2.5-flash", ReasoningEffort.None, null, """{"thinkingBudget":0}""")]
    [InlineData("gemini-2.5-pro", ReasoningEffort.None, null, """{"thinkingBudget":128}""")]
    [InlineData("gemini-2.5-flash", ReasoningEffort.Max, null, """{"thinkingBudget":24576,"includeThoughts":true}""")]
    [InlineData("gemini-2.5-flash", null, 5000, """{"thinkingBudget":5000,"includeThoughts":true}""")]
    [InlineData("gemini-3.8-flash", ReasoningEffort.None, null, """{"thinkingLevel":"MINIMAL"}""")]
    [InlineData("gemini-3.1-pro-preview", ReasoningEffort.Minimal, null, """{"thinkingLevel":"LOW","includeThoughts":true}""")]
    [InlineData("gemini-3-pro-preview", ReasoningEffort.Medium, null, """{"thinkingLevel":"HIGH","includeThoughts":true}""")]
    [InlineData("gemini-3.8-flash", ReasoningEffort.ExtraHigh, null, """{"thinkingLevel":"HIGH","includeThoughts":true}""")]
    [InlineData("gemini-3.8-flash", null, 4096, """{"thinkingLevel":"MEDIUM","includeThoughts":true}""")]
    [InlineData("gemini-2.0-flash", ReasoningEffort.High, null, null)]
    public void Write_Reasoning_IsWhatTheModelUnderstands(string model, ReasoningEffort? effort, int? budget, string? expected)
    {
        var conversation = new Conversation { Turns = [new Turn(Role.User, [new TextPart("x")])], Reasoning = new Reasoning(effort, budget) };
        Assert.True(JsonNode.DeepEquals(expected is null ? null : JsonNode.Parse(expected), Written(conversation, model)["generationConfig"]!["thinkingConfig"]));
    }

    [Fact]
    public void Check_WhatGeminiCannotTake_IsSaid()
    {
        var turn = new Turn(Role.User, [new TextPart("x")]);
        Assert.NotNull(GeminiConversationWriter.Check(new Conversation { Turns = [] }));
        Assert.NotNull(GeminiConversationWriter.Check(new Conversation { Turns = [turn], Stop = ["1", "2", "3", "4", "5", "6"] }));
        Assert.NotNull(GeminiConversationWriter.Check(new Conversation { Turns = [new Turn(Role.User, [new ToolResultPart("a", "", [])])] }));
        Assert.NotNull(GeminiConversationWriter.Check(new Conversation { Turns = [new Turn(Role.Assistant, [new ToolCallPart("a", "f", "[1]")])] }));
        Assert.Null(GeminiConversationWriter.Check(new Conversation { Turns = [turn] }));
    }

    private static Conversation Read(string body)
    {
        var conversation = GeminiConversationReader.Read(GeminiRequestTests.Read(body), out var error);
        Assert.True(conversation is not null, error.Message);
        return conversation;
    }

    private static JsonNode Written(Conversation conversation, string model, bool fillsSignatures = false) =>
        JsonNode.Parse(GeminiConversationWriter.Write(conversation, new GeminiTarget(model, null, fillsSignatures)).Span)!;
}
