using System.Collections.Immutable;

namespace OrleansGateway.Grains.Contracts.Pricing;

/// <summary>Tiers of service: what a provider calls them is what requests ask for.</summary>
public static class ServiceTiers
{
    /// <summary>Names of the usual one, which a request without a tier has as well.</summary>
    public static ImmutableArray<string> Usual { get; } = ["auto", "default", "standard"];

    /// <summary>Whether a request for this tier is charged as one without.</summary>
    public static bool IsUsual(string? tier) => tier is null || Usual.Contains(tier);
}
