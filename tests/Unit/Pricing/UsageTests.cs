using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using OrleansGateway.Grains.Contracts.Pricing;
using Xunit;
using static OrleansGateway.Grains.Contracts.Pricing.Unit;

namespace OrleansGateway.Tests.Unit.Pricing;

public sealed class UsageTests
{
    private static readonly Usage OfAll = new(unit => (long)unit + 1) { IsEstimated = true };

    [Fact]
    public void Units_OfTheTable_AreThoseOfTheEnum()
    {
        Assert.Equal(Units.Count, Units.All.Length);
        Assert.All(Units.All, (unit, i) => Assert.Equal(i, (int)unit));
        Assert.All(Units.All, unit => Assert.Equal(unit.ToString(), unit.Name().Replace("_", "", StringComparison.Ordinal), ignoreCase: true));
        Assert.All(Units.All, unit => Assert.Matches("^[a-z]+(_[a-z0-9]+)*$", unit.Name()));
        Assert.Equal((PriceGenerators.InputTokens, PriceGenerators.OutputTokens), (Units.InputTokens, Units.OutputTokens));
        Assert.Equal(UnitSet.Of([.. Units.All]), Units.Tokens | PriceGenerators.Others);
    }

    [Fact]
    public void UnitSet_OfSome_HasThoseAlone()
    {
        UnitSet some = [Output, Input, Searches];

        Assert.Equal([true, true, true, false], new[] { Output, Input, Searches, Calls }.Select(some.Contains));
        Assert.Equal("input, output, searches", some.ToString());
        Assert.Equal((UnitSet.Of(Output), UnitSet.Of(Input, Searches)), (some & Units.OutputTokens, some - Units.OutputTokens));
    }

    [Fact]
    public void Equality_OfUsage_IsThatOfItsCounts()
    {
        Assert.Equal(new Usage { [Input] = 1, [Images] = 2 }, new Usage { [Images] = 2, [Input] = 1, [Output] = 0 });
        Assert.Equal(OfAll.GetHashCode(), new Usage(unit => OfAll[unit]) { IsEstimated = true }.GetHashCode());
        Assert.NotEqual(OfAll, OfAll with { IsEstimated = false });
        Assert.All(Units.All, changed => Assert.NotEqual(OfAll, new Usage(unit => unit == changed ? 0 : OfAll[unit]) { IsEstimated = true }));
        Assert.Equal("estimated: input 2, searches 1", new Usage { [Searches] = 1, [Input] = 2, IsEstimated = true }.ToString());
    }

    [Fact]
    public void Totals_OfTokens_LeaveOtherUnitsOut()
    {
        Assert.Equal((1 + 2 + 3 + 4 + 5 + 6 + 16 + 17, 7 + 8 + 9 + 10), (OfAll.TotalInput, OfAll.TotalOutput));
        Assert.Equal(long.MaxValue, new Usage { [Output] = long.MaxValue, [ImageOutput] = long.MaxValue }.TotalOutput);
        Assert.Equal(-1, new Usage { [Input] = long.MinValue, [CachedInput] = long.MaxValue }.TotalInput);
    }

    [Fact]
    public void IsValid_EachUnitNegative_IsFalse()
    {
        Assert.True(OfAll.IsValid);
        Assert.True(default(Usage).IsValid);
        Assert.All(Units.All, negative => Assert.False(new Usage(unit => unit == negative ? -1 : OfAll[unit]).IsValid));
    }

    [Fact]
    public void Serialized_AnyUsage_IsReadAgain()
    {
        var usages = Units.All.Select(only => new Usage(unit => unit == only ? long.MaxValue : 0))
            .Concat([default, OfAll, OfAll with { IsEstimated = false }, new Usage { IsEstimated = true }, new Usage(_ => long.MinValue)]);

        Assert.All(usages, usage => Assert.Equal(usage, Read(Serializer().SerializeToArray(usage))));
    }

    /// <summary>
    /// Silos of the release before send this, and read what begins like it: the units that they know have the fields that they know them by.
    /// </summary>
    [Fact]
    public void Serialized_ByTheFirstRelease_IsReadAndWrittenTheSame()
    {
        const string Bytes = "20E800050109010D011101150119011D012101250129012D0103E0";
        var known = new Usage(unit => unit <= Calls ? (long)unit + 1 : 0) { IsEstimated = true };

        Assert.Equal(known, Read(Convert.FromHexString(Bytes)));
        Assert.Equal(Bytes, Convert.ToHexString(Serializer().SerializeToArray(known)));
        Assert.StartsWith(Bytes[..^2], Convert.ToHexString(Serializer().SerializeToArray(OfAll)), StringComparison.Ordinal);
    }

    private static Usage Read(byte[] bytes) => Serializer().Deserialize(bytes);

    private static Serializer<Usage> Serializer() => new ServiceCollection()
        .AddSerializer(serializer => serializer.AddAssembly(typeof(Usage).Assembly))
        .BuildServiceProvider()
        .GetRequiredService<Serializer<Usage>>();
}
