using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;
using static OrleansGateway.Grains.Contracts.Pricing.Unit;

namespace OrleansGateway.Tests.Unit.Pricing;

public sealed class PriceArithmeticTests
{
    private static readonly Rates Flat = new()
    {
        [Input] = 3_000_000_000,
        [CachedInput] = 300_000_000,
        [CacheWrite5m] = 3_750_000_000,
        [CacheWrite1h] = 6_000_000_000,
        [AudioInput] = 40_000_000_000,
        [ImageInput] = 5_000_000_000,
        [CachedAudioInput] = 400_000_000,
        [CachedImageInput] = 500_000_000,
        [Output] = 15_000_000_000,
        [Reasoning] = 15_000_000_000,
        [AudioOutput] = 80_000_000_000,
        [ImageOutput] = 30_000_000_000,
        [Calls] = 10_000_000,
        [Seconds] = 100_000_000_000,
        [Characters] = 15_000_000_000,
        [Images] = 40_000_000_000_000,
    };

    private static readonly Price FlatPrice = new("m@1", Flat, []);

    [Fact]
    public void Charge_CacheReadAndWrite_CountsEachTokenOnce()
    {
        // Input 3, write 3.75, read 0.30, output 15 USD per million: 360 + 3,750 + 1,200 + 855 millionths of a USD.
        var usage = new Usage { [Input] = 120, [CacheWrite5m] = 1_000, [CachedInput] = 4_000, [Output] = 57 };

        Assert.Equal(6_165_000, PriceArithmetic.Charge(FlatPrice, usage));
    }

    [Fact]
    public void Charge_TwoFractions_IsRoundedUpOnce()
    {
        var price = FlatPrice with { Base = With(Flat, new Rates { [Input] = 400_000, [Output] = 400_000 }) };

        Assert.Equal(1, PriceArithmetic.Charge(price, new Usage { [Input] = 1, [Output] = 1 }));
    }

    [Theory]
    [InlineData(1_000, 1_000)]
    [InlineData(1_001, 2_002)]
    public void Charge_AtAndAboveATier_TakesTheTierForTheWholeRequest(long input, long expected)
    {
        var price = FlatPrice with
        {
            Base = With(Flat, new Rates { [Input] = 1_000_000 }),
            Tiers = [new PriceTier(1_000, With(Flat, new Rates { [Input] = 2_000_000 }))],
        };

        Assert.Equal(expected, PriceArithmetic.Charge(price, new Usage { [Input] = input }));
    }

    [Fact]
    public void Charge_CachedAndImageInput_CountTowardsTheTier()
    {
        var price = FlatPrice with { Tiers = [new PriceTier(10, With(Flat, new Rates { [Output] = 20_000_000_000 }))] };

        Assert.Equal(
            PriceArithmetic.Charge(FlatPrice, new Usage { [CachedInput] = 6, [ImageInput] = 5 }) + 20_000,
            PriceArithmetic.Charge(price, new Usage { [CachedInput] = 6, [ImageInput] = 5, [Output] = 1 }));
    }

    [Fact]
    public void Charge_NothingUsed_IsZero() => Assert.Equal(0, PriceArithmetic.Charge(FlatPrice, default));

    [Fact]
    public void Charge_UnitsBeyondTokens_AreAddedForEachOne()
    {
        // A call 10 nanos, a second 0.0001, a character 0.000015, an image 0.04 USD.
        var usage = new Usage { [Calls] = 3, [Seconds] = 61, [Characters] = 1_001, [Images] = 2 };

        Assert.Equal(30 + 6_100_000 + 15_015_000 + 80_000_000, PriceArithmetic.Charge(FlatPrice, usage));
    }

    [Fact]
    public void Charge_UnitThatIsNotSold_CostsNothing() =>
        Assert.Equal(10, PriceArithmetic.Charge(FlatPrice, new Usage { [Calls] = 1, [Searches] = 5 }));

    [Fact]
    public void Charge_BeyondALong_IsTheGreatestAmount()
    {
        var huge = new Usage { [Input] = long.MaxValue, [CachedInput] = long.MaxValue, [Output] = long.MaxValue, [Calls] = long.MaxValue };

        Assert.Equal(long.MaxValue, PriceArithmetic.Charge(FlatPrice with { Base = With(Flat, new Rates { [Calls] = long.MaxValue }) }, huge));
        Assert.Equal(long.MaxValue, PriceArithmetic.Charge(FlatPrice with { Base = new Rates(_ => long.MaxValue) }, new Usage(_ => long.MaxValue)));
        Assert.Equal(long.MaxValue, huge.TotalInput);
    }

    [Fact]
    public void Charge_EachUnitNegative_Throws() =>
        Assert.All(Units.All, negative =>
            Assert.Throws<ArgumentOutOfRangeException>(() => PriceArithmetic.Charge(FlatPrice, new Usage(unit => unit == negative ? -1 : 0))));

    [Fact]
    public void Charge_AndNanosFor_AllocateNothing()
    {
        var price = FlatPrice with { Tiers = [new PriceTier(100, Flat)] };
        var usage = new Usage(unit => 7);
        var bound = PriceArithmetic.UpperBound(price, 1_000, Units.Tokens, new Usage { [Calls] = 1, [Images] = 4 });
        long Both() => PriceArithmetic.Charge(price, usage) + bound.NanosFor(1_000);
        Both();

        var before = GC.GetAllocatedBytesForCurrentThread();
        Both();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void Rates_NegativeOne_Throws() => Assert.Throws<ArgumentOutOfRangeException>(() => new Rates { [Images] = -1 });

    [Fact]
    public void UpperBound_NegativeBounds_Throw()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => PriceArithmetic.UpperBound(FlatPrice, -1, Units.Tokens, default).NanosFor(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => PriceArithmetic.UpperBound(FlatPrice, 0, Units.Tokens, default).NanosFor(-1));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => PriceArithmetic.UpperBound(FlatPrice, 0, Units.Tokens, new Usage { [Calls] = -1 }).NanosFor(0));
    }

    [Fact]
    public void UpperBound_UnitThatIsNotSold_Throws()
    {
        var textOnly = FlatPrice with { Base = new Rates(unit => Units.TextTokens.Contains(unit) ? 1 : null) };

        Assert.Throws<ArgumentException>(() => PriceArithmetic.UpperBound(FlatPrice, 1, Units.Tokens, new Usage { [Searches] = 1 }).NanosFor(1));
        Assert.Throws<ArgumentException>(() => PriceArithmetic.UpperBound(textOnly, 1, Units.Tokens, default).NanosFor(1));
        Assert.Equal(1, PriceArithmetic.UpperBound(textOnly, 1, Units.TextTokens, default).NanosFor(1));
    }

    [Fact]
    public void UpperBound_TokensAmongTheOthers_Throw() =>
        Assert.Throws<ArgumentException>(() => PriceArithmetic.UpperBound(FlatPrice, 1, Units.Tokens, new Usage { [Reasoning] = 1 }).NanosFor(1));

    [Fact]
    public void UpperBound_Others_AreAddedToTheTokens() =>
        Assert.Equal(
            6_000 + 15_000 + 10 + 80_000_000,
            PriceArithmetic.UpperBound(FlatPrice, 1, Units.TextTokens, new Usage { [Calls] = 1, [Images] = 2 }).NanosFor(1));

    [Fact]
    public void UpperBound_TextOnly_LeavesDearerKindsOut() =>
        Assert.Equal(
            (10 * 6_000) + (10 * 15_000),
            PriceArithmetic.UpperBound(FlatPrice, 10, Units.TextTokens, default).NanosFor(10));

    [Theory]
    [InlineData(1_000, 1_000)]
    [InlineData(1_001, 2_002)]
    public void UpperBound_AtAndAboveATier_CountsTheTierOnlyWhereItIsReached(long maxInput, long expected)
    {
        var price = FlatPrice with
        {
            Base = With(Flat, new Rates { [Input] = 1_000_000 }),
            Tiers = [new PriceTier(1_000, With(Flat, new Rates { [Input] = 2_000_000 }))],
        };

        Assert.Equal(expected, PriceArithmetic.UpperBound(price, maxInput, [Input], default).NanosFor(0));
    }

    [Fact]
    public void UpperBound_CheaperTier_HoldsForThePromptThatJustMissesIt()
    {
        var cheap = With(Flat, new Rates(unit => Units.TextTokens.Contains(unit) ? 0 : null));
        var price = FlatPrice with { Tiers = [new PriceTier(100, cheap)] };

        Assert.Equal(
            PriceArithmetic.Charge(price, new Usage { [CacheWrite1h] = 100, [Output] = 7 }),
            PriceArithmetic.UpperBound(price, 1_000_000, Units.TextTokens, default).NanosFor(7));
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
            var kinds = UnitSet.Of([.. Units.All.Where(unit => used[unit] > 0 && Units.Tokens.Contains(unit))]);
            var others = PriceGenerators.OthersOf(price, PriceGenerators.Add(used, slack));
            return PriceArithmetic.Charge(price, used) <= PriceArithmetic.UpperBound(
                price, used.TotalInput + slack[Input], kinds, others).NanosFor(used.TotalOutput + slack[Output]);
        });

    [Fact]
    public void UpperBound_AnyBounds_IsReachedBySomeUsageWithin() =>
        Holds(PriceGenerators.Price, PriceGenerators.Usage, (price, bounds) =>
        {
            var others = PriceGenerators.OthersOf(price, bounds);
            var candidates =
                from tokens in price.Tiers.Select(tier => tier.AboveInputTokens).Append(bounds.TotalInput)
                where tokens <= bounds.TotalInput
                from input in OfEachKind(tokens, PriceGenerators.InputTokens)
                from output in OfEachKind(bounds.TotalOutput, PriceGenerators.OutputTokens)
                select PriceArithmetic.Charge(price, PriceGenerators.Add(PriceGenerators.Add(input, output), others));
            return candidates.Max() == PriceArithmetic.UpperBound(price, bounds.TotalInput, Units.Tokens, others).NanosFor(bounds.TotalOutput);
        });

    [Fact]
    public void UpperBound_WiderBounds_AreNeverLower() =>
        Holds(PriceGenerators.Price, PriceGenerators.Usage.Two(), (price, usage) =>
        {
            var (a, more) = usage;
            var wider = PriceGenerators.OthersOf(price, PriceGenerators.Add(a, more));
            return PriceArithmetic.UpperBound(price, a.TotalInput, Units.TextTokens, PriceGenerators.OthersOf(price, a)).NanosFor(a.TotalOutput)
                <= PriceArithmetic.UpperBound(price, a.TotalInput + more[Input], Units.Tokens, wider).NanosFor(a.TotalOutput + more[Output]);
        });

    [Fact]
    public void UpperBound_BoundsSplitInTwo_AddUp() =>
        Holds(PriceGenerators.PriceWithoutTiers, PriceGenerators.Usage.Two(), (price, usage) =>
        {
            var (a, b) = usage;
            long Bound(Usage all) => PriceArithmetic.UpperBound(
                price, all.TotalInput, Units.Tokens, PriceGenerators.OthersOf(price, all)).NanosFor(all.TotalOutput);
            var (whole, parts) = (Bound(PriceGenerators.Add(a, b)), Bound(a) + Bound(b));
            return whole <= parts && parts <= whole + 1;
        });

    private static IEnumerable<Usage> OfEachKind(long tokens, UnitSet kinds)
    {
        foreach (var kind in kinds)
        {
            yield return new Usage { [kind] = tokens };
        }
    }

    private static Rates With(Rates rates, Rates others) => new(unit => others[unit] ?? rates[unit]);

    private static void Holds<T>(Gen<Price> prices, Gen<T> usages, Func<Price, T, bool> property) =>
        Prop.ForAll(prices.ToArbitrary(), usages.ToArbitrary(), property)
            .Check(Config.QuickThrowOnFailure.WithMaxTest(1_000));
}
