using System.Text.Json.Nodes;

namespace OrleansGateway.Tests.Integration.Clients;

/// <summary>What the scripted provider answers, whatever protocol it is asked in.</summary>
/// <param name="Reasoning">Empty for none.</param>
/// <param name="Text">In the pieces that a stream brings.</param>
/// <param name="Tools">Calls, their arguments in the pieces that a stream brings.</param>
internal sealed record ScriptedAnswer(string Reasoning, string[] Text, (string Id, string Name, string[] Arguments)[] Tools)
{
    public const int InputTokens = 120;
    public const int CachedTokens = 100;
    public const int OutputTokens = 57;

    /// <summary>An HTTP status to fail with; 200 does not.</summary>
    public int Status { get; init; } = 200;

    /// <summary>Whether a stream breaks off in the middle.</summary>
    public bool BreaksOff { get; init; }

    public bool CallsTools => Tools.Length > 0;

    /// <summary>Chooses by what is in the request: the last words of the user, the tools, and whether results are there.</summary>
    /// <param name="words">The user's last text.</param>
    /// <param name="hasResults">Whether the last turn brings results of tools.</param>
    public static ScriptedAnswer For(string words, bool hasTools, bool hasResults) => words switch
    {
        _ when hasResults => Say("It is ", "sunny in ", "Paris."),
        _ when words.Contains("fail with ", StringComparison.Ordinal) =>
            Say("no") with { Status = int.Parse(words[(words.IndexOf("fail with ", StringComparison.Ordinal) + 10)..][..3], System.Globalization.CultureInfo.InvariantCulture) },
        _ when words.Contains("break off", StringComparison.Ordinal) => Say("Once ", "upon ", "a time") with { BreaksOff = true },
        _ when hasTools && words.Contains("twice", StringComparison.Ordinal) =>
            new("", [], [("call_one", "get_weather", ["{\"city\":", "\"Paris\"}"]), ("call_two", "get_weather", ["{\"city\":\"", "Rome\"}"])]),
        _ when hasTools => new("", ["Let me ", "look."], [("call_one", "get_weather", ["{\"ci", "ty\":", "\"Paris\"}"])]),
        _ when words.Contains("think", StringComparison.Ordinal) => new("Two and two.", ["It is ", "four."], []),
        _ when words.Contains("json", StringComparison.Ordinal) => Say("{\"city\":", "\"Paris\",\"sky\":", "\"sunny\"}"),
        _ => Say("Hel", "lo, ", "wörld \"你好\"."),
    };

    public string Whole => string.Concat(Text);

    public static JsonNode Parse(string[] pieces) => JsonNode.Parse(string.Concat(pieces))!;

    private static ScriptedAnswer Say(params string[] text) => new("", text, []);
}
