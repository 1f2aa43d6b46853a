using System.Collections.Immutable;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>What becomes of the field that caps the output.</summary>
public enum MaxTokensField
{
    /// <summary>Forwarded as the client named it.</summary>
    AsIs,
    MaxTokens,
    MaxCompletionTokens,
}

/// <summary>
/// What happens to a provider's answer when the client hangs up. Drain: the provider finishes within these bounds and what it
/// reports is charged. Cancel: the provider is stopped and what was metered so far is charged.
/// </summary>
/// <param name="IsDrain">Drain, else cancel.</param>
/// <param name="MaxMs">The longest drain, ms.</param>
/// <param name="MaxTokens">The most output to drain, tokens.</param>
public readonly record struct ClientGonePolicy(bool IsDrain, int MaxMs, long MaxTokens)
{
    /// <summary>Stop the provider.</summary>
    public static ClientGonePolicy Cancel => default;
}

/// <summary>How long a provider may take, ms.</summary>
public sealed record ChannelTimes
{
    /// <summary>The longest <see cref="TotalMs"/> that a catalog may name, ms: no hold is older.</summary>
    public const int MaxTotalMs = 3_600_000;

    /// <summary>Until the connection stands, ms.</summary>
    public int ConnectMs { get; init; } = 10_000;

    /// <summary>Until the first byte of the answer, ms. Long, since models think before they write.</summary>
    public int FirstByteMs { get; init; } = 300_000;

    /// <summary>Between two events of a stream, comments not counted, ms.</summary>
    public int IdleMs { get; init; } = 120_000;

    /// <summary>For the whole request, ms.</summary>
    public int TotalMs { get; init; } = 1_800_000;
}

/// <summary>One account at a provider: its key, what it serves, and how it is treated.</summary>
public sealed record Channel
{
    public required string Name { get; init; }
    public required Provider Provider { get; init; }

    /// <summary>Null for a provider that needs none, and for a channel that is off for want of one.</summary>
    public ProviderKey? Key { get; init; }

    /// <summary>Why the channel takes no requests; null when it does.</summary>
    public string? OffReason { get; init; }

    /// <summary>Public model name to the provider's own, in the file's order.</summary>
    public required ImmutableArray<(string Model, string Upstream)> Models { get; init; }

    /// <summary>The lowest goes first.</summary>
    public int Priority { get; init; }

    /// <summary>The share of requests among channels of the same priority.</summary>
    public int Weight { get; init; } = 1;

    public ClientGonePolicy OnClientGone { get; init; }
    public ChannelTimes Times { get; init; } = new();

    /// <summary>The value of <c>OpenAI-Organization</c>; null sends none.</summary>
    public string? Organization { get; init; }

    /// <summary>The value of <c>OpenAI-Project</c>; null sends none.</summary>
    public string? Project { get; init; }

    public MaxTokensField MaxTokensField { get; init; }

    /// <summary>Top-level request fields that the provider refuses and that are left out for it.</summary>
    public ImmutableArray<string> DropParams { get; init; } = [];

    /// <summary>Whether what has no price is left out of a request rather than refused: a tier of service, a tool of the provider.</summary>
    public bool DropsUnpriced { get; init; }

    /// <summary>Whether <c>stream_options.include_usage</c> may be sent; a provider without it reports usage unasked.</summary>
    public bool SupportsStreamUsage { get; init; } = true;

    /// <summary>Whether the provider takes OpenAI's Responses as they are; another gets them as Chat Completions.</summary>
    public bool TakesResponses { get; init; }

    /// <summary>Whether a request that the provider may have run, and whose answer is lost, is sent to another channel: the operator may pay twice.</summary>
    public bool RepeatLost { get; init; }

    /// <summary>Whether faults of tool calls that clients break on are mended in answers; text and arguments stay as they are.</summary>
    public bool Mend { get; init; } = true;

    /// <summary>
    /// Whether tool calls that Gemini has not made, or whose signature a client has lost, are sent with what asks not to check it: Gemini 3
    /// refuses them without any.
    /// </summary>
    public bool FillsSignatures { get; init; }

    public bool IsOn => OffReason is null;
}

/// <summary>One way to a model: a channel that is on, and the model's name there.</summary>
public sealed record Route(Channel Channel, string UpstreamModel);
