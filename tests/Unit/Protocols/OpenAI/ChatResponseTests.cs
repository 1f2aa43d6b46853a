using System.Buffers;
using System.Text;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI;

public sealed class ChatResponseTests
{
    private const string Body = """
        {"id":"c","object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant",
         "content":"abcdefgh","reasoning_content":"abcd","tool_calls":null},"finish_reason":"stop"}],
         "usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}, "x":1.0}
        """;

    private static ChatResponse Read(string body) => ChatResponse.Read(Encoding.UTF8.GetBytes(body));

    [Theory]
    [InlineData("")]
    [InlineData("\n\n \r\n\n")]
    public void Read_Completion_TellsUsageAndEnd(string before)
    {
        var response = Read(before + Body);

        Assert.Equal((ChatPayloadKind.Choices, FinishReason.Stop, true), (response.Kind, response.FinishReason, response.HasOutput));
        Assert.Equal(new TokenUsage { UncachedInput = 9, Output = 4 }, response.Usage(77));
    }

    [Fact]
    public void Usage_NotReported_IsCounted()
    {
        var response = Read("""{"choices":[{"message":{"content":"abcdefgh"}},{"message":{"reasoning_content":"abcd"}}]}""");

        Assert.Equal(new TokenUsage { UncachedInput = 5, Output = 2, Reasoning = 1, IsEstimated = true }, response.Usage(5));
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("abcd", true)]
    public void Usage_ExplicitZero_IsHonouredWhereThereIsNoOutput(string text, bool isMetered)
    {
        var usage = Read($$$"""{"choices":[{"message":{"content":"{{{text}}}"}}],"usage":{"prompt_tokens":0,"completion_tokens":0}}""").Usage(5);

        Assert.Equal((isMetered ? 5 : 0, isMetered, isMetered), (usage.TotalInput, usage.IsEstimated, usage.IsInconsistent));
    }

    [Theory]
    [InlineData(0, 4, 5, 4)]
    [InlineData(9, 0, 9, 2)]
    public void Usage_ASideThatIsZeroBesideText_IsCounted(int reportedInput, int reportedOutput, long input, long output)
    {
        var usage = Read($$$"""{"choices":[{"message":{"content":"abcdefgh"}}],"usage":{"prompt_tokens":{{{reportedInput}}},"completion_tokens":{{{reportedOutput}}}}}""").Usage(5);

        Assert.Equal(new TokenUsage { UncachedInput = input, Output = output, IsEstimated = true, IsInconsistent = true }, usage);
    }

    [Theory]
    [InlineData("""{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":9,"completion_tokens":1},"usage":{"prompt_tokens":4,"completion_tokens":6}}""")]
    [InlineData("""{"usage":{"prompt_tokens":4,"completion_tokens":6},"choices":[{"message":{"content":"x"},"usage":{"prompt_tokens":9,"completion_tokens":1}}]}""")]
    [InlineData("""{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":9,"completion_tokens":6,"cached_tokens":9},"usage":{"prompt_tokens":9,"completion_tokens":6}}""")]
    public void Usage_ToldTwice_IsNoLessThanEither(string body)
    {
        Assert.Equal(new TokenUsage { UncachedInput = 9, Output = 6, IsEstimated = true, IsInconsistent = true }, Read(body).Usage(5));
    }

    [Fact]
    public void Usage_ToldTwiceTheSame_IsAsReported()
    {
        var usage = Read("""{"choices":[{"message":{"content":"x"},"usage":{"prompt_tokens":9,"completion_tokens":6}}],"usage":{"prompt_tokens":9,"completion_tokens":6}}""").Usage(5);

        Assert.Equal(new TokenUsage { UncachedInput = 9, Output = 6 }, usage);
    }

    [Fact]
    public void WriteTo_ManySensitiveChoices_AllBecomeContentFilter()
    {
        var choices = string.Join(',', Enumerable.Range(0, 20).Select(static i => $$"""{"index":{{i}},"message":{"content":"sensitive"},"finish_reason":"sensitive"}"""));
        var body = $$"""{"id":"c","model":"up","choices":[{{choices}}]}""";
        var writer = new ArrayBufferWriter<byte>();

        Read(body).WriteTo(writer, Encoding.UTF8.GetBytes(body), ChatEdits.Of("pub") with { Usage = UsageEdit.Null });

        Assert.Equal(
            body.Replace("\"finish_reason\":\"sensitive\"", "\"finish_reason\":\"content_filter\"", StringComparison.Ordinal)
                .Replace("\"up\"", "\"pub\"", StringComparison.Ordinal).Replace("]}", "],\"usage\":null}", StringComparison.Ordinal),
            Encoding.UTF8.GetString(writer.WrittenSpan));
    }

    [Theory]
    [InlineData("", ChatPayloadKind.Malformed)]
    [InlineData("<html>", ChatPayloadKind.Malformed)]
    [InlineData("""{"choices":[{"message":{"content":"cut""", ChatPayloadKind.Malformed)]
    [InlineData("""{"error":{"message":"no"}}""", ChatPayloadKind.Error)]
    [InlineData("""{"object":"list"}""", ChatPayloadKind.Other)]
    public void Read_SomethingElse_IsClassified(string body, ChatPayloadKind expected)
    {
        Assert.Equal(expected, Read(body).Kind);
    }

    [Fact]
    public void WriteTo_ModelAndPricedUsage_AreTheOnlyEdits()
    {
        var body = Encoding.UTF8.GetBytes(Body);
        var response = ChatResponse.Read(body);
        var usage = new ArrayBufferWriter<byte>();
        UsageCost.Write(usage, response.UsageJson(body), 42);
        var writer = new ArrayBufferWriter<byte>();

        response.WriteTo(
            writer, body, ChatEdits.Of("pub") with { Usage = UsageEdit.Replace, UsageJson = usage.WrittenMemory });

        Assert.Equal(
            Body.Replace("\"up\"", "\"pub\"", StringComparison.Ordinal)
                .Replace("\"total_tokens\":13}", "\"total_tokens\":13,\"cost\":0.000000042}", StringComparison.Ordinal),
            Encoding.UTF8.GetString(writer.WrittenSpan));
    }

    [Fact]
    public void WriteTo_NoEdits_IsTheBody()
    {
        var writer = new ArrayBufferWriter<byte>();

        Read(Body).WriteTo(writer, Encoding.UTF8.GetBytes(Body), default);

        Assert.Equal(Body, Encoding.UTF8.GetString(writer.WrittenSpan));
    }
}
