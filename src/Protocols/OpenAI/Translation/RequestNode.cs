using System.Text.Json;

namespace OrleansGateway.Protocols.OpenAI.Translation;

/// <summary>The first thing that is wrong with a request.</summary>
internal sealed class RequestProblem
{
    /// <summary>Null when nothing is.</summary>
    public OpenAIError? Found { get; private set; }

    /// <summary>Notes what is wrong; only the first stays.</summary>
    public void Note(string message, string path, string code) => Found ??= OpenAIError.BadRequest(message, path, code);
}

/// <summary>A value of a request, and where it stands. What is wrong with it is noted, and a stand-in takes its place.</summary>
/// <param name="Path">For errors: <c>messages[2].content</c>; empty for the body.</param>
internal readonly record struct RequestNode(JsonElement Json, string Path, RequestProblem Problem)
{
    public bool IsText => Json.ValueKind == JsonValueKind.String;

    public bool IsList => Json.ValueKind == JsonValueKind.Array;

    public bool IsObject => Json.ValueKind == JsonValueKind.Object;

    /// <summary>The value's text; empty, and wrong, when it is none.</summary>
    public string Text => IsText ? Json.GetString()! : Wrong<string>("a string") ?? "";

    /// <summary>The value as it stands.</summary>
    public string Raw => Json.GetRawText();

    /// <summary>The path of a member.</summary>
    public string PathOf(string name) => Path.Length == 0 ? name : Path + "." + name;

    /// <summary>A member; null when it is not there or is null.</summary>
    public RequestNode? Find(string name) =>
        IsObject && Json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? new(value, PathOf(name), Problem) : null;

    /// <summary>A member that is an object; null when it is not there.</summary>
    public RequestNode? FindObject(string name)
    {
        if (Find(name) is not { } node)
        {
            return null;
        }

        return node.IsObject ? node : node.Wrong<RequestNode?>("an object");
    }

    /// <summary>A member's text; null when it is not there.</summary>
    public string? FindText(string name) => Find(name)?.Text;

    /// <summary>A member's text, which has to be there.</summary>
    public string NeedText(string name)
    {
        if (Find(name) is { } node)
        {
            return node.Text;
        }

        Problem.Note($"Missing required parameter: '{PathOf(name)}'.", PathOf(name), "missing_required_parameter");
        return "";
    }

    /// <summary>A member's truth; null when it is not there.</summary>
    public bool? FindFlag(string name) => Find(name) switch
    {
        null => null,
        { Json.ValueKind: JsonValueKind.True } => true,
        { Json.ValueKind: JsonValueKind.False } => false,
        { } node => node.Wrong<bool?>("a boolean"),
    };

    /// <summary>A member's number as it is written; null when it is not there.</summary>
    public string? FindNumber(string name) => Find(name) switch
    {
        null => null,
        { Json.ValueKind: JsonValueKind.Number } node => node.Raw,
        { } node => node.Wrong<string>("a number"),
    };

    /// <summary>A member's whole number; null when it is not there.</summary>
    public long? FindInteger(string name) => Find(name) switch
    {
        null => null,
        { Json.ValueKind: JsonValueKind.Number } node when node.Json.TryGetInt64(out var value) => value,
        { } node => node.Wrong<long?>("an integer"),
    };

    /// <summary>A member's items; none when it is not there.</summary>
    public IEnumerable<RequestNode> Items(string name) => Find(name)?.Items() ?? [];

    /// <summary>The value's items; none, and wrong, when it is no list.</summary>
    public IEnumerable<RequestNode> Items()
    {
        if (!IsList)
        {
            Wrong<object>("an array");
            yield break;
        }

        var number = 0;
        foreach (var item in Json.EnumerateArray())
        {
            yield return new RequestNode(item, $"{Path}[{number++}]", Problem);
        }
    }

    /// <summary>Notes that the value is of the wrong type.</summary>
    /// <returns>Nothing.</returns>
    private T? Wrong<T>(string expected)
    {
        var found = Json.ValueKind switch
        {
            JsonValueKind.Object => "an object",
            JsonValueKind.Array => "an array",
            JsonValueKind.String => "a string",
            JsonValueKind.Number => "a number",
            JsonValueKind.True or JsonValueKind.False => "a boolean",
            _ => "null",
        };
        Problem.Note($"Invalid type for '{Path}': expected {expected}, but got {found} instead.", Path, "invalid_type");
        return default;
    }

    /// <summary>Notes that the value is none of those that are known.</summary>
    public void Unknown(string what) => Problem.Note($"Invalid value for '{Path}': {what}", Path, "invalid_value");
}
