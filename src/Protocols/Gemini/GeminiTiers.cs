namespace OrleansGateway.Protocols.Gemini;

/// <summary>Tiers of service.</summary>
internal static class GeminiTiers
{
    private const string Prefix = "SERVICE_TIER_";

    /// <summary>A tier's name as prices have it: <c>flex</c>, whether it came as that or as <c>SERVICE_TIER_FLEX</c>.</summary>
    public static string Name(string tier)
    {
        var name = (tier.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) ? tier[Prefix.Length..] : tier).ToLowerInvariant();
        return name == "unspecified" ? "standard" : name;
    }
}
