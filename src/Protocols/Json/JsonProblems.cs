using System.Text.Json;

namespace OrleansGateway.Protocols.Json;

/// <summary>What is wrong with the JSON of a request, as a part of a sentence.</summary>
internal static class JsonProblems
{
    /// <summary>What the reader stands on.</summary>
    public static string Found(this in Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "a boolean",
        _ => "null",
    };

    /// <summary>Why the reader could not go on.</summary>
    /// <param name="exception">
    /// What it has thrown: <see cref="InvalidOperationException"/> at a name or value that escapes one half of a surrogate pair.
    /// </param>
    /// <param name="bytes">The body's length.</param>
    public static string Wrong(this in Utf8JsonReader reader, Exception exception, int bytes)
    {
        if (exception is not JsonException json)
        {
            return $"a string near byte {reader.TokenStartIndex} is not valid Unicode.";
        }

        var (depth, deepest) = (reader.CurrentDepth, reader.CurrentState.Options.MaxDepth);
        depth += reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray ? 1 : 0;
        return depth >= deepest
            ? $"it is nested deeper than {deepest} levels."
            : $"it is malformed or cut off at line {json.LineNumber + 1}, byte {json.BytePositionInLine + 1} of that line ({bytes} bytes received).";
    }
}
