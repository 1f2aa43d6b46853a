using System.Text;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Gemini;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.Gemini;

public sealed class GeminiAnswerReaderTests
{
    private static readonly string Stream = string.Concat(
    [
        Event("""{"candidates":[{"content":{"parts":[{"text":"Hm \u00e9","thought":true}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":7,"totalTokenCount":7},"modelVersion":"gemini-3"}"""),
        Event("""{"candidates":[{"content":{"parts":[{"text":"","thought":true,"thoughtSignature":"c2ln"},{"text":"Naïve 夜"}]}}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":2,"thoughtsTokenCount":3,"totalTokenCount":12}}"""),
        Event("""{"candidates":[{"content":{"parts":[{"thoughtSignature":"YQ==","functionCall":{"name":"f","args":{"a": 1.50, "b":"x\"y"}}},{"functionCall":{"id":"c2","name":"g"}}]},"index":0}]}"""),
        Event("""{"candidates":[{"finishReason":"STOP","content":{"parts":[{"text":"","thoughtSignature":"ZW5k"}]},"index":0}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":9,"thoughtsTokenCount":3,"totalTokenCount":19}}"""),
    ]);

    private static readonly string[] Pieces =
    [
        """0 Reasoning Hm \u00e9""", "0 Signature c2ln", "0 Text Naïve 夜", "0 ToolStart 0  f", """0 ToolArguments 0 {\"a\":1.50,\"b\":\"x\\\"y\"}""", "0 Signature YQ==",
        "0 ToolStart 1 c2 g", "0 ToolArguments 1 {}", "0 HiddenReasoning ZW5k", "0 ChoiceEnd ToolCalls",
    ];

    [Fact]
    public void Read_AStreamInPiecesOfAnySize_IsTheSame()
    {
        var stream = Encoding.UTF8.GetBytes(Stream);
        for (var size = 1; size < 60; size++)
        {
            var (reader, events) = (new GeminiAnswerReader(), new Answers());
            Assert.Equal(AnswerRead.Part, Answers.Read(reader, stream, size, events));
            Assert.Equal(Pieces, events.All);
            Assert.Equal(new TokenUsage { UncachedInput = 7, Output = 9, Reasoning = 3, Searches = 0 }, reader.Reported);
        }
    }

    [Fact]
    public void Read_Usage_TellsWhetherOutputWasCountedInIt()
    {
        var reader = new GeminiAnswerReader();
        var told = new List<bool?>();
        foreach (var line in Stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            Answers.Read(reader, Encoding.UTF8.GetBytes(line + "\n\n"), 4096, new Answers());
            told.Add(reader.HasJustReported);
        }

        Assert.Equal([false, true, false, true], told);
    }

    [Theory]
    [InlineData("""{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"MAX_TOKENS"}]}""", "0 Text x|0 ChoiceEnd Length")]
    [InlineData("""{"candidates":[{"finishReason":"SAFETY"}]}""", "0 ChoiceEnd ContentFilter")]
    [InlineData("""{"candidates":[{"finishReason":"IMAGE_PROHIBITED_CONTENT"}]}""", "0 ChoiceEnd ContentFilter")]
    [InlineData("""{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}""", "0 ChoiceEnd Done")]
    [InlineData("""{"promptFeedback":{"blockReason":"BLOCKLIST"},"usageMetadata":{"promptTokenCount":3}}""", "0 ChoiceEnd ContentFilter")]
    [InlineData("""{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"QUJD"}}]},"finishReason":"STOP"}]}""", "0 Image image/png QUJD|0 ChoiceEnd Done")]
    [InlineData("""{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP","index":1},{"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"}]}""", "1 Text a|1 ChoiceEnd Done|0 Text b|0 ChoiceEnd Done")]
    public void ReadWhole_AnAnswer_IsRead(string answer, string pieces)
    {
        var events = new Answers();
        Assert.Equal(AnswerRead.End, new GeminiAnswerReader().ReadWhole(Encoding.UTF8.GetBytes(answer), events));
        Assert.Equal(pieces.Split('|'), events.All);
    }

    [Theory]
    [InlineData("""{"error":{"code":503}}""", AnswerRead.Error)]
    [InlineData("""[{"error":{"code":503}}]""", AnswerRead.Error)]
    [InlineData("{}", AnswerRead.Malformed)]
    [InlineData("""{"candidates":[{"index":500}]}""", AnswerRead.Malformed)]
    [InlineData("""{"candidates":[{"content":{"parts":[{"text":"x""", AnswerRead.Malformed)]
    [InlineData("<html>", AnswerRead.Malformed)]
    public void ReadWhole_WhatIsNone_IsSaid(string answer, AnswerRead expected) =>
        Assert.Equal(expected, new GeminiAnswerReader().ReadWhole(Encoding.UTF8.GetBytes(answer), new Answers()));

    [Fact]
    public void ReadWhole_OfAFailureThatOnlyGeminiCanSay_IsAnErrorForOthers()
    {
        var answer = """{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}"""u8;
        Assert.Equal(AnswerRead.Error, new GeminiAnswerReader(failsWithoutOutput: true).ReadWhole(answer, new Answers()));
        Assert.True(GeminiErrors.Read(200, answer).IsRetryable);
    }

    [Theory]
    [InlineData("gemini-3.8-flash", """{"webSearchQueries":["a","b"]}""", 2)]
    [InlineData("gemini-2.5-pro", """{"webSearchQueries":["a","b"]}""", 1)]
    [InlineData("gemini-3.8-flash", """{"groundingChunks":[{"maps":{}}]}""", 1)]
    [InlineData("gemini-3.8-flash", "{}", 0)]
    public void Reported_Searches_AreQueriesOrPrompts(string model, string grounding, int searches)
    {
        var reader = new GeminiAnswerReader();
        reader.ReadWhole(
            Encoding.UTF8.GetBytes($$"""{"candidates":[{"content":{"parts":[{"text":"x"}]},"groundingMetadata":{{grounding}},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1},"modelVersion":"{{model}}"}"""),
            new Answers());
        Assert.Equal(searches, reader.Reported?.Searches);
    }

    [Fact]
    public void Reported_UsageTwice_IsNoLessThanEither()
    {
        var reader = new GeminiAnswerReader();
        reader.ReadWhole(
            """{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":1},"usageMetadata":{"promptTokenCount":4}}"""u8,
            new Answers());
        Assert.Equal(new TokenUsage { UncachedInput = 9, Output = 1, Searches = 0, IsEstimated = true, IsInconsistent = true }, reader.Reported);
    }

    [Theory]
    [InlineData("""{"usageMetadata":{"promptTokenCount":0,"cost":1},"modelVersion":"up","candidates":[]}""", """{"usageMetadata":#,"modelVersion":"m","candidates":[]}""")]
    [InlineData("""{"modelVersion":"up","usageMetadata":{}}""", """{"modelVersion":"m","usageMetadata":#}""")]
    [InlineData("""{ "candidates":[]}""", """{ "usageMetadata":#,"candidates":[]}""")]
    [InlineData("{}", "{}")]
    public void WriteRead_AnEstimate_TakesThePlaceOfTheProvidersUsage(string response, string expected)
    {
        var reader = new GeminiAnswerReader();
        reader.ReadWhole(Encoding.UTF8.GetBytes(response), new Answers());
        var written = Answers.Text(writer => reader.WriteRead(
            writer, Encoding.UTF8.GetBytes(response), "\"m\""u8.ToArray(), inOneLine: true, new TokenUsage { UncachedInput = 5, Output = 2, IsEstimated = true }));
        Assert.Equal(expected.Replace("#", """{"promptTokenCount":5,"candidatesTokenCount":2,"totalTokenCount":7}""", StringComparison.Ordinal), written);
    }

    [Fact]
    public void Read_AnEventOfText_AllocatesNothing()
    {
        var reader = new GeminiAnswerReader();
        var meter = new AnswerMeter();
        using var splitter = new SseSplitter();
        splitter.Append(Encoding.UTF8.GetBytes(Event(
            """{"candidates":[{"content":{"parts":[{"text":"Hello"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":2,"totalTokenCount":9},"modelVersion":"gemini-3"}""")));
        splitter.TryRead(out var sseEvent);
        reader.Read(sseEvent, meter);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            reader.Read(sseEvent, meter);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static string Event(string data) => $"data: {data}\n\n";
}
