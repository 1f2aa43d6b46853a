using System.Collections.Immutable;

namespace OrleansGateway.Grains.Contracts.Pricing;

/// <summary>Nanos per 1,000,000 tokens, by kind. Never negative.</summary>
public sealed record Rates
{
    public required long Input { get; init; }
    public required long CachedInput { get; init; }
    public required long CacheWrite5m { get; init; }
    public required long CacheWrite1h { get; init; }
    public required long AudioInput { get; init; }
    public required long ImageInput { get; init; }
    public required long Output { get; init; }
    public required long Reasoning { get; init; }
    public required long AudioOutput { get; init; }
    public required long ImageOutput { get; init; }
}

/// <summary>The rates that hold for prompts of more than <paramref name="AboveInputTokens"/> tokens, for the whole request.</summary>
public sealed record PriceTier(long AboveInputTokens, Rates Rates);

/// <summary>
/// What one request is charged by, frozen into its hold by <see cref="Id"/>: a model's price as it stands at the
/// time of admission, peak or off-peak already decided. Tiers are decided by the prompt's length at settlement.
/// </summary>
/// <param name="Id">Names this price for good: <c>model@version</c>, with <c>#window</c> for one of its hours.</param>
/// <param name="PerCallNanos">Nanos for each call, beside the tokens.</param>
/// <param name="Base">The rates below every tier.</param>
/// <param name="Tiers">Ascending by <see cref="PriceTier.AboveInputTokens"/>.</param>
public sealed record Price(string Id, long PerCallNanos, Rates Base, ImmutableArray<PriceTier> Tiers);
