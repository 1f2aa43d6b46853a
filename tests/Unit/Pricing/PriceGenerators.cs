using System.Collections.Immutable;
using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Tests.Unit.Pricing;

/// <summary>Prices and usage of every shape, and the exact cost computed another way.</summary>
internal static class PriceGenerators
{
    private static readonly Gen<long> Tokens = Gen.Frequency(
    [
        (2, Gen.Constant(0L)),
        (3, Gen.Choose(0, 300).Select(count => (long)count)),
        (3, Gen.Choose(0, 3_000_000).Select(count => (long)count)),
    ]);

    private static readonly Gen<long> Rate = Gen.Frequency(
    [
        (1, Gen.Constant(0L)),
        (2, Gen.Choose(0, 2_000).Select(rate => (long)rate)),
        (3, Gen.Choose(0, 60_000).Two().Select(pair => ((long)pair.Item1 * 1_000_000) + pair.Item2)),
    ]);

    private static readonly Gen<Rates> Rates = Rate.ArrayOf(10).Select(rate => new Rates
    {
        Input = rate[0],
        CachedInput = rate[1],
        CacheWrite5m = rate[2],
        CacheWrite1h = rate[3],
        AudioInput = rate[4],
        ImageInput = rate[5],
        Output = rate[6],
        Reasoning = rate[7],
        AudioOutput = rate[8],
        ImageOutput = rate[9],
    });

    private static readonly Gen<ImmutableArray<PriceTier>> Tiers =
        from count in Gen.Choose(0, 3)
        from steps in Gen.Choose(1, 1_500_000).ArrayOf(count)
        from rates in Rates.ArrayOf(count)
        select steps.Select((step, i) => new PriceTier(steps.Take(i + 1).Sum(x => (long)x), rates[i])).ToImmutableArray();

    public static readonly Gen<Price> Price =
        from rates in Rates
        from tiers in Tiers
        from perCall in Rate
        select new Price("model@1", perCall, rates, tiers);

    public static readonly Gen<Price> PriceWithoutTiers = Price.Select(price => price with { Tiers = [] });

    public static readonly Gen<Usage> Usage = Tokens.ArrayOf(11).Select(count => new Usage
    {
        Input = count[0],
        CachedInput = count[1],
        CacheWrite5m = count[2],
        CacheWrite1h = count[3],
        AudioInput = count[4],
        ImageInput = count[5],
        Output = count[6],
        Reasoning = count[7],
        AudioOutput = count[8],
        ImageOutput = count[9],
        Calls = count[10] % 10,
    });

    /// <summary>Every kind of token with its flag: an independent list to check the arithmetic's own against.</summary>
    public static IEnumerable<(UsageKinds Kind, long Tokens, long Rate)> Terms(Usage usage, Rates rates) =>
    [
        (UsageKinds.Input, usage.Input, rates.Input),
        (UsageKinds.CachedInput, usage.CachedInput, rates.CachedInput),
        (UsageKinds.CacheWrite5m, usage.CacheWrite5m, rates.CacheWrite5m),
        (UsageKinds.CacheWrite1h, usage.CacheWrite1h, rates.CacheWrite1h),
        (UsageKinds.AudioInput, usage.AudioInput, rates.AudioInput),
        (UsageKinds.ImageInput, usage.ImageInput, rates.ImageInput),
        (UsageKinds.Output, usage.Output, rates.Output),
        (UsageKinds.Reasoning, usage.Reasoning, rates.Reasoning),
        (UsageKinds.AudioOutput, usage.AudioOutput, rates.AudioOutput),
        (UsageKinds.ImageOutput, usage.ImageOutput, rates.ImageOutput),
    ];

    /// <summary>The exact cost in millionths of a nano.</summary>
    public static BigInteger ExactMillionths(Price price, Usage usage)
    {
        var input = Terms(usage, price.Base).Take(6).Aggregate(BigInteger.Zero, (sum, term) => sum + term.Tokens);
        var rates = price.Tiers.LastOrDefault(tier => input > tier.AboveInputTokens)?.Rates ?? price.Base;
        return Terms(usage, rates).Aggregate(
            (BigInteger)usage.Calls * price.PerCallNanos * 1_000_000,
            (sum, term) => sum + ((BigInteger)term.Tokens * term.Rate));
    }

    public static Usage Add(Usage a, Usage b) => new()
    {
        Input = a.Input + b.Input,
        CachedInput = a.CachedInput + b.CachedInput,
        CacheWrite5m = a.CacheWrite5m + b.CacheWrite5m,
        CacheWrite1h = a.CacheWrite1h + b.CacheWrite1h,
        AudioInput = a.AudioInput + b.AudioInput,
        ImageInput = a.ImageInput + b.ImageInput,
        Output = a.Output + b.Output,
        Reasoning = a.Reasoning + b.Reasoning,
        AudioOutput = a.AudioOutput + b.AudioOutput,
        ImageOutput = a.ImageOutput + b.ImageOutput,
        Calls = a.Calls + b.Calls,
    };
}
