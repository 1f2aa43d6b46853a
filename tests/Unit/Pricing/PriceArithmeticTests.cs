using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;

namespace OrleansGateway.Tests.Unit.Pricing;

public sealed class PriceArithmeticTests
{
    private static readonly Rates Flat = new()
    {
        Input = 3_000_000_000,
        CachedInput = 300_000_000,
        CacheWrite5m = 3_750_000_000,
        CacheWrite1h = 6_000_000_000,
        AudioInput = 40_000_000_000,
        ImageInput = 5_000_000_000,
        Output = 15_000_000_000,
        Reasoning = 15_000_000_000,
        AudioOutput = 80_000_000_000,
        ImageOutput = 30_000_000_000,
    };

    private static readonly Price FlatPrice = new("m@1", 0, Flat, []);

    [Fact]
    public void Charge_CacheReadAndWrite_CountsEachTokenOnce()
    {
        // Input 3, write 3.75, read 0.30, output 15 USD per million: 360 + 3,750 + 1,200 + 855 millionths of a USD.
        var usage = new Usage { Input = 120, CacheWrite5m = 1_000, CachedInput = 4_000, Output = 57 };

        Assert.Equal(6_165_000, PriceArithmetic.Charge(FlatPrice, usage));
    }

    [Fact]
    public void Charge_TwoFractions_IsRoundedUpOnce()
    {
        var price = FlatPrice with { Base = Flat with { Input = 400_000, Output = 400_000 } };

        Assert.Equal(1, PriceArithmetic.Charge(price, new Usage { Input = 1, Output = 1 }));
    }

    [Theory]
    [InlineData(1_000, 1_000)]
    [InlineData(1_001, 2_002)]
    public void Charge_AtAndAboveATier_TakesTheTierForTheWholeRequest(long input, long expected)
    {
        var price = FlatPrice with
        {
            Base = Flat with { Input = 1_000_000 },
            Tiers = [new PriceTier(1_000, Flat with { Input = 2_000_000 })],
        };

        Assert.Equal(expected, PriceArithmetic.Charge(price, new Usage { Input = input }));
    }

    [Fact]
    public void Charge_CachedAndImageInput_CountTowardsTheTier()
    {
        var price = FlatPrice with { Tiers = [new PriceTier(10, Flat with { Output = 20_000_000_000 })] };

        Assert.Equal(
            PriceArithmetic.Charge(FlatPrice, new Usage { CachedInput = 6, ImageInput = 5 }) + 20_000,
            PriceArithmetic.Charge(price, new Usage { CachedInput = 6, ImageInput = 5, Output = 1 }));
    }

    [Fact]
    public void Charge_NothingUsed_IsZero() => Assert.Equal(0, PriceArithmetic.Charge(FlatPrice, default));

    [Fact]
    public void Charge_PerCall_IsAddedForEachCall() =>
        Assert.Equal(30, PriceArithmetic.Charge(FlatPrice with { PerCallNanos = 10 }, new Usage { Calls = 3 }));

    [Fact]
    public void Charge_BeyondALong_IsTheGreatestAmount()
    {
        var huge = new Usage { Input = long.MaxValue, CachedInput = long.MaxValue, Output = long.MaxValue, Calls = long.MaxValue };

        Assert.Equal(long.MaxValue, PriceArithmetic.Charge(FlatPrice with { PerCallNanos = long.MaxValue }, huge));
        Assert.Equal(long.MaxValue, huge.TotalInput);
    }

    [Fact]
    public void Charge_EachKindNegative_Throws()
    {
        Usage[] negatives =
        [
            new() { Input = -1 }, new() { CachedInput = -1 }, new() { CacheWrite5m = -1 }, new() { CacheWrite1h = -1 },
            new() { AudioInput = -1 }, new() { ImageInput = -1 }, new() { Output = -1 }, new() { Reasoning = -1 },
            new() { AudioOutput = -1 }, new() { ImageOutput = -1 }, new() { Calls = -1 },
        ];

        Assert.All(negatives, usage =>
            Assert.Throws<ArgumentOutOfRangeException>(() => PriceArithmetic.Charge(FlatPrice, usage)));
    }

    [Fact]
    public void UpperBound_NegativeBounds_Throw()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => PriceArithmetic.UpperBound(FlatPrice, -1, 0, 0, UsageKinds.All));
        Assert.Throws<ArgumentOutOfRangeException>(() => PriceArithmetic.UpperBound(FlatPrice, 0, -1, 0, UsageKinds.All));
        Assert.Throws<ArgumentOutOfRangeException>(() => PriceArithmetic.UpperBound(FlatPrice, 0, 0, -1, UsageKinds.All));
    }

    [Fact]
    public void UpperBound_TextOnly_LeavesDearerKindsOut() =>
        Assert.Equal(
            (10 * 6_000) + (10 * 15_000),
            PriceArithmetic.UpperBound(FlatPrice, 10, 10, 0, UsageKinds.Text));

    [Theory]
    [InlineData(1_000, 1_000)]
    [InlineData(1_001, 2_002)]
    public void UpperBound_AtAndAboveATier_CountsTheTierOnlyWhereItIsReached(long maxInput, long expected)
    {
        var price = FlatPrice with
        {
            Base = Flat with { Input = 1_000_000 },
            Tiers = [new PriceTier(1_000, Flat with { Input = 2_000_000 })],
        };

        Assert.Equal(expected, PriceArithmetic.UpperBound(price, maxInput, 0, 0, UsageKinds.Input));
    }

    [Fact]
    public void UpperBound_CheaperTier_HoldsForThePromptThatJustMissesIt()
    {
        var cheap = Flat with { Input = 0, CachedInput = 0, CacheWrite5m = 0, CacheWrite1h = 0, Output = 0, Reasoning = 0 };
        var price = FlatPrice with { Tiers = [new PriceTier(100, cheap)] };

        Assert.Equal(
            PriceArithmetic.Charge(price, new Usage { CacheWrite1h = 100, Output = 7 }),
            PriceArithmetic.UpperBound(price, 1_000_000, 7, 0, UsageKinds.Text));
    }

    [Fact]
    public void Charge_AnyUsage_IsTheExactCostRoundedUp() => Holds(PriceGenerators.Price, PriceGenerators.Usage, (price, usage) =>
    {
        var charge = (BigInteger)PriceArithmetic.Charge(price, usage) * 1_000_000;
        var exact = PriceGenerators.ExactMillionths(price, usage);
        return charge >= exact && charge - exact < 1_000_000;
    });

    [Fact]
    public void Charge_RequestSplitInTwo_DiffersByLessThanTheRounding() =>
        Holds(PriceGenerators.PriceWithoutTiers, PriceGenerators.Usage.Two(), (price, usage) =>
        {
            var (a, b) = usage;
            var whole = PriceArithmetic.Charge(price, PriceGenerators.Add(a, b));
            var parts = PriceArithmetic.Charge(price, a) + PriceArithmetic.Charge(price, b);
            return whole <= parts && parts <= whole + 1;
        });

    [Fact]
    public void Charge_MoreUsed_IsNeverCheaperWithoutTiers() =>
        Holds(PriceGenerators.PriceWithoutTiers, PriceGenerators.Usage.Two(), (price, usage) =>
            PriceArithmetic.Charge(price, PriceGenerators.Add(usage.Item1, usage.Item2)) >= PriceArithmetic.Charge(price, usage.Item1));

    [Fact]
    public void UpperBound_AnyUsageWithin_CoversItsCharge() =>
        Holds(PriceGenerators.Price, PriceGenerators.Usage.Two(), (price, usage) =>
        {
            var (used, slack) = usage;
            var kinds = PriceGenerators.Terms(used, price.Base)
                .Aggregate(UsageKinds.None, (all, term) => term.Tokens > 0 ? all | term.Kind : all);
            return PriceArithmetic.Charge(price, used) <= PriceArithmetic.UpperBound(
                price, used.TotalInput + slack.Input, used.TotalOutput + slack.Output, used.Calls + slack.Calls, kinds);
        });

    [Fact]
    public void UpperBound_AnyBounds_IsReachedBySomeUsageWithin() =>
        Holds(PriceGenerators.Price, PriceGenerators.Usage, (price, bounds) =>
        {
            var candidates =
                from tokens in price.Tiers.Select(tier => tier.AboveInputTokens).Append(bounds.TotalInput)
                where tokens <= bounds.TotalInput
                from input in OfEachKind(tokens, isInput: true)
                from output in OfEachKind(bounds.TotalOutput, isInput: false)
                select PriceArithmetic.Charge(price, PriceGenerators.Add(PriceGenerators.Add(input, output), new Usage { Calls = bounds.Calls }));
            return candidates.Max() == PriceArithmetic.UpperBound(
                price, bounds.TotalInput, bounds.TotalOutput, bounds.Calls, UsageKinds.All);
        });

    [Fact]
    public void UpperBound_WiderBounds_AreNeverLower() =>
        Holds(PriceGenerators.Price, PriceGenerators.Usage.Two(), (price, usage) =>
        {
            var (a, more) = usage;
            return PriceArithmetic.UpperBound(price, a.TotalInput, a.TotalOutput, a.Calls, UsageKinds.Text)
                <= PriceArithmetic.UpperBound(
                    price, a.TotalInput + more.Input, a.TotalOutput + more.Output, a.Calls + more.Calls, UsageKinds.All);
        });

    [Fact]
    public void UpperBound_BoundsSplitInTwo_AddUp() =>
        Holds(PriceGenerators.PriceWithoutTiers, PriceGenerators.Usage.Two(), (price, usage) =>
        {
            var (a, b) = usage;
            var whole = PriceArithmetic.UpperBound(
                price, a.TotalInput + b.TotalInput, a.TotalOutput + b.TotalOutput, a.Calls + b.Calls, UsageKinds.All);
            var parts = PriceArithmetic.UpperBound(price, a.TotalInput, a.TotalOutput, a.Calls, UsageKinds.All)
                + PriceArithmetic.UpperBound(price, b.TotalInput, b.TotalOutput, b.Calls, UsageKinds.All);
            return whole <= parts && parts <= whole + 1;
        });

    private static IEnumerable<Usage> OfEachKind(long tokens, bool isInput) => isInput
        ?
        [
            new() { Input = tokens }, new() { CachedInput = tokens }, new() { CacheWrite5m = tokens },
            new() { CacheWrite1h = tokens }, new() { AudioInput = tokens }, new() { ImageInput = tokens },
        ]
        : [new() { Output = tokens }, new() { Reasoning = tokens }, new() { AudioOutput = tokens }, new() { ImageOutput = tokens }];

    private static void Holds<T>(Gen<Price> prices, Gen<T> usages, Func<Price, T, bool> property) =>
        Prop.ForAll(prices.ToArbitrary(), usages.ToArbitrary(), property)
            .Check(Config.QuickThrowOnFailure.WithMaxTest(1_000));
}
