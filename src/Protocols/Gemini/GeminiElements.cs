using System.Text;
using System.Text.Json;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>Members of a request by their documented name, in either spelling.</summary>
internal static class GeminiElements
{
    /// <summary>A member that is there and not null.</summary>
    public static JsonElement? Find(JsonElement element, string name)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        return (element.TryGetProperty(name, out var value) || element.TryGetProperty(WithUnderscores(name), out value)) && value.ValueKind != JsonValueKind.Null
            ? value
            : null;
    }

    /// <summary>A member that is a string.</summary>
    public static string? Text(JsonElement element, string name) =>
        Find(element, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    /// <summary>The items of a member that is a list, or one alone.</summary>
    public static IEnumerable<JsonElement> Items(JsonElement element, string name) => Find(element, name) switch
    {
        { ValueKind: JsonValueKind.Array } list => list.EnumerateArray(),
        { ValueKind: JsonValueKind.Object } item => [item],
        _ => [],
    };

    private static string WithUnderscores(string name)
    {
        var text = new StringBuilder(name.Length + 4);
        foreach (var letter in name)
        {
            if (char.IsAsciiLetterUpper(letter))
            {
                text.Append('_');
            }

            text.Append(char.ToLowerInvariant(letter));
        }

        return text.ToString();
    }
}
