using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Json;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.Json;

public sealed class JsonPassageTests
{
    private static string Filled(string json) => json
        .Replace("#", new string('x', JsonPassage.KeptBytesMax), StringComparison.Ordinal)
        .Replace("§", string.Join(',', Enumerable.Repeat("0.125", 4000)), StringComparison.Ordinal);

    /// <summary>Objects, and what is left of them in the summary.</summary>
    public static TheoryData<string, string> Objects => new()
    {
        { "{}", "{}" },
        { " \n{ \"a\" : 1 , \"b\":[true,null,-1.5e3,{\"c\":\"\\\"\\u00e9\\\\\"}] } \n", "{\"a\" : 1 ,\"b\":[true,null,-1.5e3,{\"c\":\"\\\"\\u00e9\\\\\"}] }" },
        { Filled("""{"data":[{"b64_json":"#"},{"b64_json":""}],"usage":{"x":1}}"""), """{"data":[{"b64_json":"-"},{"b64_json":""}],"usage":{"x":1}}""" },
        { Filled("""{"data":[{"index":0,"embedding":[§]},{"embedding":"#"}],"model":"m"}"""), """{"data":[{"index":0,"embedding":[]},{"embedding":"-"}],"model":"m"}""" },
        { Filled("""{"id":"i","choices":[ {"message":{"content":"#"}, "logprobs":{"content":[{"token":"]}\"","top":[1]}]},"finish_reason":"stop"}]}"""), Filled("""{"id":"i","choices":[{"message":{"content":"#"},"logprobs":{},"finish_reason":"stop"}]}""") },
        { Filled("""{"text":"中\u4e2d🙂#","list":["#"],"n":12}"""), Filled("""{"text":"中\u4e2d🙂#","list":["#"],"n":12}""") },
    };

    [Theory]
    [MemberData(nameof(Objects))]
    public void Take_HoweverItIsCut_PassesAllOfItAndKeepsASummary(string json, string summary)
    {
        var bytes = Encoding.UTF8.GetBytes(json);
        foreach (var step in new[] { 1, 2, 3, 7, 64, 4096, bytes.Length })
        {
            var (passage, passed) = (new JsonPassage(), new ArrayBufferWriter<byte>());
            for (var at = 0; at < bytes.Length; at += step)
            {
                passage.Take(bytes.AsSpan(at, Math.Min(step, bytes.Length - at)), passed);
                Assert.False(passage.IsBroken);
            }

            Assert.True(passage.IsWhole);
            var kept = new ArrayBufferWriter<byte>();
            passage.WriteSummary(kept);
            Assert.Equal(summary, Encoding.UTF8.GetString(kept.WrittenSpan));
            passage.WriteRest(passed, kept.WrittenMemory);
            Assert.True(JsonNode.DeepEquals(JsonNode.Parse(json), JsonNode.Parse(passed.WrittenSpan)), step.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
    }

    /// <summary>Wherever it is cut, what is there can be read, and has all the text that was there.</summary>
    [Fact]
    public void WriteSummary_OfWhatIsCutAnywhere_CanBeRead()
    {
        var text = """{"a":1,"choices":[{"message":{"content":"one\n\"two\" \u0041\\","n":[1,22,{"x":null}],"refusal":null},"logprobs":{"content":["a",{"b":2}]},"data":"QUJD","list":["a","b"]},3],"usage":{"prompt_tokens":12} }"""u8.ToArray();
        var (passage, passed) = (new JsonPassage(), new ArrayBufferWriter<byte>());
        foreach (var one in text)
        {
            passage.Take([one], passed);
            var summary = new ArrayBufferWriter<byte>();
            passage.WriteSummary(summary);
            Assert.NotNull(JsonNode.Parse(summary.WrittenSpan));
            if (one == (byte)'"' && Encoding.UTF8.GetString(summary.WrittenSpan) is var soFar && soFar.Contains("two\\\"", StringComparison.Ordinal))
            {
                Assert.StartsWith("{\"a\":1,\"choices\":[{\"message\":{\"content\":\"one\\n\\\"two\\\"", soFar, StringComparison.Ordinal);
            }
        }

        Assert.True(passage.IsWhole && passed.WrittenCount == 0);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("\"x\"")]
    [InlineData("1")]
    [InlineData("<p>")]
    [InlineData("\uFEFF{}")]
    [InlineData("{}{}")]
    [InlineData("{} x")]
    [InlineData("{1:2}")]
    [InlineData("{,}")]
    [InlineData("{\"a\":1,}")]
    [InlineData("{\"a\":[}]}")]
    [InlineData("{\"a\":1]")]
    [InlineData("{{}}")]
    public void Take_OfWhatIsNoObject_IsBroken(string json)
    {
        var passage = new JsonPassage();
        passage.Take(Encoding.UTF8.GetBytes(json), new ArrayBufferWriter<byte>());
        Assert.True(passage.IsBroken);
    }

    [Fact]
    public void Take_OfTooDeepNesting_IsBroken()
    {
        var passage = new JsonPassage();
        passage.Take(Encoding.UTF8.GetBytes("{\"a\":" + new string('[', 64)), new ArrayBufferWriter<byte>());
        Assert.True(passage.IsBroken);
    }

    /// <summary>Of pictures, vectors and probabilities next to nothing is kept, however many come.</summary>
    [Fact]
    public void Take_OfBulk_KeepsLittle()
    {
        var (passage, part) = (new JsonPassage(), new string('A', 64 * 1024));
        var passed = new ArrayBufferWriter<byte>();
        passage.Take("{\"created\":1,\"data\":["u8, passed);
        for (var picture = 0; picture < 64; picture++)
        {
            passage.Take(Encoding.UTF8.GetBytes($"{(picture == 0 ? "" : ",")}{{\"b64_json\":\"{part}\"}}"), passed);
            Assert.InRange(passage.Bytes, 0, 32 * 1024);
        }

        passage.Take("]}"u8, passed);
        Assert.True(passage.IsWhole && passed.WrittenCount > 64 * part.Length);
    }

    [Fact]
    public void WriteRest_OfASummaryThatWasChanged_HasTheChange()
    {
        var (passage, passed) = (new JsonPassage(), new ArrayBufferWriter<byte>());
        passage.Take(Encoding.UTF8.GetBytes(Filled("""{"model":"up","data":["#"],"usage":{"cost":1}}""")), passed);
        passage.WriteRest(passed, """{"model":"m1","data":[],"usage":{} }"""u8.ToArray());
        Assert.Equal(Filled("""{"data":["#"],"model":"m1","usage":{}}"""), Encoding.UTF8.GetString(passed.WrittenSpan));
    }
}
