using Orleans;

namespace OrleansGateway.Grains.Contracts.Pricing;

/// <summary>
/// What one request used, in tokens by kind. The kinds are disjoint: <see cref="Reasoning"/> is not part of
/// <see cref="Output"/>, cached input is not part of <see cref="Input"/>.
/// </summary>
[GenerateSerializer, Immutable, Alias("og.usage")]
public readonly record struct Usage
{
    /// <summary>Uncached text input, tokens.</summary>
    [Id(0)] public long Input { get; init; }

    /// <summary>Input read from the provider's cache, tokens.</summary>
    [Id(1)] public long CachedInput { get; init; }

    /// <summary>Input written to a cache of five minutes, tokens.</summary>
    [Id(2)] public long CacheWrite5m { get; init; }

    /// <summary>Input written to a cache of one hour, tokens.</summary>
    [Id(3)] public long CacheWrite1h { get; init; }

    /// <summary>Audio input, tokens.</summary>
    [Id(4)] public long AudioInput { get; init; }

    /// <summary>Image input, tokens.</summary>
    [Id(5)] public long ImageInput { get; init; }

    /// <summary>Text output without reasoning, tokens.</summary>
    [Id(6)] public long Output { get; init; }

    /// <summary>Reasoning output, tokens.</summary>
    [Id(7)] public long Reasoning { get; init; }

    /// <summary>Audio output, tokens.</summary>
    [Id(8)] public long AudioOutput { get; init; }

    /// <summary>Image output, tokens.</summary>
    [Id(9)] public long ImageOutput { get; init; }

    /// <summary>Calls that are priced each.</summary>
    [Id(10)] public long Calls { get; init; }

    /// <summary>Whether the provider reported nothing and the tokens are estimated from the text.</summary>
    [Id(11)] public bool IsEstimated { get; init; }

    /// <summary>All input, tokens: what a price's tiers go by. A sum that does not fit is the greatest number.</summary>
    public long TotalInput => Sum(Input, CachedInput, CacheWrite5m, CacheWrite1h, AudioInput, ImageInput);

    /// <summary>All output, tokens. A sum that does not fit is the greatest number.</summary>
    public long TotalOutput => Sum(Output, Reasoning, AudioOutput, ImageOutput);

    /// <summary>Whether no count is negative.</summary>
    public bool IsValid =>
        long.Min(long.Min(long.Min(Input, CachedInput), long.Min(CacheWrite5m, CacheWrite1h)), long.Min(AudioInput, ImageInput)) >= 0
        && long.Min(long.Min(Output, Reasoning), long.Min(AudioOutput, ImageOutput)) >= 0
        && Calls >= 0;

    /// <summary>Providers report these counts: whatever they claim, a sum never wraps around into a cheap one.</summary>
    private static long Sum(params ReadOnlySpan<long> counts)
    {
        Int128 sum = 0;
        foreach (var count in counts)
        {
            sum += count;
        }
        return (long)Int128.Min(sum, long.MaxValue);
    }
}
