using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Gemini;
using OrleansGateway.Protocols.OpenAI.Responses;
using OrleansGateway.Protocols.OpenAI.Translation;
using OrleansGateway.Tests.Unit.Protocols.Gemini;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.Conversations;

/// <summary>How likely tokens were, asked for and told from one protocol to another.</summary>
public sealed class LogprobsTests
{
    private const string Hel = """{"token":"Hé\n","logprob":-0.25,"bytes":[72,195,169,10],"top_logprobs":[{"token":"Hé\n","logprob":-0.25,"bytes":[72,195,169,10]},{"token":"A","logprob":-2,"bytes":[65]}]}""";
    private const string Lo = """{"token":"lo","logprob":0,"bytes":[108,111],"top_logprobs":[]}""";

    private const string GeminiHel = """
        {"topCandidates":[{"candidates":[{"token":"Hé\n","tokenId":7,"logProbability":-0.25},{"token":"A","logProbability":-2}]}],"chosenCandidates":[{"token":"Hé\n","tokenId":7,"logProbability":-0.25}]}
        """;

    private const string GeminiBoth = """
        {"topCandidates":[{"candidates":[{"token":"Hé\n","logProbability":-0.25},{"token":"A","logProbability":-2}]},{}],"chosenCandidates":[{"token":"Hé\n","logProbability":-0.25},{"token":"lo"}]}
        """;

    private const string GeminiLo = """{"chosenCandidates":[{"token":"lo"}],"topCandidates":[]}""";

    private static readonly string ChatStream = $$$$"""
        data: {"choices":[{"index":0,"delta":{"content":"Hé\n"},"logprobs":{"content":[{{{{Hel}}}}],"refusal":null}}]}

        data: {"choices":[{"index":0,"logprobs":{"content":[{{{{Lo}}}}]},"delta":{"content":"lo"}}]}

        data: {"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}


        """;

    private static readonly string GeminiStream = $$$$"""
        data: {"candidates":[{"content":{"parts":[{"text":"Hé\n"}],"role":"model"},"logprobsResult":{{{{GeminiHel.Trim()}}}},"index":0}]}

        data: {"candidates":[{"content":{"parts":[{"text":"lo"}],"role":"model"},"finishReason":"STOP","avgLogprobs":-0.1,"logprobsResult":{{{{GeminiLo}}}},"index":0}]}


        """;

    [Theory]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"x"}],"logprobs":true}""", """{"responseLogprobs":true}""")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"x"}],"logprobs":true,"top_logprobs":3}""", """{"responseLogprobs":true,"logprobs":3}""")]
    [InlineData("""{"model":"m","messages":[{"role":"user","content":"x"}],"logprobs":false}""", "{}")]
    public void Write_AskedByChat_GeminiIsAsked(string body, string config)
    {
        var conversation = ChatConversation.Read(Encoding.UTF8.GetBytes(body), out _, out _)!;
        Same(config, JsonNode.Parse(GeminiConversationWriter.Write(conversation, new GeminiTarget("up", null, false)).Span)!["generationConfig"]!);
    }

    [Theory]
    [InlineData(""","include":["message.output_text.logprobs"]""", true, 0)]
    [InlineData(""","include":["message.output_text.logprobs"],"top_logprobs":5""", true, 5)]
    [InlineData(""","top_logprobs":5""", true, 5)]
    [InlineData(""","include":["reasoning.encrypted_content"]""", false, 0)]
    public void Write_AskedByResponses_ChatIsAsked(string more, bool asks, int most)
    {
        var conversation = ResponsesConversation.Read(Encoding.UTF8.GetBytes($$$$"""{"model":"m","input":"x"{{{{more}}}}}"""), out _, out _)!;
        var written = JsonNode.Parse(ChatConversation.Write(conversation, "up", null))!;
        Assert.Equal((asks, most), (written["logprobs"] is { } said && (bool)said, (int?)written["top_logprobs"] ?? 0));
        Assert.Equal(asks, Features.Refused(conversation, WireFormats.Messages) is not null);
    }

    [Fact]
    public void Write_AskedByGemini_ChatIsAsked()
    {
        var conversation = GeminiConversationReader.Read(
            GeminiRequestTests.Read("""{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"responseLogprobs":true,"logprobs":4}}"""), out _)!;
        var written = JsonNode.Parse(ChatConversation.Write(conversation, "up", null))!;
        Assert.Equal((true, 4), ((bool)written["logprobs"]!, (int)written["top_logprobs"]!));
    }

    /// <summary>Both tell the same, and what came of either is what the other would have told.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Take_Streamed_EachPieceOfTextHasItsOwn(bool isGemini)
    {
        var read = isGemini ? Read(new GeminiAnswerReader { ReadsLogprobs = true }, GeminiStream) : Read(new ChatAnswerReader("r1"), ChatStream);

        var chat = Data(read(Chat(isStream: true)));
        Same($"[{Hel}]", chat[1]["choices"]![0]!["logprobs"]!["content"]!);
        Same($"[{Lo}]", chat[2]["choices"]![0]!["logprobs"]!["content"]!);
        Assert.Null(chat[3]["choices"]![0]!["logprobs"]);

        var events = Data(read(Responses(isStream: true)));
        Same($"[{Hel}]", events.First(json => (string)json["type"]! == "response.output_text.delta")["logprobs"]!);
        Same($"[{Hel},{Lo}]", events.First(json => (string)json["type"]! == "response.output_text.done")["logprobs"]!);
        Same($"[{Hel},{Lo}]", events[^1]["response"]!["output"]![0]!["content"]![0]!["logprobs"]!);

        var responses = Data(read(new GeminiAnswerWriter(new GeminiFraming(false), "m", "r1", WireFormats.Chat)));
        Assert.Equal("Hé\n", (string)responses[0]["candidates"]![0]!["logprobsResult"]!["chosenCandidates"]![0]!["token"]!);
        Assert.Equal("lo", (string)responses[1]["candidates"]![0]!["logprobsResult"]!["chosenCandidates"]![0]!["token"]!);
        Assert.Null(responses[2]["candidates"]![0]!["logprobsResult"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WriteEnd_Whole_HasThemAll(bool isGemini)
    {
        var read = isGemini
            ? ReadWhole(
                new GeminiAnswerReader { ReadsLogprobs = true },
                $$$$"""{"candidates":[{"content":{"parts":[{"text":"Hé\nlo"}]},"finishReason":"STOP","logprobsResult":{{{{GeminiBoth}}}}}]}""")
            : ReadWhole(new ChatAnswerReader("r1"), $$$$"""{"choices":[{"index":0,"message":{"content":"Hé\nlo"},"logprobs":{"content":[{{{{Hel}}}}, {{{{Lo}}}}],"refusal":null},"finish_reason":"stop"}]}""");
        Same($"[{Hel},{Lo}]", JsonNode.Parse(read(Chat(isStream: false)))!["choices"]![0]!["logprobs"]!["content"]!);
        Same($"[{Hel},{Lo}]", JsonNode.Parse(read(Responses(isStream: false)))!["output"]![0]!["content"]![0]!["logprobs"]!);
        Same(
            """
            {"topCandidates":[{"candidates":[{"token":"Hé\n","logProbability":-0.25},{"token":"A","logProbability":-2}]},{"candidates":[]}],
            "chosenCandidates":[{"token":"Hé\n","logProbability":-0.25},{"token":"lo","logProbability":0}]}
            """,
            JsonNode.Parse(read(new GeminiAnswerWriter(null, "m", "r1", WireFormats.Chat)))!["candidates"]![0]!["logprobsResult"]!);
    }

    private static ChatAnswerWriter Chat(bool isStream) =>
        new(new ChatAnswerForm { RequestId = "r1", CreatedSeconds = 7, Model = "m", Stream = isStream, ProviderFormat = WireFormats.Gemini });

    private static ResponsesAnswerWriter Responses(bool isStream) =>
        new(new ResponsesProgress("r1", 7, "m"), isStream, WireFormats.Chat, new Dictionary<string, ResponsesTool>());

    private static Func<IAnswerWriter, string> Read(IAnswerReader reader, string stream) => writer => Write(writer, () =>
    {
        // The reader has no state that this answer needs: each writer gets the answer anew.
        Answers.Read(reader, Encoding.UTF8.GetBytes(stream), 17, writer);
    });

    private static Func<IAnswerWriter, string> ReadWhole(IAnswerReader reader, string answer) => writer => Write(writer, () =>
        Assert.Equal(AnswerRead.End, reader.ReadWhole(Encoding.UTF8.GetBytes(answer), writer)));

    private static string Write(IAnswerWriter writer, Action read)
    {
        var written = new ArrayBufferWriter<byte>();
        using (writer)
        {
            writer.To = written;
            read();
            writer.WriteEnd(written, default);
        }

        return Encoding.UTF8.GetString(written.WrittenSpan);
    }

    private static List<JsonNode> Data(string stream) =>
    [
        .. stream.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal)).Select(line => JsonNode.Parse(line["data: ".Length..])!),
    ];

    private static void Same(string expected, JsonNode actual) =>
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), actual), $"{actual}\n{expected}");
}
