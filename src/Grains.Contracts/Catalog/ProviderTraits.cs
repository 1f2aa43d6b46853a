using System.Collections.Frozen;
using System.Collections.Immutable;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>How a provider wants to be told how much a model is to think, where it does not know <c>reasoning_effort</c>.</summary>
public enum ThinkingField
{
    /// <summary>By <c>reasoning_effort</c>, as the client does.</summary>
    ReasoningEffort,

    /// <summary>By <c>thinking: {"type": "enabled" | "disabled"}</c>.</summary>
    Thinking,

    /// <summary>By <c>enable_thinking: true | false</c>.</summary>
    EnableThinking,
}

/// <summary>
/// What sets a provider apart from others that speak the same: what a channel of its kind does unless the catalog says otherwise. Sources: the
/// API references of each, named in <c>docs/catalog.md</c>.
/// </summary>
/// <param name="Dialect">What it speaks: one of <see cref="ProviderKinds"/> that the relay has a dialect for.</param>
public sealed record ProviderTraits(string Dialect)
{
    private static readonly FrozenDictionary<string, ProviderTraits> ByKind = new Dictionary<string, ProviderTraits>(StringComparer.Ordinal)
    {
        ["azure"] = new(ProviderKinds.OpenAI) { KeyHeader = "api-key", MaxTokensField = MaxTokensField.MaxCompletionTokens },
        ["deepseek"] = new(ProviderKinds.OpenAI) { MaxTokensField = MaxTokensField.MaxTokens },
        ["zhipu"] = new(ProviderKinds.OpenAI)
        {
            MaxTokensField = MaxTokensField.MaxTokens,
            ThinkingField = ThinkingField.Thinking,
            SupportsStreamUsage = false,
            HasOwnFinishReasons = true,
            DropParams = ["n", "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "parallel_tool_calls"],
        },
        ["moonshot"] = new(ProviderKinds.OpenAI) { MaxTokensField = MaxTokensField.MaxTokens, ThinkingField = ThinkingField.Thinking },
        ["alibaba"] = new(ProviderKinds.OpenAI) { MaxTokensField = MaxTokensField.MaxTokens, ThinkingField = ThinkingField.EnableThinking },
        ["openrouter"] = new(ProviderKinds.OpenAI) { MaxTokensField = MaxTokensField.MaxTokens },
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, ProviderTraits> Plain =
        new[] { ProviderKinds.OpenAI, ProviderKinds.Anthropic, ProviderKinds.Gemini }.ToFrozenDictionary(
            static kind => kind, static kind => new ProviderTraits(kind), StringComparer.Ordinal);

    /// <summary>The kinds that name a provider who speaks another kind's protocol.</summary>
    public static ImmutableArray<string> Named { get; } = [.. ByKind.Keys.Order(StringComparer.Ordinal)];

    /// <summary>The header that its key goes into as it is; null for <c>Authorization: Bearer</c>.</summary>
    public string? KeyHeader { get; init; }

    /// <summary>What the cap on the output is called there.</summary>
    public MaxTokensField MaxTokensField { get; init; }

    /// <summary>How it is told how much to think.</summary>
    public ThinkingField ThinkingField { get; init; }

    /// <summary>Whether <c>stream_options.include_usage</c> may be sent.</summary>
    public bool SupportsStreamUsage { get; init; } = true;

    /// <summary>Whether it has names of its own for why an answer ends, which clients get as those that they know.</summary>
    public bool HasOwnFinishReasons { get; init; }

    /// <summary>Request fields that it refuses.</summary>
    public ImmutableArray<string> DropParams { get; init; } = [];

    /// <summary>Those of a kind; of one that names no provider, nothing but what it speaks.</summary>
    public static ProviderTraits Of(string kind) => ByKind.GetValueOrDefault(kind) ?? Plain.GetValueOrDefault(kind) ?? new ProviderTraits(kind);
}
