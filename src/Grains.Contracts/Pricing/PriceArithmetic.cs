namespace OrleansGateway.Grains.Contracts.Pricing;

/// <summary>
/// What usage costs. Computed in 128 bits and rounded up once per request, so a charge is never below the exact cost and
/// never a whole nano above it. What does not fit into a <see cref="long"/> is <see cref="long.MaxValue"/>.
/// </summary>
public static class PriceArithmetic
{
    /// <summary>Rates are for so many tokens.</summary>
    public const long TokensPerRate = 1_000_000;

    /// <summary>The most that a term counts: enough to make the sum the greatest amount, and small enough to be summed.</summary>
    private static readonly UInt128 TermCeiling = (UInt128)long.MaxValue * TokensPerRate;

    /// <summary>What <paramref name="usage"/> costs at <paramref name="price"/>, nanos.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A count or a rate is negative: a bug of the caller.</exception>
    public static long Charge(Price price, in Usage usage)
    {
        var rates = RatesFor(price, usage.TotalInput);
        return RoundUp(
            Term(usage.Input, rates.Input)
            + Term(usage.CachedInput, rates.CachedInput)
            + Term(usage.CacheWrite5m, rates.CacheWrite5m)
            + Term(usage.CacheWrite1h, rates.CacheWrite1h)
            + Term(usage.AudioInput, rates.AudioInput)
            + Term(usage.ImageInput, rates.ImageInput)
            + Term(usage.Output, rates.Output)
            + Term(usage.Reasoning, rates.Reasoning)
            + Term(usage.AudioOutput, rates.AudioOutput)
            + Term(usage.ImageOutput, rates.ImageOutput)
            + CallsTerm(usage.Calls, price.PerCallNanos));
    }

    /// <summary>
    /// The most that any usage within these bounds can cost, nanos: the dearest possible kind for every token, in the
    /// dearest tier that so long a prompt can reach. A tier may be cheaper than the one below it, therefore a prompt that
    /// just misses it counts as well.
    /// </summary>
    /// <param name="maxInputTokens">At least the usage's <see cref="Usage.TotalInput"/>.</param>
    /// <param name="maxOutputTokens">At least the usage's <see cref="Usage.TotalOutput"/>.</param>
    /// <param name="maxCalls">At least the usage's <see cref="Usage.Calls"/>.</param>
    /// <param name="kinds">Every kind that the usage can have.</param>
    public static long UpperBound(Price price, long maxInputTokens, long maxOutputTokens, long maxCalls, UsageKinds kinds)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxInputTokens);
        UInt128 most = 0;
        for (var tier = -1; tier < price.Tiers.Length; tier++)
        {
            if (tier >= 0 && price.Tiers[tier].AboveInputTokens >= maxInputTokens)
            {
                break;
            }
            var rates = tier < 0 ? price.Base : price.Tiers[tier].Rates;
            var inputTokens = tier + 1 < price.Tiers.Length
                ? Math.Min(maxInputTokens, price.Tiers[tier + 1].AboveInputTokens)
                : maxInputTokens;
            most = UInt128.Max(
                most,
                Term(inputTokens, DearestInput(rates, kinds)) + Term(maxOutputTokens, DearestOutput(rates, kinds)));
        }
        return RoundUp(most + CallsTerm(maxCalls, price.PerCallNanos));
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

    private static long DearestInput(Rates rates, UsageKinds kinds)
    {
        var most = kinds.HasFlag(UsageKinds.Input) ? rates.Input : 0;
        most = kinds.HasFlag(UsageKinds.CachedInput) ? Math.Max(most, rates.CachedInput) : most;
        most = kinds.HasFlag(UsageKinds.CacheWrite5m) ? Math.Max(most, rates.CacheWrite5m) : most;
        most = kinds.HasFlag(UsageKinds.CacheWrite1h) ? Math.Max(most, rates.CacheWrite1h) : most;
        most = kinds.HasFlag(UsageKinds.AudioInput) ? Math.Max(most, rates.AudioInput) : most;
        return kinds.HasFlag(UsageKinds.ImageInput) ? Math.Max(most, rates.ImageInput) : most;
    }

    private static long DearestOutput(Rates rates, UsageKinds kinds)
    {
        var most = kinds.HasFlag(UsageKinds.Output) ? rates.Output : 0;
        most = kinds.HasFlag(UsageKinds.Reasoning) ? Math.Max(most, rates.Reasoning) : most;
        most = kinds.HasFlag(UsageKinds.AudioOutput) ? Math.Max(most, rates.AudioOutput) : most;
        return kinds.HasFlag(UsageKinds.ImageOutput) ? Math.Max(most, rates.ImageOutput) : most;
    }

    /// <summary>The cost of one kind, in millionths of a nano.</summary>
    private static UInt128 Term(long tokens, long rate)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfNegative(rate);
        return UInt128.Min((UInt128)(ulong)tokens * (ulong)rate, TermCeiling);
    }

    private static UInt128 CallsTerm(long calls, long perCallNanos) =>
        UInt128.Min(Term(calls, perCallNanos) * TokensPerRate, TermCeiling);

    private static long RoundUp(UInt128 millionths)
    {
        var nanos = (millionths + (TokensPerRate - 1)) / TokensPerRate;
        return nanos > long.MaxValue ? long.MaxValue : (long)nanos;
    }
}
