using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using OrleansGateway.Grains.Contracts;

namespace OrleansGateway.Silo.Operator;

/// <summary>
/// Reads a request's JSON object field by field. A field that is not there keeps what it was, null means none; everything
/// that is wrong is collected, fields that nobody asked for included.
/// </summary>
internal sealed class Fields
{
    private readonly Dictionary<string, JsonElement> _fields = new(StringComparer.Ordinal);
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly List<string> _problems = [];

    public Fields(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object)
        {
            _problems.Add("a JSON object is expected");
            return;
        }

        foreach (var property in body.EnumerateObject())
        {
            if (!_fields.TryAdd(property.Name, property.Value))
            {
                _problems.Add($"{property.Name} is there twice");
            }
        }
    }

    /// <summary>What is wrong, once every field was asked for; null when nothing is.</summary>
    public string? Problems()
    {
        var unknown = _fields.Keys.Where(name => !_known.Contains(name)).Select(name => $"{name} is not a field of this request");
        var all = _problems.Concat(unknown).ToList();
        return all.Count == 0 ? null : string.Join("; ", all);
    }

    public string Text(string name, string? keep, int lengthMax)
    {
        if (Find(name) is not { } value)
        {
            return keep ?? Wrong(name, "is missing", "");
        }

        return value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text && text.Length <= lengthMax && !text.Any(char.IsControl)
            ? text
            : Wrong(name, $"must be a text of 1 to {lengthMax} characters", "");
    }

    public long? Count(string name, long? keep)
    {
        if (Find(name) is not { } value)
        {
            return keep;
        }

        return value.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.Number when value.TryGetInt64(out var count) && count >= 1 => count,
            _ => Wrong(name, "must be a whole number of at least 1, or null for no limit", (long?)null),
        };
    }

    /// <summary>An amount in USD as text; the sign is left to the caller.</summary>
    public long? Usd(string name, long? keep)
    {
        if (Find(name) is not { } value)
        {
            return keep;
        }

        return value.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.String when Money.TryParseUsd(value.GetString(), out var nanos) => nanos,
            _ => Wrong(name, "must be an amount in USD as text, such as \"12.50\"", (long?)null),
        };
    }

    /// <summary>An amount of more than 0, or none.</summary>
    public long? Cap(string name, long? keep)
    {
        var nanos = Usd(name, keep);
        return nanos is <= 0 ? Wrong(name, "must be above 0, or null for no cap", (long?)null) : nanos;
    }

    public bool Flag(string name, bool keep)
    {
        if (Find(name) is not { } value)
        {
            return keep;
        }

        return value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? value.GetBoolean()
            : Wrong(name, "must be true or false", keep);
    }

    public DateTimeOffset? Time(string name, DateTimeOffset? keep)
    {
        if (Find(name) is not { } value || value.ValueKind == JsonValueKind.Null)
        {
            return Find(name) is null ? keep : null;
        }

        const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        return value.ValueKind == JsonValueKind.String && DateTimeOffset.TryParse(value.GetString(), CultureInfo.InvariantCulture, Utc, out var time)
            ? time
            : Wrong(name, "must be a time such as 2027-01-31T00:00:00Z, or null for none", (DateTimeOffset?)null);
    }

    public ImmutableArray<string> Texts(string name, ImmutableArray<string> keep, Func<string, bool> isValid, string expected)
    {
        if (Find(name) is not { } value)
        {
            return keep;
        }

        if (value.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        if (value.ValueKind == JsonValueKind.Array
            && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String && isValid(item.GetString()!)))
        {
            return [.. value.EnumerateArray().Select(item => item.GetString()!)];
        }

        return Wrong(name, $"must be an array of {expected}, or null for all", ImmutableArray<string>.Empty);
    }

    public TEnum Choice<TEnum>(string name, TEnum? keep)
        where TEnum : struct, Enum
    {
        var names = Enum.GetNames<TEnum>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName);
        if (Find(name) is not { } value)
        {
            return keep ?? Wrong(name, "is missing", default(TEnum));
        }

        return value.ValueKind == JsonValueKind.String && names.Contains(value.GetString())
            ? Enum.Parse<TEnum>(value.GetString()!.Replace("_", "", StringComparison.Ordinal), ignoreCase: true)
            : Wrong(name, $"must be one of {string.Join(", ", names)}", default(TEnum));
    }

    private JsonElement? Find(string name)
    {
        _known.Add(name);
        return _fields.TryGetValue(name, out var value) ? value : null;
    }

    private T Wrong<T>(string name, string what, T standIn)
    {
        _problems.Add($"{name} {what}");
        return standIn;
    }
}
