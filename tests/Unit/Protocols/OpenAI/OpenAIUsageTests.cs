using System.Text;
using FsCheck;
using FsCheck.Fluent;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.OpenAI;

public sealed class OpenAIUsageTests
{
    private static TokenUsage Read(string json)
    {
        Assert.True(OpenAIUsage.TryRead(Encoding.UTF8.GetBytes(json), out var usage));
        return usage;
    }

    [Fact]
    public void TryRead_OpenAI_SplitsDisjointKinds()
    {
        var usage = Read("""
            {"prompt_tokens":5120,"completion_tokens":57,"total_tokens":5177,
             "prompt_tokens_details":{"cached_tokens":4000,"cache_write_tokens":1000,"audio_tokens":20,"image_tokens":30},
             "completion_tokens_details":{"reasoning_tokens":10,"audio_tokens":7,"accepted_prediction_tokens":0,"rejected_prediction_tokens":3}}
            """);

        Assert.Equal(
            new TokenUsage
            {
                UncachedInput = 70, CacheRead = 4000, CacheWrite5m = 1000, AudioInput = 20, ImageInput = 30,
                Output = 40, Reasoning = 10, AudioOutput = 7,
            },
            usage);
    }

    [Fact]
    public void TryRead_DeepSeek_CountsCacheHitsOnce()
    {
        var usage = Read("""
            {"prompt_tokens":5000,"completion_tokens":12,"total_tokens":5012,"prompt_cache_hit_tokens":4096,
             "prompt_cache_miss_tokens":904,"prompt_tokens_details":{"cached_tokens":4096}}
            """);

        Assert.Equal(new TokenUsage { UncachedInput = 904, CacheRead = 4096, Output = 12 }, usage);
    }

    [Fact]
    public void TryRead_DashScope_CountsCacheWritesOnce()
    {
        var usage = Read("""
            {"prompt_tokens":3000,"completion_tokens":5,"total_tokens":3005,
             "prompt_tokens_details":{"cached_tokens":0,"text_tokens":3000,"cache_creation_input_tokens":2000,
              "cache_creation":{"ephemeral_5m_input_tokens":2000},"cache_type":"ephemeral"}}
            """);

        Assert.Equal(new TokenUsage { UncachedInput = 1000, CacheWrite5m = 2000, Output = 5 }, usage);
    }

    [Fact]
    public void TryRead_WriteTotalWithoutSplit_IsShortWrite()
    {
        var usage = Read("""{"prompt_tokens":100,"completion_tokens":1,"cache_creation_input_tokens":60}""");

        Assert.Equal(new TokenUsage { UncachedInput = 40, CacheWrite5m = 60, Output = 1 }, usage);
    }

    [Fact]
    public void TryRead_WritesOfBothLifetimes_AreKeptApart()
    {
        var usage = Read("""
            {"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cache_creation_input_tokens":60,
             "cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":40}}}
            """);

        Assert.Equal(new TokenUsage { UncachedInput = 40, CacheWrite5m = 20, CacheWrite1h = 40, Output = 1 }, usage);
    }

    [Fact]
    public void TryRead_ExplicitZero_IsAUsage()
    {
        Assert.Equal(default, Read("""{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"""));
    }

    [Fact]
    public void TryRead_NullDetails_AreZero()
    {
        var usage = Read("""
            {"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":null,
             "completion_tokens_details":{"reasoning_tokens":null}}
            """);

        Assert.Equal(new TokenUsage { UncachedInput = 3, Output = 2 }, usage);
    }

    [Fact]
    public void TryRead_PartsExceedTheTotal_TrustsTheTotal()
    {
        var usage = Read("""
            {"prompt_tokens":100,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":90,"cache_write_tokens":50},
             "completion_tokens_details":{"reasoning_tokens":25}}
            """);

        Assert.Equal(
            new TokenUsage { CacheRead = 90, CacheWrite5m = 10, Reasoning = 10, IsInconsistent = true }, usage);
    }

    [Fact]
    public void TryRead_NegativeDetail_IsZeroAndInconsistent()
    {
        var usage = Read("""{"prompt_tokens":5,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":-1}}""");

        Assert.Equal(new TokenUsage { UncachedInput = 5, Output = 7, IsInconsistent = true }, usage);
    }

    [Theory]
    [InlineData("""{"prompt_tokens":12.0,"completion_tokens":2e1}""", 12, 20)]
    [InlineData("""{"prompt_tokens":12,"total_tokens":15}""", 12, 3)]
    [InlineData("""{"completion_tokens":4,"total_tokens":15}""", 11, 4)]
    public void TryRead_OddButWhole_IsRead(string json, long input, long output)
    {
        var usage = Read(json);

        Assert.Equal((input, output, false), (usage.TotalInput, usage.TotalOutput, usage.IsInconsistent));
    }

    [Theory]
    [InlineData("""{"input_tokens":12,"output_tokens":3}""", 12, false)]
    [InlineData("""{"prompt_tokens":12,"completion_tokens":3,"input_tokens":0,"output_tokens":0}""", 12, false)]
    [InlineData("""{"input_tokens":0,"output_tokens":0,"prompt_tokens":12,"completion_tokens":3}""", 12, false)]
    [InlineData("""{"prompt_tokens":12,"completion_tokens":3,"input_tokens":20,"output_tokens":3}""", 20, true)]
    [InlineData("""{"prompt_tokens":20,"completion_tokens":3,"prompt_tokens":12}""", 20, true)]
    public void TryRead_TotalsOfBothProtocols_AreTheLarger(string json, long input, bool isDisputed)
    {
        var usage = Read(json);

        Assert.Equal((input, 3, isDisputed, isDisputed), (usage.TotalInput, usage.TotalOutput, usage.IsEstimated, usage.IsInconsistent));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("""{"prompt_tokens":"12","completion_tokens":3}""")]
    [InlineData("""{"prompt_tokens":1.5,"completion_tokens":3}""")]
    [InlineData("""{"prompt_tokens":1e30,"completion_tokens":3}""")]
    [InlineData("""{"prompt_tokens":99999999999999999999,"completion_tokens":3}""")]
    [InlineData("""{"completion_tokens":3}""")]
    [InlineData("""{"prompt_tokens":-5,"completion_tokens":7}""")]
    [InlineData("""{"prompt_tokens":5,"completion_tokens":-7}""")]
    [InlineData("""{"prompt_tokens":5,"completion_tokens":-7,"total_tokens":9}""")]
    [InlineData("""{"prompt_tokens":-9223372036854775808,"total_tokens":9}""")]
    [InlineData("""{"prompt_tokens":5,"total_tokens":3}""")]
    [InlineData("""{"prompt_tokens":3,"completion_tokens":3""")]
    public void TryRead_NoTotals_IsNoUsage(string json)
    {
        Assert.False(OpenAIUsage.TryRead(Encoding.UTF8.GetBytes(json), out _));
    }

    [Fact]
    public void TryRead_ReasoningBesideCompletion_IsBilled()
    {
        var usage = Read("""
            {"prompt_tokens":32,"completion_tokens":9,"total_tokens":135,"completion_tokens_details":{"reasoning_tokens":94}}
            """);

        Assert.Equal(new TokenUsage { UncachedInput = 32, Output = 9, Reasoning = 94 }, usage);
    }

    [Fact]
    public void TryRead_TotalHoldsUnlistedReasoning_IsBilledAndInconsistent()
    {
        var usage = Read("""{"prompt_tokens":5,"completion_tokens":10,"total_tokens":815}""");

        Assert.Equal(new TokenUsage { UncachedInput = 5, Output = 10, Reasoning = 800, IsInconsistent = true }, usage);
    }

    [Fact]
    public void TryRead_AnyNumbers_AddUpToTheTotalsAndAreNeverNegative()
    {
        var numbers = Gen.Choose(0, 200).ArrayOf(2).SelectMany(totals => Gen.Choose(-10, 200).ArrayOf(8).Select(details => totals.Concat(details).ToArray()));

        Prop.ForAll(Arb.From(numbers), n =>
        {
            var usage = Read($$"""
                {"prompt_tokens":{{n[0]}},"completion_tokens":{{n[1]}},"prompt_cache_hit_tokens":{{n[2]}},
                 "prompt_tokens_details":{"cached_tokens":{{n[3]}},"cache_write_tokens":{{n[4]}},"audio_tokens":{{n[5]}},"image_tokens":{{n[6]}},
                  "cache_creation":{"ephemeral_1h_input_tokens":{{n[7]}}} },
                 "completion_tokens_details":{"reasoning_tokens":{{n[8]}},"audio_tokens":{{n[9]}}} }
                """);
            long[] parts =
            [
                usage.UncachedInput, usage.CacheRead, usage.CacheWrite5m, usage.CacheWrite1h, usage.AudioInput, usage.ImageInput,
                usage.Output, usage.Reasoning, usage.AudioOutput, usage.ImageOutput,
            ];
            return usage.TotalInput == n[0] && usage.TotalOutput == n[1] && parts.All(part => part >= 0);
        }).QuickCheckThrowOnFailure();
    }
}
