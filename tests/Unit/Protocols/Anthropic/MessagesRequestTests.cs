using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Anthropic;
using OrleansGateway.Protocols.Exchange;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.Anthropic;

public sealed class MessagesRequestTests
{
    private static MessagesRequest Read(string members, string content = "\"hi\"")
    {
        var body = $$"""{"model":"m","max_tokens":10,"messages":[{"role":"user","content":{{content}}}]{{(members.Length > 0 ? "," + members : "")}}}""";
        Assert.True(MessagesRequest.TryRead(Encoding.UTF8.GetBytes(body), isCount: false, out var request, out var error), error.Message);
        return request;
    }

    private static MessagesError Refuse(string body, bool isCount = false)
    {
        Assert.False(MessagesRequest.TryRead(Encoding.UTF8.GetBytes(body), isCount, out _, out var error));
        return error;
    }

    /// <summary>The head of a PNG of this size, in base64.</summary>
    private static string Png(int width, int height)
    {
        var head = new byte[33];
        ((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]).CopyTo(head);
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(20), height);
        return Convert.ToBase64String(head);
    }

    [Fact]
    public void TryRead_Facts_AreThoseOfTheBody()
    {
        var request = Read("\"stream\":true,\"system\":\"12345678\",\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}]");
        Assert.Equal(("m", true, 10, 1, 1, false), (request.Model, request.Stream, request.MaxOutputTokens, request.MessageCount, request.ToolCount, request.IsFree));
        Assert.True(request.TextBytes > 1024);
        Assert.Empty(request.UnknownFields);
        Assert.Empty(request.PricedFields);
    }

    [Fact]
    public void WithoutForeignThinking_OfOtherProviders_LeavesItsOwn()
    {
        const string Turns =
            """
            ,{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"og1.gemini.x"}]},
            {"role":"user","content":"og1. is how it begins"},
            {"role":"assistant","content":[{"type":"redacted_thinking","data":"og1.responses.x"},{"type":"thinking","thinking":"b","signature":"own"},{"type":"text","text":"c"}]},
            {"role":"user","content":"d"}
            """;
        var request = ReadTurns(Turns);
        Assert.True(request.HasForeignThinking);

        var messages = JsonNode.Parse(request.WithoutForeignThinking().Body.Span)!["messages"]!.AsArray();

        Assert.Equal(["user", "user", "assistant", "user"], messages.Select(message => (string)message!["role"]!));
        Assert.Equal("""[{"type":"thinking","thinking":"b","signature":"own"},{"type":"text","text":"c"}]""", messages[2]!["content"]!.ToJsonString());
        Assert.False(ReadTurns(""",{"role":"assistant","content":[{"type":"thinking","thinking":"b","signature":"own"}]},{"role":"user","content":"d"}""").HasForeignThinking);
    }

    /// <summary>The protocol wants thinking before a call whose results follow, while thinking is on.</summary>
    [Theory]
    [InlineData("""{"type":"enabled","budget_tokens":1024}""", "disabled")]
    [InlineData("""{"type":"adaptive"}""", "adaptive")]
    public void WithoutForeignThinking_BeforeACall_GoesOnWithout(string thinking, string type)
    {
        var request = ReadTurns(
            """
            ,{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"og1.gemini.x"},{"type":"tool_use","id":"t","name":"f","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r"}]}
            """,
            $"\"thinking\":{thinking}");
        Assert.Equal(type, (string?)JsonNode.Parse(request.WithoutForeignThinking().Body.Span)!["thinking"]!["type"]);
    }

    private static MessagesRequest ReadTurns(string turns, string members = "\"stream\":true")
    {
        var body = $$"""{"model":"m","max_tokens":2000,{{members}},"messages":[{"role":"user","content":"hi"}{{turns}}]}""";
        Assert.True(MessagesRequest.TryRead(Encoding.UTF8.GetBytes(body), isCount: false, out var request, out var error), error.Message);
        return request;
    }

    [Fact]
    public void TryRead_OfACount_WantsNoLimitAndIsFreeAndNoStream()
    {
        Assert.True(MessagesRequest.TryRead("""{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}"""u8.ToArray(), isCount: true, out var request, out _));
        Assert.Equal((true, false), (request.IsFree, request.Stream));
    }

    [Fact]
    public void TryRead_ZeroTokens_FillsTheCacheAlone() =>
        Assert.True(MessagesRequest.TryRead("""{"model":"m","max_tokens":0,"messages":[{"role":"user","content":"x"}]}"""u8.ToArray(), false, out var request, out _) && request.MaxOutputTokens == 0);

    [Fact]
    public void TryRead_Pictures_CountBySizeAndNotByBytes()
    {
        var png = Png(1000, 500);
        var payload = png + new string('A', 100_000);
        var request = Read("", $$$"""[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"{{{payload}}}"}},{"source":{"url":"https://x/y.png","type":"url"},"type":"image"},{"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":{"data":"{{{png}}}","type":"base64"}}]}]""");
        Assert.Equal((3, false), (request.ImageCount, request.HasUnsizedInput));
        Assert.True(request.TextBytes < 400);
        Assert.Equal((1000 / 100 * 5) + 99 + 50, request.ImageTokens(new ImageRule(99, 100, 0, 1_000_000_000)));
    }

    [Theory]
    [InlineData("""{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0xLjQKJVBERi0xLjQKJVBERi0xLjQK"}}""", 1, false, false)]
    [InlineData("""{"type":"document","source":{"type":"url","url":"https://example.com/a/rather/long/path/to/the/file/y.pdf"}}""", 1, true, true)]
    [InlineData("""{"type":"document","source":{"type":"text","media_type":"text/plain","data":"JVBERi0xLjQKJVBERi0xLjQKJVBERi0xLjQK"}}""", 0, false, true)]
    [InlineData("""{"type":"document","source":{"type":"content","content":[{"type":"text","text":"JVBERi0xLjQKJVBERi0xLjQKJVBERi0xLjQK"}]}}""", 0, false, true)]
    [InlineData("""{"type":"text","source":{"type":"base64","data":"JVBERi0xLjQKJVBERi0xLjQKJVBERi0xLjQK"},"text":""}""", 0, false, true)]
    [InlineData("""{"type":"hologram","data":"JVBERi0xLjQKJVBERi0xLjQKJVBERi0xLjQK"}""", 0, true, true)]
    public void TryRead_Documents_AreFilesOrText(string block, int files, bool isUnsized, bool isText)
    {
        var request = Read("", $"[{block}]");
        Assert.Equal((files, isUnsized), (request.FileCount, request.HasUnsizedInput));
        Assert.Equal(isText, request.EstimatedInputTokens > 12);
    }

    [Theory]
    [InlineData("\"service_tier\":\"auto\"", "")]
    [InlineData("\"service_tier\":\"standard_only\"", "")]
    [InlineData("\"service_tier\":\"batch\"", "ServiceTier service_tier service_tier batch")]
    [InlineData("\"speed\":\"standard\"", "")]
    [InlineData("\"speed\":\"fast\"", "ServiceTier speed speed fast")]
    [InlineData("\"service_tier\":\"x\",\"speed\":\"fast\"", "ServiceTier service_tier service_tier x,HostedTool speed speed fast")]
    [InlineData("\"inference_geo\":\"global\"", "")]
    [InlineData("\"inference_geo\":\"us\"", "HostedTool inference_geo inference_geo us")]
    [InlineData("\"container\":{\"skills\":[]}", "HostedTool container container container")]
    [InlineData("\"container\":null,\"mcp_servers\":[],\"fallbacks\":null", "")]
    [InlineData("\"mcp_servers\":[{\"type\":\"url\"}]", "HostedTool mcp_servers mcp_servers mcp_servers")]
    [InlineData("\"fallbacks\":[\"m2\"]", "HostedTool fallbacks fallbacks fallbacks")]
    [InlineData("\"context_management\":{\"edits\":[{\"type\":\"clear_thinking_20251015\",\"keep\":\"all\"}]}", "")]
    [InlineData("\"context_management\":{\"edits\":[{\"type\":\"clear_tool_uses_20250919\"},{\"type\":\"compact_20260112\"}]}", "HostedTool context_management context_management compact_20260112")]
    [InlineData("\"tools\":[{\"type\":\"custom\",\"name\":\"f\"},{\"type\":\"bash_20250124\",\"name\":\"bash\"},{\"name\":\"g\",\"type\":null}]", "")]
    [InlineData("\"tools\":[{\"name\":\"web_search\",\"type\":\"web_search_20260209\"}]", "Searches tools tools.0.type web_search_20260209")]
    [InlineData("\"tools\":[{\"name\":\"f\"},{\"type\":\"web_fetch_20250910\",\"name\":\"web_fetch\"}]", "HostedTool tools tools.1.type web_fetch_20250910")]
    [InlineData("\"tools\":[{\"type\":\"advisor_20260301\",\"name\":\"advisor\"}]", "HostedTool tools tools.0.type advisor_20260301")]
    public void TryRead_WhatChangesThePrice_IsNoted(string members, string expected) => Assert.Equal(
        expected, string.Join(',', Read(members).PricedFields.Select(field => $"{field.Price} {field.Field} {field.Path} {field.Value}")));

    [Theory]
    [InlineData("context-1m-2025-08-07", 1_000_000, "context-1m-2025-08-07")]
    [InlineData("a, Context-500K , context-2m-2027-01-01,b", 2_000_000, "context-2m-2027-01-01")]
    [InlineData("context-99999999999m", long.MaxValue, "context-99999999999m")]
    [InlineData("context-management-2025-06-27,context-,context-1,context-1x", 0, "")]
    [InlineData("", 0, "")]
    public void TryRead_BetaOfALargerWindow_IsPriced(string betas, long window, string name)
    {
        var body = """{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}]}"""u8.ToArray();
        Assert.True(MessagesRequest.TryRead(body, isCount: false, out var request, out _, betas));
        Assert.Equal((window, name), (request.AskedWindow, request.PricedFields.Select(field => field.Value).SingleOrDefault("")));
        Assert.True(MessagesRequest.TryRead(body, isCount: true, out var count, out _, betas));
        Assert.Empty(count.PricedFields);
    }

    [Fact]
    public void WithoutWindows_LeavesTheOtherBetas() =>
        Assert.Equal("a,context-management-2025-06-27,b", MessagesBetas.WithoutWindows("a, context-1m-2025-08-07 ,context-management-2025-06-27,b"));

    [Theory]
    [InlineData("\"system\":[{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}]", true)]
    [InlineData("\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"\\u0031h\"}", true)]
    [InlineData("\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1\\u0068\"}", true)]
    [InlineData("\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"\\u0031\\u0068\"}", true)]
    [InlineData("\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"5m\"}", false)]
    public void TryRead_WhatIsCachedForAnHour_IsNoted(string members, bool isHour) => Assert.Equal(isHour, Read(members).CachesForAnHour);

    [Theory]
    [InlineData("{\"type\":\"web_search_1\",\"name\":\"web_search\"}", "{\"max_uses\":2,\"type\":\"web_search_1\",\"name\":\"web_search\"}")]
    [InlineData("{\"max_uses\":5,\"type\":\"web_search_1\"}", "{\"max_uses\":2,\"type\":\"web_search_1\"}")]
    [InlineData("{\"type\":\"web_search_1\", \"max_uses\" : null }", "{\"type\":\"web_search_1\", \"max_uses\":2 }")]
    [InlineData("{\"max_uses\":1,\"type\":\"web_search_1\"}", "{\"max_uses\":1,\"type\":\"web_search_1\"}")]
    [InlineData("{\"max_uses\":9,\"name\":\"f\"}", "{\"max_uses\":9,\"name\":\"f\"}")]
    public void ForUpstream_MoreSearchesThanArePaidFor_AreLowered(string tool, string sent)
    {
        var writer = new ArrayBufferWriter<byte>();
        Read($"\"tools\":[{tool}]").ForUpstream("m", null, maxSearches: 2).WriteTo(writer);
        Assert.EndsWith($"\"tools\":[{sent}]}}", Recorder.Text(writer), StringComparison.Ordinal);
    }

    [Fact]
    public void TryRead_EveryFieldOfTheTable_IsKnown()
    {
        var members = MessagesFields.Table.All.Where(field => field.Name is not ("model" or "messages" or "max_tokens")).Select(field => $"\"{field.Name}\":null");
        var request = Read(string.Join(',', members));
        Assert.Empty(request.UnknownFields);
        Assert.Empty(request.PricedFields);
        Assert.Equal(["frobnicate"], Read("\"frobnicate\":1").UnknownFields);
    }

    [Theory]
    [InlineData("[]", null)]
    [InlineData("""{"model":"m","max_tokens":1}""", "messages")]
    [InlineData("""{"model":"m","max_tokens":1,"messages":"x"}""", "messages")]
    [InlineData("""{"model":5,"max_tokens":1,"messages":[{"role":"user","content":"x"}]}""", "model")]
    [InlineData("""{"max_tokens":1,"messages":[{"role":"user","content":"x"}]}""", "model")]
    [InlineData("""{"model":"m","max_tokens":1.5,"messages":[{"role":"user","content":"x"}]}""", "max_tokens")]
    [InlineData("""{"model":"m","max_tokens":1,"stream":"yes","messages":[{"role":"user","content":"x"}]}""", "stream")]
    [InlineData("""{"model":"m","max_tokens":1,"messages":[5]}""", "messages.0")]
    [InlineData("""{"model":"m","max_tokens":1,"messages":[{"content":"x"}]}""", "messages.0.role")]
    [InlineData("""{"model":"m","max_tokens":1,"messages":[{"role":"user"}]}""", "messages.0.content")]
    [InlineData("""{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"text":"x"}]}]}""", "messages.0.content.0.type")]
    [InlineData("""{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","data":"","Data":"x"}}]}]}""", "messages.0.content.0")]
    [InlineData("""{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","type":"image"}]}]}""", "messages.0.content.0")]
    [InlineData("""{"model":"m","max_tokens":1,"Max_Tokens":9,"messages":[{"role":"user","content":"x"}]}""", "Max_Tokens")]
    [InlineData("""{"model":"m","max_tokens":1,"max_tokens":9,"messages":[{"role":"user","content":"x"}]}""", "max_tokens")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":{},"messages":[{"role":"user","content":"x"}]}""", "tools")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"type":7}],"messages":[{"role":"user","content":"x"}]}""", "tools.0.type")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"type":"web_search_1"},{"type":"web_search_2"}],"messages":[{"role":"user","content":"x"}]}""", "tools.1")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"type":"web_search_1","max_uses":1,"max_uses":9}],"messages":[{"role":"user","content":"x"}]}""", "tools.0.max_uses")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"type":"web_search_1","max_uses":"9"}],"messages":[{"role":"user","content":"x"}]}""", "tools.0.max_uses")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"type":"web_search_1","max_uses":1,"Max_Uses":9}],"messages":[{"role":"user","content":"x"}]}""", "tools.0")]
    [InlineData("""{"model":"m","max_tokens":1,"speed":7,"messages":[{"role":"user","content":"x"}]}""", "speed")]
    public void TryRead_WhatIsWrong_IsNamed(string body, string? param)
    {
        var error = Refuse(body);
        Assert.Equal(param, error.Param);
        Assert.True(param is null || error.Message.Contains(param, StringComparison.Ordinal), error.Message);
    }

    [Fact]
    public void TryRead_FilesOfTheProvider_DoNotExist()
    {
        Assert.True(Refuse("""{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"file_1"}}]}]}""").IsMissingId);
        Assert.True(Refuse("""{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"container_upload","file_id":"file_1"}]}]}""").IsMissingId);
    }

    [Fact]
    public void TryRead_RandomBytes_NeverThrow()
    {
        var random = new Random(20261130);
        var seed = Encoding.UTF8.GetBytes("""{"model":"m","max_tokens":1,"thinking":{"type":"enabled","budget_tokens":9},"context_management":{"edits":[{"type":"c"}]},"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","data":"aaaa"}},{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"\ud83d\ude00"}]}]}],"tools":[{"type":"web_search_1"}]}""");
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = seed.ToArray();
            for (var j = random.Next(1, 6); j > 0; j--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            var body = bytes.AsMemory(0, random.Next(4) == 0 ? random.Next(bytes.Length) : bytes.Length);
            if (MessagesRequest.TryRead(body, isCount: false, out _, out var error))
            {
                Assert.True(MessagesParser.TryParse(body, out _, out error) || error.Message.Length > 0);
            }
            else
            {
                Assert.NotEmpty(error.Message);
            }
        }
    }

    [Fact]
    public void ForUpstream_ChangesTheModelAndTheLimitAlone()
    {
        var body = """{ "model" : "m", "max_tokens":4000,"n":1.0e2, "thinking":{"type":"enabled","budget_tokens":2048},"messages":[{"role":"user","content":"中\u4e2d\/"}]}""";
        Assert.True(MessagesRequest.TryRead(Encoding.UTF8.GetBytes(body), false, out var request, out _));
        Assert.Equal(body.Replace("\"m\"", "\"up\"", StringComparison.Ordinal), Text(request, "up", null));
        Assert.Equal(body, Text(request, "m", 4000));
        Assert.Equal(body.Replace("4000", "3000", StringComparison.Ordinal), Text(request, "m", 3000));
        Assert.Equal(
            body.Replace("4000", "2048", StringComparison.Ordinal).Replace("""{"type":"enabled","budget_tokens":2048}""", """{"type":"disabled"}""", StringComparison.Ordinal),
            Text(request, "m", 2048));

        static string Text(MessagesRequest request, string model, int? limit)
        {
            var writer = new ArrayBufferWriter<byte>();
            request.ForUpstream(model, limit).WriteTo(writer);
            return Recorder.Text(writer);
        }
    }
}
