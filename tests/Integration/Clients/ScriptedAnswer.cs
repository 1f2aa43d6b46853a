using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace OrleansGateway.Tests.Integration.Clients;

/// <summary>What the scripted provider answers, whatever protocol it is asked in.</summary>
/// <param name="Reasoning">Empty for none.</param>
/// <param name="Text">In the pieces that a stream brings.</param>
/// <param name="Tools">Calls, their arguments in the pieces that a stream brings.</param>
internal sealed partial record ScriptedAnswer(string Reasoning, string[] Text, (string Id, string Name, string[] Arguments)[] Tools)
{
    public const int InputTokens = 120;
    public const int CachedTokens = 100;
    public const int OutputTokens = 57;

    /// <summary>An HTTP status to fail with; 200 does not.</summary>
    public int Status { get; init; } = 200;

    /// <summary>Whether a stream breaks off in the middle.</summary>
    public bool BreaksOff { get; init; }

    /// <summary>Whether it says nothing more then, until its client is gone.</summary>
    public bool FallsSilent { get; init; }

    public bool CallsTools => Tools.Length > 0;

    /// <summary>How each agent's tool for reading a file is called.</summary>
    private static readonly (string Tool, Func<string, JsonNode> Arguments)[] Readers =
    [
        ("Read", static path => new JsonObject { ["file_path"] = path }),
        ("read_file", static path => new JsonObject { ["file_path"] = path, ["absolute_path"] = path }),
        ("exec_command", static path => new JsonObject { ["cmd"] = "cat " + path }),
        ("shell", static path => new JsonObject { ["command"] = new JsonArray("cat", path) }),
        ("shell_command", static path => new JsonObject { ["command"] = "cat " + path }),
    ];

    /// <summary>Chooses by what is in the request: the last words of the user, the tools, and the results that the last turn brings.</summary>
    /// <param name="words">The user's last text.</param>
    /// <param name="tools">The tools' names.</param>
    /// <param name="results">Null where the last turn brings none.</param>
    public static ScriptedAnswer For(string words, IReadOnlyList<string> tools, string? results)
    {
        var (hasTools, hasResults) = (tools.Count > 0, results is not null);
        if (results is not null && SecretOf(results) is { Length: > 0 } secret)
        {
            return Say("The file says ", secret, ".");
        }

        if (PathOf(words) is { Length: > 0 } path && !hasResults)
        {
            var (tool, arguments) = Readers.FirstOrDefault(reader => tools.Contains(reader.Tool));
            return tool is null ? Say("Nothing to read it with.") : new("", [], [("call_read", tool, [arguments(path).ToJsonString()])]);
        }

        return For(words, hasTools, hasResults);
    }

    private static ScriptedAnswer For(string words, bool hasTools, bool hasResults) => words switch
    {
        _ when hasResults => Say("It is ", "sunny in ", "Paris."),
        _ when words.Contains("fail with ", StringComparison.Ordinal) =>
            Say("no") with { Status = int.Parse(words[(words.IndexOf("fail with ", StringComparison.Ordinal) + 10)..][..3], System.Globalization.CultureInfo.InvariantCulture) },
        _ when words.Contains("break off", StringComparison.Ordinal) => Say("Once ", "upon ", "a time") with { BreaksOff = true },
        _ when words.Contains("fall silent", StringComparison.Ordinal) => Say("Once ", "upon ", "a time") with { BreaksOff = true, FallsSilent = true },
        _ when hasTools && words.Contains("twice", StringComparison.Ordinal) =>
            new("", [], [("call_one", "get_weather", ["{\"city\":", "\"Paris\"}"]), ("call_two", "get_weather", ["{\"city\":\"", "Rome\"}"])]),
        _ when hasTools => new("", ["Let me ", "look."], [("call_one", "get_weather", ["{\"ci", "ty\":", "\"Paris\"}"])]),
        _ when words.Contains("think", StringComparison.Ordinal) => new("Two and two.", ["It is ", "four."], []),
        _ when words.Contains("json", StringComparison.Ordinal) => Say("{\"city\":", "\"Paris\",\"sky\":", "\"sunny\"}"),
        _ => Say("Hel", "lo, ", "wörld \"你好\"."),
    };

    public string Whole => string.Concat(Text);

    public static JsonNode Parse(string[] pieces) => JsonNode.Parse(string.Concat(pieces))!;

    private static string SecretOf(string text) => Secret().Match(text).Value;

    private static string PathOf(string text) => Path().Match(text).Groups[1].Value;

    [GeneratedRegex("secret-[0-9a-f]+")]
    private static partial Regex Secret();

    [GeneratedRegex("Read the file ([^ ]+)")]
    private static partial Regex Path();

    private static ScriptedAnswer Say(params string[] text) => new("", text, []);
}
