using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Gemini;
using OrleansGateway.Protocols.Metering;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.Gemini;

public sealed class GeminiUsageTests
{
    private const string Full = """{"promptTokenCount":5000,"cachedContentTokenCount":4000,"toolUsePromptTokenCount":10,"candidatesTokenCount":40,"thoughtsTokenCount":60,"totalTokenCount":5110}""";

    public static TheoryData<string, TokenUsage> Read_Cases => new()
    {
        { Full, new TokenUsage { UncachedInput = 1010, CacheRead = 4000, Output = 40, Reasoning = 60 } },
        { """{"promptTokenCount":9,"totalTokenCount":9}""", new TokenUsage { UncachedInput = 9 } },
        { "{}", default },
        { """{"promptTokenCount":12.0,"candidatesTokenCount":2e1,"totalTokenCount":32.0}""", new TokenUsage { UncachedInput = 12, Output = 20 } },
        { """{"promptTokenCount":1.5,"candidatesTokenCount":1e400,"thoughtsTokenCount":-1e400}""", new TokenUsage { IsInconsistent = true } },
        {
            """{"promptTokenCount":100,"cachedContentTokenCount":50,"candidatesTokenCount":30,"totalTokenCount":130,"promptTokensDetails":[{"modality":"TEXT","tokenCount":20},{"modality":"AUDIO","tokenCount":70},{"modality":"IMAGE","tokenCount":10}],"cacheTokensDetails":[{"modality":"AUDIO","tokenCount":50}],"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":25}]}""",
            new TokenUsage { UncachedInput = 20, CacheRead = 50, AudioInput = 20, ImageInput = 10, Output = 5, ImageOutput = 25 }
        },

        // Thoughts that stand in the total alone are billed all the same.
        { """{"promptTokenCount":10,"candidatesTokenCount":5,"totalTokenCount":35}""", new TokenUsage { UncachedInput = 10, Output = 5, Reasoning = 20, IsInconsistent = true } },

        // More of a part than there is of all.
        { """{"promptTokenCount":10,"cachedContentTokenCount":15,"candidatesTokenCount":-5,"totalTokenCount":10}""", new TokenUsage { CacheRead = 10, IsInconsistent = true } },
        { """{"promptTokenCount":"x"}""", new TokenUsage { IsInconsistent = true } },
    };

    [Theory]
    [MemberData(nameof(Read_Cases), DisableDiscoveryEnumeration = true)]
    public void Read_AUsage_IsNormalised(string json, TokenUsage expected) => Assert.Equal(expected, GeminiUsage.Read(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void Write_AUsage_IsOfGeminisKinds()
    {
        var written = new ArrayBufferWriter<byte>();
        GeminiUsage.Write(written, new TokenUsage { UncachedInput = 900, CacheRead = 4000, ImageInput = 110, Output = 40, Reasoning = 60 });
        Assert.True(JsonNode.DeepEquals(
            JsonNode.Parse("""{"promptTokenCount":5010,"cachedContentTokenCount":4000,"candidatesTokenCount":40,"thoughtsTokenCount":60,"totalTokenCount":5110,"promptTokensDetails":[{"modality":"TEXT","tokenCount":4900},{"modality":"IMAGE","tokenCount":110}]}"""),
            JsonNode.Parse(written.WrittenSpan)));
    }
}
