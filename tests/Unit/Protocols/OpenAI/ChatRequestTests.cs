using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI;

public sealed class ChatRequestTests
{
    private const string Messages = """ "messages":[{"role":"user","content":"hi"}] """;

    private static ChatRequest Read(string json)
    {
        Assert.True(ChatRequest.TryRead(Encoding.UTF8.GetBytes(json), 8, out var request, out var error), error.Message);
        return request;
    }

    private static OpenAIError Refuse(string json) => Refuse(Encoding.UTF8.GetBytes(json));

    private static OpenAIError Refuse(byte[] json)
    {
        Assert.False(ChatRequest.TryRead(json, 8, out var request, out var error));
        Assert.Null(request);
        Assert.Equal((400, "invalid_request_error"), (error.Status, error.Type));
        return error;
    }

    [Fact]
    public void TryRead_FullRequest_TellsEverything()
    {
        var request = Read("""
             {"model":"m-1","messages":[{"role":"developer","content":"Be brief"},{"role":"user","content":[{"type":"text","text":"What is this?"}]}],
             "stream":true,"stream_options":{"include_usage":true},"n":3,"max_completion_tokens":500,"tools":[{"type":"function","function":{"name":"f"}}],
             "reasoning_effort":"high","service_tier":"flex","modalities":["text","audio"],"prediction":{"type":"content","content":"abcdef"},
             "temperature":0.1,"x_unknown":{"a":[1,2]}}
            """);

        Assert.Equal("m-1", request.Model);
        Assert.True(request.Stream);
        Assert.True(request.IncludeUsage);
        Assert.Equal(3, request.Choices);
        Assert.Equal((500, OutputLimitField.MaxCompletionTokens), (request.MaxOutputTokens, request.OutputLimitField));
        Assert.Equal((2, 1), (request.MessageCount, request.ToolCount));
        Assert.Equal([new PricedField(FieldPrice.ServiceTier, "service_tier", "service_tier", "flex")], request.PricedFields);
        Assert.Equal(["x_unknown"], request.UnknownFields);
        Assert.True(request.HasAudioOutput);
        Assert.False(request.HasImageOutput);
        Assert.True(request.PredictionBytes >= 6);
        Assert.False(request.HasUnsizedInput);
    }

    [Fact]
    public void TryRead_LeastRequest_HasDefaults()
    {
        var request = Read($$"""{"model":"m",{{Messages}},"stream":null,"n":null,"max_tokens":null,"stream_options":null}""");

        Assert.False(request.Stream);
        Assert.False(request.IncludeUsage);
        Assert.Equal(1, request.Choices);
        Assert.Equal((null, OutputLimitField.None), (request.MaxOutputTokens, request.OutputLimitField));
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user"}]}""", "model", "missing_required_parameter")]
    [InlineData("""{"model":null,"messages":[{"role":"user"}]}""", "model", "missing_required_parameter")]
    [InlineData("""{"model":"","messages":[{"role":"user"}]}""", "model", "missing_required_parameter")]
    [InlineData("""{"model":7,"messages":[{"role":"user"}]}""", "model", "invalid_type")]
    [InlineData("""{"model":"m"}""", "messages", "missing_required_parameter")]
    [InlineData("""{"model":"m","messages":null}""", "messages", "missing_required_parameter")]
    [InlineData("""{"model":"m","messages":[]}""", "messages", "empty_array")]
    [InlineData("""{"model":"m","messages":"hi"}""", "messages", "invalid_type")]
    [InlineData("""{"model":"m","messages":{"role":"user"}}""", "messages", "invalid_type")]
    [InlineData("""{"model":"m","messages":["hi"]}""", "messages[0]", "invalid_type")]
    [InlineData("""{"model":"m","messages":[{"role":"user"},{"content":"x"}]}""", "messages[1].role", "missing_required_parameter")]
    [InlineData("""{"model":"m","messages":[{"role":1}]}""", "messages[0].role", "invalid_type")]
    [InlineData("[]", null, "invalid_type")]
    [InlineData("\"x\"", null, "invalid_type")]
    public void TryRead_WrongShape_IsRefused(string json, string? param, string code)
    {
        var error = Refuse(json);

        Assert.Equal((param, code), (error.Param, error.Code));
    }

    [Theory]
    [InlineData(""" "stream":"true" """, "stream", "invalid_type")]
    [InlineData(""" "stream":1 """, "stream", "invalid_type")]
    [InlineData(""" "stream":true,"stream_options":[] """, "stream_options", "invalid_type")]
    [InlineData(""" "stream":true,"stream_options":{"include_usage":1} """, "stream_options.include_usage", "invalid_type")]
    [InlineData(""" "stream_options":{"include_usage":true} """, "stream_options", null)]
    [InlineData(""" "stream":false,"stream_options":{} """, "stream_options", null)]
    [InlineData(""" "n":0 """, "n", "integer_below_min_value")]
    [InlineData(""" "n":-1 """, "n", "integer_below_min_value")]
    [InlineData(""" "n":9 """, "n", "integer_above_max_value")]
    [InlineData(""" "n":1.5 """, "n", "invalid_type")]
    [InlineData(""" "n":"2" """, "n", "invalid_type")]
    [InlineData(""" "n":true """, "n", "invalid_type")]
    [InlineData(""" "max_tokens":0 """, "max_tokens", "integer_below_min_value")]
    [InlineData(""" "max_tokens":-5 """, "max_tokens", "integer_below_min_value")]
    [InlineData(""" "max_tokens":1e30 """, "max_tokens", "invalid_type")]
    [InlineData(""" "max_tokens":99999999999999999999999 """, "max_tokens", "integer_above_max_value")]
    [InlineData(""" "max_completion_tokens":-99999999999999999999999 """, "max_completion_tokens", "integer_below_min_value")]
    [InlineData(""" "max_completion_tokens":2.5 """, "max_completion_tokens", "invalid_type")]
    [InlineData(""" "max_completion_tokens":{} """, "max_completion_tokens", "invalid_type")]
    [InlineData(""" "max_tokens":5,"max_completion_tokens":5 """, "max_tokens", "invalid_parameter_combination")]
    public void TryRead_BadParameter_IsRefused(string member, string param, string? code)
    {
        var error = Refuse($$"""{"model":"m",{{Messages}},{{member}}}""");

        Assert.Equal((param, code), (error.Param, error.Code));
    }

    [Theory]
    [InlineData(""" "model":"a","model":"b" """, "model")]
    [InlineData(""" "model":"a","mod\u0065l":"b" """, "model")]
    [InlineData(""" "model":"a","max_tokens":5,"max_tokens":6 """, "max_tokens")]
    [InlineData(""" "model":"a","stream":true,"\u0073tream":false """, "stream")]
    [InlineData(""" "model":"a","custom":1,"custom":1 """, "custom")]
    [InlineData(""" "model":"a","custom":1,"cust\u006fm":1 """, "custom")]
    [InlineData(""" "model":"a","messages":[{"role":"user"}] """, "messages")]
    [InlineData(""" "model":"a","stream":true,"stream_options":{"include_usage":false,"include\u005fusage":true} """, "stream_options")]
    [InlineData(""" "model":"a","stream":true,"stream_options":{"include_usage":false,"Include_usage":true} """, "stream_options")]
    public void TryRead_DuplicateKey_IsRefused(string members, string param)
    {
        var error = Refuse($$"""{ {{Messages}},{{members}}}""");

        Assert.Equal((param, "duplicate_parameter"), (error.Param, error.Code));
    }

    [Theory]
    [InlineData(256, 10, true)]
    [InlineData(257, 10, false)]
    [InlineData(100_000, 10, false)]
    [InlineData(1, 256, true)]
    [InlineData(1, 257, false)]
    public void TryRead_UnknownNames_AreFewAndShort(int count, int length, bool isRead)
    {
        var names = string.Join(',', Enumerable.Range(0, count).Select(i => $"\"{i.ToString("D6", CultureInfo.InvariantCulture).PadRight(length, 'x')}\":1"));
        if (isRead)
        {
            Read($$"""{ {{names}},"model":"m",{{Messages}}}""");
        }
        else
        {
            Assert.Equal("unknown_parameter", Refuse($$"""{"model":"m",{{Messages}},{{names}}}""").Code);
            Assert.Equal("unknown_parameter", Refuse($$"""{"model":"m",{{Messages}},"stream":true,"stream_options":{ {{names}} } }""").Code);
        }
    }

    [Theory]
    [InlineData("Model")]
    [InlineData("MAX_TOKENS")]
    [InlineData("N")]
    [InlineData("\u017Ftream")]
    [InlineData("max_to\u212Aens")]
    [InlineData("\\u017Ftream")]
    public void TryRead_KeyThatOnlyFoldsToAKnownOne_IsRefused(string name)
    {
        Assert.Equal("unknown_parameter", Refuse($$"""{"model":"m",{{Messages}},"{{name}}":1}""").Code);
    }

    [Theory]
    [InlineData(""" "stream":true,"stream_options":{"INCLUDE_USAGE":true} """, "stream_options.INCLUDE_USAGE")]
    [InlineData(""" "stream":true,"stream_options":{"include_u\u017Fage":true} """, "stream_options.include_u\u017Fage")]
    [InlineData(""" "messages":[{"role":"user"},{"role":"user","Content":"x"}] """, "messages[1].Content")]
    [InlineData(""" "messages":[{"role":"user","\u0043ontent":"x"}] """, "messages[0].Content")]
    [InlineData(""" "messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","Image_URL":{"url":"x"}}]}] """, "messages[0].content[1].Image_URL")]
    [InlineData(""" "messages":[{"role":"user","content":[{"Type":"video_url"}]}] """, "messages[0].content[0].Type")]
    [InlineData(""" "messages":[{"role":"user","content":[{"type":"image_url","image_url":{"URL":"x"}}]}] """, "messages[0].content[0].image_url.URL")]
    [InlineData(""" "messages":[{"role":"user","content":[{"type":"file","file":{"File_ID":"x"}}]}] """, "messages[0].content[0].file.File_ID")]
    [InlineData(""" "messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"Data":"x"}}]}] """, "messages[0].content[0].input_audio.Data")]
    [InlineData(""" "tools":[{"type":"function"},{"TYPE":"web_search"}] """, "tools[1].TYPE")]
    public void TryRead_NestedKeyThatOnlyFoldsToAKnownOne_IsRefusedByItsPath(string member, string path)
    {
        var messages = member.Contains("\"messages\"", StringComparison.Ordinal) ? "" : Messages + ",";
        var error = Refuse($$"""{"model":"m",{{messages}}{{member}}}""");
        Assert.Equal((path, "unknown_parameter"), (error.Param, error.Code));
    }

    [Theory]
    [InlineData(""" "messages":[{"role":"user","contents":"x","Tool_Call":1}] """)]
    [InlineData(""" "messages":[{"role":"user","content":[{"type":"text","text":"x","cacheControl":{"Type":"x"}}]}] """)]
    [InlineData(""" "messages":[{"\u0072ole":"user"}],"tools":[{"type":"function","function":{"parameters":{"properties":{"Type":{}}}}}] """)]
    public void TryRead_OtherKeysWithCapitals_AreRead(string members) => Read($$"""{"model":"m",{{members}}}""");

    /// <summary>C124.</summary>
    [Fact]
    public void TryRead_MoreMessagesPartsAndTools_AllocatesNoMore()
    {
        var bodies = Enumerable.Range(1, 2).Select(i => i * 100).Select(count => Encoding.UTF8.GetBytes(
            $$"""
            {"model":"m","messages":[{{string.Join(',', Enumerable.Repeat("""{"role":"user","content":[{"type":"text","text":"x","cacheControl":1}]}""", count))}}],
             "tools":[{{string.Join(',', Enumerable.Repeat("""{"type":"function","function":{"name":"f"}}""", count))}}]}
            """)).ToList();

        Assert.Single(bodies.Select(Allocated).Distinct());

        static long Allocated(byte[] body)
        {
            var before = 0L;
            for (var i = 0; i < 2; i++)
            {
                before = GC.GetAllocatedBytesForCurrentThread();
                Assert.True(ChatRequest.TryRead(body, 8, out _, out _));
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("nope")]
    [InlineData("""{"model":"m","messages":[{"role":"us""")]
    [InlineData("""{"model":"m","messages":[{"role":"user"}]""")]
    [InlineData("""{"model":"m","messages":[{"role":"user"}]}}""")]
    [InlineData("""{"model":"m","messages":[{"role":"user"}],}""")]
    [InlineData("""{"model":"m","messages":[{"role":"user"}]} {}""")]
    [InlineData("""{"model":'m'}""")]
    public void TryRead_MalformedOrCutOff_SaysWhere(string json)
    {
        Assert.Contains("line 1, byte ", Refuse(json).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TryRead_CutAnywhere_IsRefusedOrWhole()
    {
        var json = Encoding.UTF8.GetBytes(
            $$"""{"model":"mé","stream":true,"stream_options":{"include_usage":true},"n":2,"max_tokens":12,{{Messages}},"tools":[{"type":"function"}]}""");

        for (var length = 0; length < json.Length; length++)
        {
            Refuse(json[..length]);
        }
    }

    [Theory]
    [InlineData(@"""\ud800""")]
    [InlineData(@"""\udc00x""")]
    public void TryRead_HalfASurrogatePair_IsRefusedWhereItIsRead(string text)
    {
        Refuse($$"""{"model":{{text}},{{Messages}}}""");
        Refuse($$"""{"model":"m",{{text}}:1,{{Messages}}}""");
    }

    [Fact]
    public void TryRead_InvalidUtf8_IsRefused()
    {
        byte[] json = [.. "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\""u8, 0xC3, 0x28, .. "\"}]}"u8];

        Assert.Contains("UTF-8", Refuse(json).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData('[', ']')]
    [InlineData('{', '}')]
    public void TryRead_TooDeep_IsRefused(char open, char close)
    {
        var opening = open == '[' ? "[" : "{\"a\":";
        string Nest(int levels) => $$"""{"model":"m",{{Messages}},"x":{{string.Concat(Enumerable.Repeat(opening, levels))}}1{{new string(close, levels)}} }""";

        Read(Nest(63));
        Assert.Contains("nested deeper than 64", Refuse(Nest(64)).Message, StringComparison.Ordinal);
        Assert.Contains("nested deeper than 64", Refuse(Nest(100_000)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TryRead_Media_IsSizedApartFromText()
    {
        var picture = Convert.ToBase64String(new byte[3000]);
        var request = Read($$"""
            {"model":"m","messages":[{"role":"user","content":[
             {"type":"image_url","image_url":{"url":"data:image/png;base64,{{picture}}","detail":"low"} },
             {"image_url":{"detail":"high","url":"https://example.org/a.png"},"type":"image_url"},
             {"type":"input_audio","input_audio":{"data":"{{picture}}","format":"wav"} },
             {"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,{{picture}}"} }]}]}
            """);

        Assert.Equal((2, 1, 1), (request.ImageCount, request.AudioCount, request.FileCount));
        Assert.InRange(request.TextBytes, 1, 500);
        Assert.False(request.HasUnsizedInput);
    }

    [Fact]
    public void WithHeldIds_SoundOfEarlierAnswers_HasTheProvidersIds()
    {
        var request = Read("""{"model":"m","messages":[{"role":"assistant","audio":{"id":"a.x"}},{"role":"assistant","audio":null},{"role":"user","content":"x"}]}""");
        Assert.Equal([new HeldReference("messages[0].audio.id", "a.x")], request.Held);
        Assert.True(request.HasUnsizedInput);
        Assert.Equal("a", (string?)JsonNode.Parse(request.WithHeldIds(static id => id.Split('.')[0]).Body.Span)!["messages"]![0]!["audio"]!["id"]);
    }

    /// <summary>To a provider all customers of a channel are one account.</summary>
    [Theory]
    [InlineData("""{"type":"file","file":{"file_id":"file-1"}}""", "messages[0].content[0].file.file_id")]
    [InlineData("""{"type":"file","file":{"file\u005fid":"file-1"}}""", "messages[0].content[0].file.file_id")]
    [InlineData("""{"type":"image_url","image_url":{"file_id":"file-1"}}""", "messages[0].content[0].image_url.file_id")]
    [InlineData("""{"type":"image_url","image_url":{"url":"ms://file-1"}}""", "messages[0].content[0]")]
    [InlineData("""{"type":"image_url","image_url":"oss\u003a//bucket/file"}""", "messages[0].content[0]")]
    [InlineData("""{"type":"file","file":{"file_data":"gs://bucket/file"}}""", "messages[0].content[0]")]
    public void TryRead_WhatAProviderKeeps_IsRefusedByItsName(string part, string path)
    {
        var body = $$"""{"model":"m","messages":[{"role":"user","content":[{{part}}]}]}""";
        Assert.False(ChatRequest.TryRead(Encoding.UTF8.GetBytes(body), 1, out _, out var error));
        Assert.Equal((path, "not_found"), (error.Param, error.Code));
    }

    [Theory]
    [InlineData("""{"type":"file","file":{"file_data":"https://example.org/a.pdf"}}""")]
    [InlineData("""{"type":"file","file":{"file_data":"https\u003a//example.org/a.pdf"}}""")]
    [InlineData("""{"type":"input_audio","input_audio":{"data":"https:\/\/example.org\/a.wav"}}""")]
    [InlineData("""{"type":"video_url","video_url":{"url":"https://example.org/a.mp4"}}""")]
    [InlineData("""{"type":"input_video","data":"x"}""")]
    [InlineData("""{"video":["https://example.org/a.mp4"]}""")]
    public void TryRead_InputThatIsNotInTheBody_IsBoundedByTheWindow(string part)
    {
        var request = Read($$"""{"model":"m","messages":[{"role":"user","content":[{{part}}]}]}""");

        Assert.True(request.HasUnsizedInput);
        var rules = new InputTokenRules(128_000) { Images = new(1), PerAudio = 1, PerFile = 1 };
        Assert.Equal(128_000, request.MaxInputTokens(rules));
    }

    [Theory]
    [InlineData(""" "web_search_options":{} """, "Searches web_search_options web_search_options")]
    [InlineData(""" "web_search_options":null """, "")]
    [InlineData(""" "enable_search":true """, "Searches enable_search enable_search")]
    [InlineData(""" "enable_search":false,"service_tier":null """, "")]
    [InlineData(""" "service_tier":"auto" """, "ServiceTier service_tier auto")]
    [InlineData(""" "tools":[{"type":"function"},{"type":"web_search"}] """, "Searches tools[1].type web_search")]
    [InlineData(""" "tools":[{"x":1,"type":"code_interpreter"}] """, "HostedTool tools[0].type code_interpreter")]
    [InlineData(""" "tools":[{"type":"web_search","web_search":{"enable":false}}] """, "")]
    [InlineData(""" "tools":[{"web_search":{"enable":true},"type":"web_search"}] """, "Searches tools[0].type web_search")]
    [InlineData(""" "search_parameters":{"mode":"off"} """, "")]
    [InlineData(""" "search_parameters":{"mode":"auto"} """, "Searches search_parameters search_parameters")]
    [InlineData(""" "search_options":{"search_strategy":"max"} """, "Searches search_options search_options")]
    [InlineData(""" "tools":[{"type":"custom","custom":{"type":"x"}}],"functions":[{"type":"web_search"}] """, "")]
    public void TryRead_FieldsThatChangeThePrice_AreSeen(string member, string expected)
    {
        var request = Read($$"""{"model":"m",{{Messages}},{{member}}}""");

        Assert.Equal(expected, string.Join("; ", request.PricedFields.Select(field => $"{field.Price} {field.Path} {field.Value}")));
        Assert.Empty(request.UnknownFields);
    }

    [Fact]
    public void MaxInputTokens_Text_IsAtLeastItsBytes()
    {
        var text = new string('你', 100);
        var request = Read($$"""{"model":"m","messages":[{"role":"user","content":"{{text}}"}],"tools":[{"type":"function","function":{"name":"{{text}}"} }]}""");
        var rules = new InputTokenRules(1_000_000) { PerRequest = 1, PerMessage = 10, PerTool = 100 };

        Assert.InRange(request.MaxInputTokens(rules), 600 + 111, 600 + 111 + 100);
        Assert.Equal(500, request.MaxInputTokens(rules with { Window = 500 }));
        Assert.InRange(request.EstimatedInputTokens, 200, 220);
    }

    /// <summary>A tool whose kind nobody can see might be one that the provider runs.</summary>
    [Theory]
    [InlineData("""{"google_search":{}}""", "tools")]
    [InlineData("""[{"google_search":{}}]""", "tools[0].type")]
    [InlineData("""[{"type":"function"},{"type":["web_search"]}]""", "tools[1].type")]
    [InlineData("""["web_search"]""", "tools[0]")]
    [InlineData("true", "tools")]
    public void TryRead_ToolsOfAnotherShape_AreRefused(string tools, string param)
    {
        Assert.False(ChatRequest.TryRead(Encoding.UTF8.GetBytes($$"""{"model":"m",{{Messages}},"tools":{{tools}}}"""), 8, out _, out var error));
        Assert.Equal(param, error.Param);
    }

    /// <summary>The size that stands in the body counts only where it is the only one: a provider may take either.</summary>
    [Theory]
    [InlineData("""{"url":"data:image/png;base64,@"}""", 1)]
    [InlineData("""{"url":"data:image/png;base64,@","url":"https://example.org/a.png"}""", 1500)]
    [InlineData("""{"url":"https://example.org/a.png","url":"data:image/png;base64,@"}""", 1500)]
    [InlineData("""{"url":null,"url":"data:image/png;base64,@"}""", 1500)]
    [InlineData("\"data:image/png;base64,@\",\"image_url\":{\"url\":\"https://example.org/a.png\"}", 1501)]
    public void ImageTokens_Picture_IsCountedByItsSizeOrTheMost(string picture, long tokens)
    {
        var png = Convert.ToBase64String([0x89, .. "PNG\r\n\u001a\n"u8, 0, 0, 0, 13, .. "IHDR"u8, 0, 0, 0, 9, 0, 0, 0, 9, 8, 6, 0, 0, 0]);
        var request = Read($$"""{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{{picture.Replace("@", png, StringComparison.Ordinal)}}}]}]}""");

        Assert.Equal(tokens, request.ImageTokens(new ImageRule(1500, Side: 32, PerSquare: 1_000_000_000)));
    }

    [Fact]
    public void MaxInputTokens_PicturesWithoutACap_IsTheWindow()
    {
        var request = Read("""{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":"data:image/png;base64,AAAA"}]}]}""");

        Assert.Equal(9000, request.MaxInputTokens(new InputTokenRules(9000) { Images = new(9000) }));
        Assert.InRange(request.MaxInputTokens(new InputTokenRules(9000) { Images = new(1500) }), 1500, 1700);
    }

    [Fact]
    public void TryRead_DuplicateContent_CountsBoth()
    {
        var request = Read("""{"model":"m","messages":[{"role":"user","content":"aaaaaaaaaa","content":"bbbbbbbbbb"}]}""");

        Assert.True(request.TextBytes >= 20);
    }

    [Fact]
    public void ForUpstream_NothingToChange_IsTheBodyItself()
    {
        var json = $$"""{ "model" : "m", {{Messages}}, "temperature":1.0e0, "seed":12345678901234567890 }""";
        var request = Read(json);

        Assert.Equal(json, Text(request.ForUpstream(new() { Model = "m" })));
    }

    [Theory]
    [InlineData("""{"model":"m",MSG}""", """{"model":"up\"x",MSG}""")]
    [InlineData("""{"model":"m",MSG,"stream":true}""", """{"stream_options":{"include_usage":true},"model":"up\"x",MSG,"stream":true}""")]
    [InlineData("""{ "model":"m",MSG,"stream":true,"stream_options":null}""", """{ "model":"up\"x",MSG,"stream":true,"stream_options":{"include_usage":true}}""")]
    [InlineData("""{"stream_options": {},"stream":true,"model":"m",MSG}""", """{"stream_options": {"include_usage":true},"stream":true,"model":"up\"x",MSG}""")]
    [InlineData(
        """{"model":"m",MSG,"stream":true,"stream_options":{ "include_obfuscation":false}}""",
        """{"model":"up\"x",MSG,"stream":true,"stream_options":{"include_usage":true, "include_obfuscation":false}}""")]
    [InlineData(
        """{"model":"m",MSG,"stream":true,"stream_options":{"include_usage" : false }}""",
        """{"model":"up\"x",MSG,"stream":true,"stream_options":{"include_usage" : true }}""")]
    [InlineData(
        """{"model":"m",MSG,"stream":true,"stream_options":{"include_usage":true}}""",
        """{"model":"up\"x",MSG,"stream":true,"stream_options":{"include_usage":true}}""")]
    public void ForUpstream_ModelAndUsage_AreTheOnlyEdits(string json, string expected)
    {
        var request = Read(json.Replace("MSG", Messages, StringComparison.Ordinal));

        var body = request.ForUpstream(new() { Model = "up\"x" });

        Assert.Equal(expected.Replace("MSG", Messages, StringComparison.Ordinal), Text(body).Replace("\\u0022", "\\\"", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(""" "max_tokens": 900 """, null, OutputLimitField.None, """ "max_tokens": 900 """)]
    [InlineData(""" "max_tokens": 900 """, 50, OutputLimitField.None, """ "max_tokens":50 """)]
    [InlineData(""" "max_tokens": 900 """, null, OutputLimitField.MaxCompletionTokens, """ "max_completion_tokens":900 """)]
    [InlineData(""" "max_completion_tokens":900 """, 7, OutputLimitField.MaxTokens, """ "max_tokens":7 """)]
    [InlineData(""" "max_tokens":null,"max_completion_tokens":9 """, null, OutputLimitField.MaxTokens, """ "max_tokens":9,"max_completion_tokens":null """)]
    [InlineData(""" "max_tokens":null """, 5, OutputLimitField.MaxTokens, """ "max_tokens":5 """)]
    [InlineData(""" "max_tokens":null """, null, OutputLimitField.MaxCompletionTokens, """ "max_tokens":null """)]
    public void ForUpstream_OutputLimit_IsLoweredAndRenamed(string member, int? limit, OutputLimitField field, string expected)
    {
        var request = Read($$"""{"model":"m",{{member}},{{Messages}}}""");

        var body = request.ForUpstream(new() { MaxOutputTokens = limit, OutputLimitField = field });

        Assert.Equal($$"""{"model":"m",{{expected}},{{Messages}}}""", Text(body));
    }

    [Fact]
    public void ForUpstream_LimitWhereThereIsNone_IsAdded()
    {
        var request = Read($$"""{"model":"m",{{Messages}},"stream":true}""");

        var body = Text(request.ForUpstream(new() { MaxOutputTokens = 77, WithoutStreamOptions = true }));

        Assert.Equal($$"""{"max_completion_tokens":77,"model":"m",{{Messages}},"stream":true}""", body);
    }

    [Theory]
    [InlineData("""{"stream_options":{"include_usage":true},"model":"m",MSG,"stream":true}""")]
    [InlineData("""{"model":"m",MSG,"stream":true , "stream_options":{"include_usage":true} }""")]
    [InlineData("""{"model":"m","stream_options":null , MSG,"stream":true}""")]
    [InlineData("""{"model":"m","stream_options" : {} ,MSG,"max_tokens":5,"stream":true}""")]
    public void ForUpstream_WithoutStreamOptions_TakesThemOut(string json)
    {
        var request = Read(json.Replace("MSG", Messages, StringComparison.Ordinal));

        var body = JsonNode.Parse(Text(request.ForUpstream(
            new() { Model = "other", WithoutStreamOptions = true, MaxOutputTokens = 3 })))!.AsObject();

        Assert.False(body.ContainsKey("stream_options"));
        Assert.Equal("other", (string?)body["model"]);
        Assert.Equal(3, (int?)body["max_tokens"] ?? (int?)body["max_completion_tokens"]);
        Assert.True((bool?)body["stream"]);
    }

    [Fact]
    public void ForUpstream_AnyOrderOfMembers_GivesTheSameMeaning()
    {
        string[] members =
        [
            "\"model\":\"m\"", Messages, "\"stream\":true", "\"stream_options\":{\"x\":1}", "\"max_tokens\":100", "\"other\":{\"model\":\"keep\",\"n\":[1.50]}",
        ];
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
        {
            random.Shuffle(members);
            var request = Read("{" + string.Join(" , ", members) + "}");

            var body = JsonNode.Parse(Text(request.ForUpstream(
                new() { Model = "up", MaxOutputTokens = 9, OutputLimitField = OutputLimitField.MaxCompletionTokens })))!.AsObject();

            Assert.Equal(6, body.Count);
            Assert.Equal(("up", 9), ((string?)body["model"], (int?)body["max_completion_tokens"]));
            Assert.Equal("""{"include_usage":true,"x":1}""", body["stream_options"]!.ToJsonString());
            Assert.Equal("""{"model":"keep","n":[1.50]}""", body["other"]!.ToJsonString());
        }
    }

    [Fact]
    public void TryRead_LargeBody_IsReadAndOnlyTheEditsAreAdded()
    {
        var text = new string('x', 8 * 1024 * 1024);
        var request = Read($$"""{"model":"m","stream":true,"messages":[{"role":"user","content":"{{text}}"}]}""");

        var body = request.ForUpstream(new() { Model = "u" });

        Assert.InRange(request.TextBytes, text.Length, text.Length + 100);
        Assert.Equal(request.Body.Length + """ "stream_options":{"include_usage":true}, """.Trim().Length, body.Length);
    }

    private static string Text(UpstreamBody body)
    {
        var writer = new ArrayBufferWriter<byte>();
        body.WriteTo(writer);
        Assert.Equal(body.Length, writer.WrittenCount);
        using var valid = JsonDocument.Parse(writer.WrittenMemory);
        return Encoding.UTF8.GetString(writer.WrittenSpan);
    }
}
