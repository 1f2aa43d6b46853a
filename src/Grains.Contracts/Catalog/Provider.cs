namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>The wire format that a provider speaks.</summary>
public enum Dialect { OpenAI, Anthropic, Gemini }

/// <summary>Who runs models. Only hosts that a provider names are ever called, and their redirects are not followed.</summary>
public sealed record Provider
{
    public required string Name { get; init; }
    public required Dialect Dialect { get; init; }

    /// <summary>
    /// Ends with a slash, so that <c>new Uri(BaseUrl, "chat/completions")</c> is right. Null: its environment variable is not
    /// set.
    /// </summary>
    public required Uri? BaseUrl { get; init; }

    public required string DisplayName { get; init; }

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
