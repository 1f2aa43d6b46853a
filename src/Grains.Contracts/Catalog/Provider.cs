using System.Collections.Immutable;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>What providers may speak, by the catalog's <c>kind</c>.</summary>
public static class ProviderKinds
{
    /// <summary>OpenAI's Chat Completions, by OpenAI or by anybody who is compatible with it.</summary>
    public const string OpenAI = "openai";

    /// <summary>Anthropic's Messages, by Anthropic or by anybody who is compatible with it.</summary>
    public const string Anthropic = "anthropic";

    /// <summary>Google's generateContent, by Google or by anybody who is compatible with it.</summary>
    public const string Gemini = "gemini";

    /// <summary>All that the relay has a dialect for, and the providers that are known by name.</summary>
    public static ImmutableArray<string> Shipped { get; } = [OpenAI, Anthropic, Gemini, .. ProviderTraits.Named];
}

/// <summary>Who runs models. Only hosts that a provider names are ever called, and their redirects are not followed.</summary>
public sealed record Provider
{
    public required string Name { get; init; }

    /// <summary>What it speaks, or who it is: one of the kinds that the catalog was read with.</summary>
    public required string Kind { get; init; }

    /// <summary>What sets its kind apart.</summary>
    public ProviderTraits Traits => ProviderTraits.Of(Kind);

    /// <summary>
    /// The version of an interface whose models have paths of their own, below <c>deployments/</c>, as Azure OpenAI's older one; null where
    /// there is none.
    /// </summary>
    public string? ApiVersion { get; init; }

    /// <summary>
    /// Ends with a slash, so that <c>new Uri(BaseUrl, "chat/completions")</c> is right. Null: its environment variable is not
    /// set.
    /// </summary>
    public required Uri? BaseUrl { get; init; }

    public required string DisplayName { get; init; }

    /// <summary>
    /// Whether request fields that the relay does not know go to it. Where they do not, a field can spend at will what nobody bounds.
    /// </summary>
    public bool TakesUnknownFields { get; init; }

    /// <summary>The provider's own privacy policy.</summary>
    public Uri? PolicyUrl { get; init; }

    /// <summary>Where the provider is seated, ISO 3166-1 alpha-2.</summary>
    public string? Country { get; init; }
}

/// <summary>A provider's key. It leaves the process in one header, and nowhere else.</summary>
public sealed class ProviderKey(string value)
{
    /// <summary>The key itself, for the request's header.</summary>
    public string Reveal() => value;

    /// <summary>Never the key.</summary>
    public override string ToString() => "(provider key)";
}
