using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Gemini;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.Gemini;

public sealed class GeminiRequestTests
{
    /// <summary>A PNG of 300 by 200 pixels, as far as its head.</summary>
    private const string Png = "iVBORw0KGgoAAAANSUhEUgAAASwAAADICAIAAADdvUsC";

    private static readonly ImageRule Images = new(Max: 5000, Side: 100, Base: 10, PerSquare: 1_000_000_000);

    [Fact]
    public void TryRead_WhatBoundsTheCost_IsFound()
    {
        var request = Read(
            """{"system_instruction":{"parts":[{"text":"Be kind"}]},"contents":[{"role":"user","parts":[{"text":"abcd"}]},{"role":"model","parts":[{"text":"efgh"}]}]"""
            + """,  "tools":[{"function_declarations":[{"name":"one"},{"name":"two"}]}],"generation_config":{"max_output_tokens":"64","candidateCount":3,"responseModalities":["TEXT","IMAGE"]}}""");
        Assert.Equal((3, 2, 64, 3), (request.MessageCount, request.ToolCount, request.MaxOutputTokens, request.Choices));
        Assert.True(request.HasImageOutput);
        Assert.False(request.HasAudioOutput || request.HasUnsizedInput || request.IsFree);
        Assert.Empty(request.PricedFields);
        Assert.True(request.TextBytes > 15);
    }

    [Theory]
    [InlineData("""{"inlineData":{"mimeType":"image/png","data":"PNG"}}""", 16, 0, 0, false)]
    [InlineData("""{"inline_data":{"data":"PNG","mime_type":"image/png"}}""", 16, 0, 0, false)]
    [InlineData("""{"inlineData":{"mimeType":"image/png","data":"PNG"},"mediaResolution":{"level":"MEDIA_RESOLUTION_HIGH"}}""", 5000, 0, 0, false)]
    [InlineData("""{"inlineData":{"mimeType":"image/png","data":"????"}}""", 5000, 0, 0, false)]
    [InlineData("""{"inlineData":{"mimeType":"audio/wav","data":"AAAA"}}""", 0, 1, 0, false)]
    [InlineData("""{"inlineData":{"mimeType":"application/pdf","data":"AAAA"}}""", 0, 0, 1, false)]
    [InlineData("""{"inlineData":{"mimeType":"video/mp4","data":"AAAA"}}""", 0, 0, 0, true)]
    [InlineData("""{"fileData":{"mimeType":"image/png","fileUri":"https://example.com/a.png"}}""", 0, 0, 0, true)]
    [InlineData("""{"novel":1}""", 0, 0, 0, true)]
    [InlineData("""{"functionResponse":{"name":"f","response":{},"parts":[{"inlineData":{"mimeType":"image/png","data":"PNG"}}]}}""", 16, 0, 0, false)]
    public void TryRead_Media_CountByTheirKind(string part, int imageTokens, int audio, int files, bool isUnsized)
    {
        var request = Read($$"""{"contents":[{"parts":[{{part.Replace("PNG", Png, StringComparison.Ordinal)}}]}]}""");
        Assert.Equal((imageTokens, audio, files, isUnsized), (request.ImageTokens(Images), request.AudioCount, request.FileCount, request.HasUnsizedInput));
        Assert.InRange(request.TextBytes, 0, part.Length);
    }

    [Theory]
    [InlineData(false, """[{"functionCall":{"name":"f"}},{"functionCall":{"name":"g"},"thoughtSignature":"c2ln"}]""")]
    [InlineData(true, """[{"functionCall":{"name":"f"},"thoughtSignature":"skip_thought_signature_validator"},{"functionCall":{"name":"g"},"thoughtSignature":"c2ln"}]""")]
    public void WithoutSignatures_OfOtherProviders_LeavesItsOwn(bool fills, string parts)
    {
        var (signed, hidden) = (Convert.ToBase64String("og1.messages.x"u8), Convert.ToBase64String("hidden.og1.messages.x"u8));
        var request = Read(
            $$$"""
            {"contents":[{"role":"user","parts":[{"text":"a"}]},
            {"role":"model","parts":[{"text":"","thought":true,"thought_signature":"{{{hidden}}}"}]},
            {"role":"model","parts":[{"functionCall":{"name":"f"},"thoughtSignature":"{{{signed}}}"},{"functionCall":{"name":"g"},"thoughtSignature":"c2ln"}]}]}
            """);
        Assert.True(request.HasForeignSignatures);

        var contents = JsonNode.Parse(request.WithoutSignatures(fills, onlyForeign: true).Body.Span)!["contents"]!.AsArray();

        Assert.Equal(2, contents.Count);
        Assert.Equal(parts, contents[1]!["parts"]!.ToJsonString());
        Assert.False(Read("""{"contents":[{"parts":[{"text":"a","thoughtSignature":"c2ln"}]}]}""").HasForeignSignatures);
    }

    [Fact]
    public void TryRead_ResolutionOfTheWholeRequest_ForgetsSizes() => Assert.Equal(
        5000,
        Read($$$"""{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"{{{Png}}}"}}]}],"generationConfig":{"mediaResolution":"MEDIA_RESOLUTION_HIGH"}}""").ImageTokens(Images));

    [Theory]
    [InlineData("""{"googleSearch":{}}""", FieldPrice.Searches, "googleSearch")]
    [InlineData("""{"google_search_retrieval":{}}""", FieldPrice.Searches, "googleSearchRetrieval")]
    [InlineData("""{"google_maps":{}}""", FieldPrice.Searches, "googleMaps")]
    [InlineData("""{"urlContext":{}}""", FieldPrice.HostedTool, "urlContext")]
    [InlineData("""{"code_execution":{}}""", FieldPrice.HostedTool, "code_execution")]
    [InlineData("""{"novelTool":{}}""", FieldPrice.HostedTool, "novelTool")]
    public void TryRead_ToolsOfTheProvider_ArePriced(string tool, FieldPrice price, string shown) => Assert.Equal(
        [new PricedField(price, "tools", $"tools[0].{shown}", shown)], Read($$"""{"contents":[{}],"tools":[{{tool}}]}""").PricedFields);

    [Theory]
    [InlineData("flex", "flex")]
    [InlineData("SERVICE_TIER_PRIORITY", "priority")]
    [InlineData("SERVICE_TIER_UNSPECIFIED", "standard")]
    public void TryRead_Tier_IsNamedAsInPrices(string tier, string name) => Assert.Equal(
        [new PricedField(FieldPrice.ServiceTier, "serviceTier", "serviceTier", name)], Read($$"""{"contents":[{}],"serviceTier":"{{tier}}"}""").PricedFields);

    /// <summary>The model's name and the cap are put in, and nothing else is touched.</summary>
    [Theory]
    [InlineData("""{"contents":[{}]}""", """{"generationConfig":{"maxOutputTokens":5},"contents":[{}]}""")]
    [InlineData("""{"contents":[{}],"generationConfig":null}""", """{"contents":[{}],"generationConfig":{"maxOutputTokens":5}}""")]
    [InlineData("""{"contents":[{}],"generation_config":{ }}""", """{"contents":[{}],"generation_config":{"maxOutputTokens":5 }}""")]
    [InlineData("""{"contents":[{}],"generationConfig":{"topP":0.50}}""", """{"contents":[{}],"generationConfig":{"maxOutputTokens":5,"topP":0.50}}""")]
    [InlineData("""{"generationConfig":{"topP":1,"max_output_tokens":9},"model":"m","contents":[{}]}""", """{"generationConfig":{"topP":1,"maxOutputTokens":5},"model":"models/up","contents":[{}]}""")]
    public void ForUpstream_ACap_IsSpliced(string body, string expected)
    {
        var written = new ArrayBufferWriter<byte>();
        Read(body).ForUpstream(new GeminiChanges { Model = "up", MaxOutputTokens = 5 }).WriteTo(written);
        Assert.Equal(expected, Encoding.UTF8.GetString(written.WrittenSpan));
    }

    [Fact]
    public void ForUpstream_ToolsWhoseNamesAreRead_AsOne_AreLeftOutTogether()
    {
        var request = Read("""{"contents":[{}],"tools":[{"codeExecution":{}},{"code_execution":{}},{"functionDeclarations":[{"name":"f"}]}]}""");
        var writer = new ArrayBufferWriter<byte>();
        request.ForUpstream(new GeminiChanges { Model = "up", Unpriced = request.PricedFields }).WriteTo(writer);
        Assert.Equal("""{"contents":[{}],"tools":[{"functionDeclarations":[{"name":"f"}]}]}""", Encoding.UTF8.GetString(writer.WrittenSpan));
    }

    [Fact]
    public void TryRead_OfAnyBytes_TakesThemOrSaysWhy()
    {
        const string Body = """{"contents":[{"role":"user","parts":[{"text":"a\u00e9"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}],"tools":[{"functionDeclarations":[{"name":"f"}]}],"generationConfig":{"maxOutputTokens":5}}""";
        var random = new Random(7);
        for (var i = 0; i < 3000; i++)
        {
            var bytes = Encoding.UTF8.GetBytes(Body);
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            var cut = bytes.AsMemory(0, random.Next(bytes.Length + 1));
            foreach (var method in Enum.GetValues<GeminiMethod>())
            {
                if (GeminiRequest.TryRead(cut, "m", method, false, out var request, out var error))
                {
                    GeminiConversationReader.Read(request, out _);
                }
                else
                {
                    Assert.NotEmpty(error.Message);
                }
            }
        }
    }

    internal static GeminiRequest Read(string body, bool stream = false)
    {
        Assert.NotNull(JsonNode.Parse(body));
        Assert.True(GeminiRequest.TryRead(Encoding.UTF8.GetBytes(body), "m", GeminiMethod.Generate, stream, out var request, out var error), error.Message);
        return request;
    }
}
