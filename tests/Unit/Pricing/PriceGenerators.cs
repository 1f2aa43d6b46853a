using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using OrleansGateway.Grains.Contracts.Pricing;
using static OrleansGateway.Grains.Contracts.Pricing.Unit;

namespace OrleansGateway.Tests.Unit.Pricing;

/// <summary>Prices and usage of every shape, and the exact cost computed another way.</summary>
internal static class PriceGenerators
{
    /// <summary>A list to check the table of units against.</summary>
    public static readonly UnitSet InputTokens = UnitSet.Of(Input, CachedInput, CacheWrite5m, CacheWrite1h, AudioInput, ImageInput, CachedAudioInput, CachedImageInput);

    /// <inheritdoc cref="InputTokens"/>
    public static readonly UnitSet OutputTokens = UnitSet.Of(Output, Reasoning, AudioOutput, ImageOutput);

    /// <inheritdoc cref="InputTokens"/>
    public static readonly UnitSet Others = UnitSet.Of(Calls, Seconds, Characters, Images, Searches);

    private static readonly Gen<long> Count = Gen.Frequency(
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

    /// <summary>Tokens and calls have a rate, other units not always.</summary>
    private static readonly Gen<Rates> Rates =
        from rates in Rate.ArrayOf(Units.Count)
        from isSold in Gen.Frequency([(1, Gen.Constant(false)), (3, Gen.Constant(true))]).ArrayOf(Units.Count)
        select new Rates(unit => !Others.Contains(unit) || unit == Calls || isSold[(int)unit] ? rates[(int)unit] : null);

    private static readonly Gen<(long Above, Rates Rates)[]> Tiers =
        from count in Gen.Choose(0, 3)
        from steps in Gen.Choose(1, 1_500_000).ArrayOf(count)
        from rates in Rates.ArrayOf(count)
        select steps.Select((_, i) => (steps.Take(i + 1).Sum(x => (long)x), rates[i])).ToArray();

    public static readonly Gen<Price> Price =
        from rates in Rates
        from tiers in Tiers
        select new Price("model@1", rates, [.. tiers.Select(tier => new PriceTier(
            tier.Above, new Rates(unit => Others.Contains(unit) ? rates[unit] : tier.Rates[unit])))]);

    public static readonly Gen<Price> PriceWithoutTiers = Price.Select(price => price with { Tiers = [] });

    public static readonly Gen<Usage> Usage = Count.ArrayOf(Units.Count).Select(count => new Usage(unit => count[(int)unit]));

    /// <summary>The exact cost in millionths of a nano.</summary>
    public static BigInteger ExactMillionths(Price price, Usage usage)
    {
        var input = Units.All.Where(InputTokens.Contains).Aggregate(BigInteger.Zero, (sum, unit) => sum + usage[unit]);
        var rates = price.Tiers.LastOrDefault(tier => input > tier.AboveInputTokens)?.Rates ?? price.Base;
        return Units.All.Aggregate(BigInteger.Zero, (sum, unit) => sum + ((BigInteger)usage[unit] * (rates[unit] ?? 0)));
    }

    public static Usage Add(Usage a, Usage b) => new(unit => a[unit] + b[unit]);

    /// <summary>What of the usage is no token and has a price.</summary>
    public static Usage OthersOf(Price price, Usage usage) =>
        new(unit => Others.Contains(unit) && price.Sold.Contains(unit) ? usage[unit] : 0);
}
