using System.Text.Json;
using System.Text.Json.Nodes;

namespace OrleansGateway.SimulatedProvider;

/// <summary>Tools are called by prompts that name them, with the JSON object that follows the name as its arguments.</summary>
internal static class ToolPrompt
{
    /// <summary>The arguments of a call of the tool; null where the text does not name it.</summary>
    public static JsonObject? ArgumentsOf(string tool, string text)
    {
        var at = tool.Length > 0 ? text.IndexOf(tool, StringComparison.Ordinal) : -1;
        if (at < 0)
        {
            return null;
        }

        var rest = text[(at + tool.Length)..];
        var (start, end) = (rest.IndexOf('{', StringComparison.Ordinal), rest.LastIndexOf('}'));
        try
        {
            return start >= 0 && end > start ? JsonNode.Parse(rest[start..(end + 1)])!.AsObject() : [];
        }
        catch (JsonException)
        {
            return [];
        }
    }
}
