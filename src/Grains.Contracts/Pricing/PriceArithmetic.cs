namespace OrleansGateway.Grains.Contracts.Pricing;

/// <summary>
/// What usage costs. Computed in 128 bits and rounded up once per request, so a charge is never below the exact cost and
/// never a whole nano above it. What does not fit into a <see cref="long"/> is <see cref="long.MaxValue"/>.
/// </summary>
public static class PriceArithmetic
{
    /// <summary>Rates are for so many of a unit.</summary>
    public const long UnitsPerRate = 1_000_000;

    /// <summary>The most that a term counts: enough to make the sum the greatest amount, and small enough to be summed.</summary>
    private static readonly UInt128 TermCeiling = (UInt128)long.MaxValue * UnitsPerRate;

    /// <summary>What <paramref name="usage"/> costs at <paramref name="price"/>, nanos. What is not sold costs nothing.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A count is negative: a bug of the caller.</exception>
    public static long Charge(Price price, in Usage usage)
    {
        var rates = RatesFor(price, usage.TotalInput);
        UInt128 sum = 0;
        foreach (var unit in Units.All)
        {
            sum += Term(usage[unit], rates, unit);
        }
        return RoundUp(sum);
    }

    /// <summary>
    /// The most that any usage within these bounds can cost, by its output: the dearest possible kind for every token, in the
    /// dearest tier that so long a prompt can reach. A tier may be cheaper than the one below it, therefore a prompt that
    /// just misses it counts as well.
    /// </summary>
    /// <param name="maxInputTokens">At least the usage's <see cref="Usage.TotalInput"/>.</param>
    /// <param name="tokens">Every kind of token that the usage can have.</param>
    /// <param name="others">At least the usage of every unit that is no token; it has none of tokens itself.</param>
    /// <exception cref="ArgumentException">The usage may have a unit that is not sold, or a bound is none: a bug of the caller.</exception>
    public static UpperBound UpperBound(Price price, long maxInputTokens, UnitSet tokens, in Usage others)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxInputTokens);
        UInt128 sum = 0;
        foreach (var unit in Units.All)
        {
            if (others[unit] != 0 && Units.Tokens.Contains(unit))
            {
                throw new ArgumentException($"The bound of {unit.Name()} is that of all input or output.", nameof(others));
            }
            if ((others[unit] != 0 || tokens.Contains(unit)) && !price.Sold.Contains(unit))
            {
                throw new ArgumentException($"The price {price.Id} has none for {unit.Name()}.", nameof(price));
            }
            sum += Term(others[unit], price.Base, unit);
        }

        var reached = 0;
        while (reached < price.Tiers.Length && price.Tiers[reached].AboveInputTokens < maxInputTokens)
        {
            reached++;
        }
        var tiers = reached == 0 ? [] : new UpperBound.Line[reached];
        for (var tier = 0; tier < reached; tier++)
        {
            tiers[tier] = LineOf(price.Tiers[tier].Rates, tier + 1);
        }
        return new UpperBound(LineOf(price.Base, 0), tiers);

        UpperBound.Line LineOf(Rates rates, int next) => new(
            sum + Term(
                next < price.Tiers.Length ? Math.Min(maxInputTokens, price.Tiers[next].AboveInputTokens) : maxInputTokens,
                Dearest(rates, tokens & Units.InputTokens)),
            Dearest(rates, tokens & Units.OutputTokens));
    }

    /// <summary>The rates that hold for a whole request whose prompt has so many tokens.</summary>
    public static Rates RatesFor(Price price, long totalInputTokens)
    {
        for (var tier = price.Tiers.Length - 1; tier >= 0; tier--)
        {
            if (totalInputTokens > price.Tiers[tier].AboveInputTokens)
            {
                return price.Tiers[tier].Rates;
            }
        }
        return price.Base;
    }

    private static long Dearest(Rates rates, UnitSet kinds)
    {
        var most = 0L;
        foreach (var unit in Units.All)
        {
            most = kinds.Contains(unit) ? Math.Max(most, rates[unit] ?? 0) : most;
        }
        return most;
    }

    private static UInt128 Term(long count, Rates rates, Unit unit) => count == 0 ? UInt128.Zero : Term(count, rates[unit] ?? 0);

    /// <summary>The cost of so much of a unit, in millionths of a nano.</summary>
    internal static UInt128 Term(long count, long rate)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return UInt128.Min((UInt128)(ulong)count * (ulong)rate, TermCeiling);
    }

    internal static long RoundUp(UInt128 millionths)
    {
        var nanos = (millionths + (UnitsPerRate - 1)) / UnitsPerRate;
        return nanos > long.MaxValue ? long.MaxValue : (long)nanos;
    }
}
