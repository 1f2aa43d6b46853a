using FsCheck;
using FsCheck.Fluent;
using OrleansGateway.Grains.Contracts;
using Xunit;

namespace OrleansGateway.Tests.Unit.Pricing;

public sealed class MoneyTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("-0", 0)]
    [InlineData("1", 1_000_000_000)]
    [InlineData("12.5", 12_500_000_000)]
    [InlineData("0.000000001", 1)]
    [InlineData("-0.000000001", -1)]
    [InlineData("0.0028", 2_800_000)]
    [InlineData("007.10", 7_100_000_000)]
    [InlineData("9223372036.854775807", long.MaxValue)]
    [InlineData("-9223372036.854775808", long.MinValue)]
    public void TryParseUsd_PlainDecimal_IsExact(string text, long nanos)
    {
        Assert.True(Money.TryParseUsd(text, out var parsed));
        Assert.Equal(nanos, parsed);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData(".")]
    [InlineData(".5")]
    [InlineData("5.")]
    [InlineData("+1")]
    [InlineData("--1")]
    [InlineData(" 1")]
    [InlineData("1 ")]
    [InlineData("1e3")]
    [InlineData("1E-6")]
    [InlineData("1,000")]
    [InlineData("1.2.3")]
    [InlineData("0x10")]
    [InlineData("NaN")]
    [InlineData("١")]
    [InlineData("0.0000000001")]
    [InlineData("1.0000000000")]
    [InlineData("9223372036.854775808")]
    [InlineData("-9223372036.854775809")]
    [InlineData("99999999999999999999999999999999999999999999999999")]
    public void TryParseUsd_AnythingElse_IsRefused(string text)
    {
        Assert.False(Money.TryParseUsd(text, out var parsed));
        Assert.Equal(0, parsed);
    }

    [Theory]
    [InlineData(0, "0.00")]
    [InlineData(12_500_000_000, "12.50")]
    [InlineData(123_000, "0.000123")]
    [InlineData(1, "0.000000001")]
    [InlineData(-3_000_000_000, "-3.00")]
    [InlineData(-1, "-0.000000001")]
    [InlineData(long.MaxValue, "9223372036.854775807")]
    [InlineData(long.MinValue, "-9223372036.854775808")]
    public void FormatUsd_AnyAmount_IsPlainDecimal(long nanos, string text) => Assert.Equal(text, Money.FormatUsd(nanos));

    [Fact]
    public void FormatUsd_ParsedAgain_IsTheSameAmount() =>
        Prop.ForAll(
            Gen.Choose(int.MinValue, int.MaxValue).Two().Select(pair => ((long)pair.Item1 << 32) | (uint)pair.Item2).ToArbitrary(),
            nanos => Money.TryParseUsd(Money.FormatUsd(nanos), out var parsed) && parsed == nanos)
        .Check(Config.QuickThrowOnFailure.WithMaxTest(1_000));
}
