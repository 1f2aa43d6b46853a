using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Gemini;
using OrleansGateway.Protocols.Metering;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.Gemini;

public sealed class GeminiAnswerWriterTests
{
    private static readonly TokenUsage Usage = new() { UncachedInput = 10, CacheRead = 5, Output = 7, Reasoning = 3 };

    /// <summary>An answer with everything, as a provider of Messages would give it.</summary>
    private static void WriteAll(GeminiAnswerWriter writer)
    {
        Take(writer, AnswerEventKind.Reasoning, "I \\\"think\\\"");
        Take(writer, AnswerEventKind.Signature, "sig+/=");
        Take(writer, AnswerEventKind.HiddenReasoning, "secret");
        Take(writer, AnswerEventKind.Text, "It ");
        Take(writer, AnswerEventKind.Text, "is\\n");
        Start(writer, 0, "c0", "weather");
        Start(writer, 1, "", "time");
        Arguments(writer, 1, "{\\\"zone\\\":");
        Arguments(writer, 0, "{\\\"city\\\":\\\"Paris\\\"}");
        Arguments(writer, 1, "\\\"CET\\\"}");
        writer.Take(new AnswerEvent { Kind = AnswerEventKind.ChoiceEnd, Stop = StopReason.ToolCalls });
    }

    [Fact]
    public void WriteEnd_InOnePiece_HasEverythingInParts()
    {
        using var writer = new GeminiAnswerWriter(null, "asked", "r1", WireFormats.Messages);
        WriteAll(writer);
        Assert.True(writer.HeldBytes > 0);
        var foreign = Convert.ToBase64String(Encoding.UTF8.GetBytes("og1.messages.sig+/="));
        var hidden = Convert.ToBase64String(Encoding.UTF8.GetBytes("hidden.og1.messages.secret"));
        Assert.True(JsonNode.DeepEquals(
            JsonNode.Parse(
                $$$$"""
                {"candidates":[{"content":{"parts":[
                {"text":"I \"think\"","thought":true},{"text":"","thought":true,"thoughtSignature":"{{{{foreign}}}}"},{"text":"","thought":true,"thoughtSignature":"{{{{hidden}}}}"},
                {"text":"It is\n"},{"functionCall":{"id":"c0","name":"weather","args":{"city":"Paris"}}},{"functionCall":{"name":"time","args":{"zone":"CET"}}}],
                "role":"model"},"finishReason":"STOP","index":0}],
                "usageMetadata":{"promptTokenCount":15,"candidatesTokenCount":7,"totalTokenCount":25,"cachedContentTokenCount":5,"thoughtsTokenCount":3},
                "modelVersion":"asked","responseId":"r1"}
                """),
            JsonNode.Parse(Answers.Text(end => writer.WriteEnd(end, new AnswerTotals(Usage))))));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Take_AsAStream_WritesTextAtOnceAndCallsWhole(bool isArray)
    {
        var framing = new GeminiFraming(isArray);
        using var writer = new GeminiAnswerWriter(framing, "asked", "r1", WireFormats.Messages);
        var stream = new ArrayBufferWriter<byte>();
        writer.To = stream;
        WriteAll(writer);
        Assert.DoesNotContain("finishReason", Encoding.UTF8.GetString(stream.WrittenSpan), StringComparison.Ordinal);
        writer.WriteEnd(stream, new AnswerTotals(Usage));
        var text = Encoding.UTF8.GetString(stream.WrittenSpan);
        var responses = isArray
            ? JsonNode.Parse(text)!.AsArray().Select(node => node!).ToList()
            : [.. text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(data => JsonNode.Parse(data["data: ".Length..])!)];
        Assert.Equal(8, responses.Count);
        Assert.All(responses, response => Assert.Equal(("asked", "r1"), ((string?)response["modelVersion"], (string?)response["responseId"])));
        Assert.Equal(["weather", "time"], responses.Select(response => (string?)Part(response)["functionCall"]?["name"]).OfType<string>());
        Assert.Equal("It is\n", string.Concat(responses.Where(response => Part(response)["thought"] is null).Select(response => (string?)Part(response)["text"])));
        Assert.Equal(("STOP", 25), ((string?)responses[^1]["candidates"]![0]!["finishReason"], (int)responses[^1]["usageMetadata"]!["totalTokenCount"]!));
        Assert.All(responses.SkipLast(1), response => Assert.Null(response["usageMetadata"]));
    }

    [Fact]
    public void WriteEnd_AtTheLengthLimit_LeavesOutArgumentsThatAreCut()
    {
        using var writer = new GeminiAnswerWriter(null, "asked", "r1", WireFormats.Chat);
        Take(writer, AnswerEventKind.Text, "a");
        Start(writer, 0, "c0", "weather");
        Arguments(writer, 0, "{\\\"ci");
        var answer = JsonNode.Parse(Answers.Text(end => writer.WriteEnd(end, new AnswerTotals(Usage, EndsAtLength: true, IsForMoney: true))))!["candidates"]![0]!;
        Assert.Equal(("MAX_TOKENS", 1), ((string?)answer["finishReason"], answer["content"]!["parts"]!.AsArray().Count));
        Assert.Contains("money", (string?)answer["finishMessage"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(StopReason.Done, "STOP")]
    [InlineData(StopReason.StopSequence, "STOP")]
    [InlineData(StopReason.Length, "MAX_TOKENS")]
    [InlineData(StopReason.ContentFilter, "SAFETY")]
    public void WriteEnd_EachReason_HasItsName(StopReason stop, string name)
    {
        using var writer = new GeminiAnswerWriter(null, "asked", "r1", WireFormats.Chat);
        writer.Take(new AnswerEvent { Kind = AnswerEventKind.ChoiceEnd, Stop = stop });
        var candidate = JsonNode.Parse(Answers.Text(end => writer.WriteEnd(end, new AnswerTotals(Usage))))!["candidates"]![0]!;
        Assert.Equal((name, ""), ((string?)candidate["finishReason"], (string?)candidate["content"]!["parts"]![0]!["text"]));
    }

    /// <summary>What was written and then dropped unsent had the array's beginning in it.</summary>
    [Fact]
    public void WriteEnd_OfAnArrayWhoseBeginningWasDropped_BeginsIt()
    {
        var framing = new GeminiFraming(isArray: true);
        using var writer = new GeminiAnswerWriter(framing, "asked", "r1", WireFormats.Chat) { To = new ArrayBufferWriter<byte>() };
        Take(writer, AnswerEventKind.Text, "dropped");
        Assert.Single(JsonNode.Parse(Answers.Text(end => writer.WriteEnd(end, new AnswerTotals(Usage, EndsAtLength: true))))!.AsArray());
    }

    /// <summary>What a reader tells of Gemini's own answer makes the same answer again.</summary>
    [Fact]
    public void Take_WhatAReaderReads_IsTheSameAnswer()
    {
        const string Answer = """{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"a"},{"functionCall":{"id":"i","name":"f","args":{"x":[1.50,"\"é"]}},"thoughtSignature":"c2ln"},{"inlineData":{"mimeType":"image/png","data":"QUJD"}}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":15,"candidatesTokenCount":7,"totalTokenCount":25,"cachedContentTokenCount":5,"thoughtsTokenCount":3},"modelVersion":"m","responseId":"r"}""";
        using var writer = new GeminiAnswerWriter(null, "m", "r", WireFormats.Gemini);
        var reader = new GeminiAnswerReader();
        reader.ReadWhole(Encoding.UTF8.GetBytes(Answer), writer);
        var expected = JsonNode.Parse(Answer)!;
        var parts = expected["candidates"]![0]!["content"]!["parts"]!.AsArray();
        var call = parts[2];
        parts.RemoveAt(2);
        parts.Add(call);
        Assert.True(JsonNode.DeepEquals(expected, JsonNode.Parse(Answers.Text(end => writer.WriteEnd(end, new AnswerTotals(reader.Reported!.Value))))));
    }

    private static JsonNode Part(JsonNode response) => response["candidates"]![0]!["content"]!["parts"]![0]!;

    private static void Take(GeminiAnswerWriter writer, AnswerEventKind kind, string text) =>
        writer.Take(new AnswerEvent { Kind = kind, Text = Encoding.UTF8.GetBytes(text) });

    private static void Start(GeminiAnswerWriter writer, int tool, string id, string name) => writer.Take(
        new AnswerEvent { Kind = AnswerEventKind.ToolStart, Tool = tool, Id = Encoding.UTF8.GetBytes(id), Name = Encoding.UTF8.GetBytes(name) });

    private static void Arguments(GeminiAnswerWriter writer, int tool, string text) =>
        writer.Take(new AnswerEvent { Kind = AnswerEventKind.ToolArguments, Tool = tool, Text = Encoding.UTF8.GetBytes(text) });
}
