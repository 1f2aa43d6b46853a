using System.Text.Json;
using OrleansGateway.Protocols.Conversations;

namespace OrleansGateway.Protocols.Gemini;

/// <summary><c>thinkingConfig</c>: a budget for Gemini 2.5, a level from Gemini 3 on, nothing for older models.</summary>
internal static class GeminiThinking
{
    private const int LowTokens = 1024;
    private const int MediumTokens = 8192;
    private const int HighTokens = 24_576;
    private const int ProMinTokens = 128;

    private static readonly string[] Older = ["gemini-1", "gemini-2.0", "gemma", "learnlm", "embedding"];

    /// <summary>Reads what a client says.</summary>
    public static Reasoning Read(JsonElement config)
    {
        ReasoningEffort? effort = GeminiElements.Text(config, "thinkingLevel")?.ToUpperInvariant() switch
        {
            "MINIMAL" => ReasoningEffort.Minimal,
            "LOW" => ReasoningEffort.Low,
            "MEDIUM" => ReasoningEffort.Medium,
            "HIGH" => ReasoningEffort.High,
            _ => null,
        };
        int? budget = GeminiElements.Find(config, "thinkingBudget") is { ValueKind: JsonValueKind.Number } number && number.TryGetInt32(out var tokens)
            ? tokens
            : null;
        bool? isShown = GeminiElements.Find(config, "includeThoughts") is { ValueKind: JsonValueKind.True or JsonValueKind.False } shown ? shown.GetBoolean() : null;

        // Less than none leaves it to the model.
        return budget == 0 ? new Reasoning(ReasoningEffort.None, null, isShown) : new Reasoning(effort, budget > 0 ? budget : null, isShown);
    }

    /// <summary>Writes what a model understands of it.</summary>
    /// <param name="model">The provider's name for it.</param>
    public static void Write(Utf8JsonWriter json, Reasoning reasoning, string model)
    {
        if (Older.Any(older => model.StartsWith(older, StringComparison.Ordinal)))
        {
            return;
        }

        json.WriteStartObject("thinkingConfig"u8);
        if (model.StartsWith("gemini-2.5", StringComparison.Ordinal))
        {
            if (BudgetOf(reasoning, isPro: model.Contains("pro", StringComparison.Ordinal)) is { } budget)
            {
                json.WriteNumber("thinkingBudget"u8, budget);
            }
        }
        else if (LevelOf(reasoning, model) is { } level)
        {
            json.WriteString("thinkingLevel"u8, level);
        }

        if (reasoning.IsShown ?? (reasoning.Effort is not ReasoningEffort.None))
        {
            json.WriteBoolean("includeThoughts"u8, true);
        }

        json.WriteEndObject();
    }

    private static int? BudgetOf(Reasoning reasoning, bool isPro)
    {
        int? budget = reasoning switch
        {
            { Effort: ReasoningEffort.None } => 0,
            { BudgetTokens: { } tokens } => Math.Min(tokens, HighTokens),
            { Effort: ReasoningEffort.Minimal or ReasoningEffort.Low } => LowTokens,
            { Effort: ReasoningEffort.Medium } => MediumTokens,
            { Effort: not null } => HighTokens,
            _ => null,
        };
        return isPro && budget is { } given ? Math.Max(given, ProMinTokens) : budget;
    }

    private static string? LevelOf(Reasoning reasoning, string model)
    {
        var level = reasoning switch
        {
            { Effort: ReasoningEffort.None or ReasoningEffort.Minimal } => "MINIMAL",
            { Effort: ReasoningEffort.Low } => "LOW",
            { Effort: ReasoningEffort.Medium } => "MEDIUM",
            { Effort: not null } => "HIGH",
            { BudgetTokens: <= LowTokens } => "LOW",
            { BudgetTokens: <= MediumTokens } => "MEDIUM",
            { BudgetTokens: not null } => "HIGH",
            _ => null,
        };

        // Pro always thinks, and the first of them knows two levels.
        return level switch
        {
            "MINIMAL" when model.Contains("pro", StringComparison.Ordinal) => "LOW",
            "MEDIUM" when model.StartsWith("gemini-3-pro", StringComparison.Ordinal) => "HIGH",
            _ => level,
        };
    }
}
