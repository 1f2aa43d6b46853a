namespace OrleansGateway.Grains.Contracts.Pricing;

/// <summary>The most that a request can cost, by its output: <see cref="PriceArithmetic.UpperBound"/> makes it.</summary>
public readonly struct UpperBound
{
    private readonly Line _base;
    private readonly Line[] _tiers;

    internal UpperBound(Line belowTiers, Line[] tiers)
    {
        _base = belowTiers;
        _tiers = tiers;
    }

    /// <summary>The most by either.</summary>
    public UpperBound Or(in UpperBound other) => new(_base, [.. _tiers, other._base, .. other._tiers]);

    /// <summary>The most with so much output, nanos.</summary>
    /// <param name="outputTokens">At least the usage's <see cref="Usage.TotalOutput"/>.</param>
    public long NanosFor(long outputTokens)
    {
        var most = _base.At(outputTokens);
        foreach (var tier in _tiers)
        {
            most = UInt128.Max(most, tier.At(outputTokens));
        }
        return PriceArithmetic.RoundUp(most);
    }

    /// <summary>The cost within one tier.</summary>
    /// <param name="Fixed">Of all but output, millionths of a nano.</param>
    /// <param name="Rate">Of output, nanos per 1,000,000 tokens.</param>
    internal readonly record struct Line(UInt128 Fixed, long Rate)
    {
        public UInt128 At(long outputTokens) => Fixed + PriceArithmetic.Term(outputTokens, Rate);
    }
}
