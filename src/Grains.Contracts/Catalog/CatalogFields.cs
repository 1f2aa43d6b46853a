using System.Globalization;
using System.Text.Json;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>
/// Reads the fields of one object. What is missing or wrong becomes a problem and a stand-in value, so that one reading
/// finds every problem; <see cref="Finish"/> refuses the fields that nobody asked for.
/// </summary>
internal sealed class CatalogFields
{
    private readonly CatalogProblems _problems;
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    /// <summary>A node that is no object is a problem, and reads like an empty one.</summary>
    public CatalogFields(CatalogNode node, CatalogProblems problems)
    {
        Node = node;
        _problems = problems;
        IsObject = node.Kind == JsonValueKind.Object;
        if (!IsObject)
        {
            problems.Error(node, "An object is expected here.");
        }
    }

    public CatalogNode Node { get; }

    private bool IsObject { get; }

    /// <summary>The field's value; null when it is not there or JSON's null.</summary>
    public CatalogNode? Find(string name)
    {
        _known.Add(name);
        var value = Node.Fields.Find(field => field.Name == name).Value;
        return value is null || value.Kind == JsonValueKind.Null ? null : value;
    }

    /// <summary>Whether the field is written at all, as null perhaps.</summary>
    public bool Has(string name) => Node.Fields.Exists(field => field.Name == name);

    public void Missing(string name)
    {
        if (IsObject)
        {
            _problems.Error(Node.Line, $"{Node.Path}.{name}".TrimStart('.'), "The field is missing.");
        }
    }

    public string Text(string name)
    {
        var text = OptionalText(name);
        if (Find(name) is null)
        {
            Missing(name);
        }
        return text ?? "";
    }

    public string? OptionalText(string name) => Find(name) is { } node ? TextOf(node) : null;

    public string? TextOf(CatalogNode node)
    {
        if (node.Kind == JsonValueKind.String && !string.IsNullOrWhiteSpace(node.Text))
        {
            return node.Text;
        }
        _problems.Error(node, "A text that is not empty is expected.");
        return null;
    }

    public List<(CatalogNode Node, string Text)> Texts(string name)
    {
        var texts = new List<(CatalogNode, string)>();
        foreach (var node in Items(name))
        {
            if (TextOf(node) is { } text)
            {
                texts.Add((node, text));
            }
        }
        return texts;
    }

    public long Integer(string name, long min, long max)
    {
        if (Find(name) is null)
        {
            Missing(name);
        }
        return Integer(name, min, max, min);
    }

    public long Integer(string name, long min, long max, long fallback)
    {
        if (Find(name) is not { } node)
        {
            return fallback;
        }
        if (node.Kind == JsonValueKind.Number
            && long.TryParse(node.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            && value >= min && value <= max)
        {
            return value;
        }
        _problems.Error(node, $"A whole number from {min} to {max} is expected.");
        return fallback;
    }

    public bool Flag(string name, bool fallback)
    {
        if (Find(name) is not { } node)
        {
            return fallback;
        }
        if (node.Kind is JsonValueKind.True or JsonValueKind.False)
        {
            return node.Kind == JsonValueKind.True;
        }
        _problems.Error(node, "true or false is expected.");
        return fallback;
    }

    /// <summary>A decimal that is not negative, as a number or a text, in billionths: for USD, nanos.</summary>
    public long? Decimal(string name)
    {
        if (Find(name) is not { } node)
        {
            return null;
        }
        if (node.Kind is JsonValueKind.Number or JsonValueKind.String && Money.TryParseUsd(node.Text, out var nanos))
        {
            if (nanos >= 0)
            {
                return nanos;
            }
            _problems.Error(node, "The number must not be negative.");
            return 0;
        }
        _problems.Error(node, "A plain decimal number with at most 9 decimals and no exponent is expected.");
        return 0;
    }

    public T Choice<T>(string name, T fallback, params ReadOnlySpan<(string Text, T Value)> choices) =>
        Find(name) is { } node ? ChoiceOf(node, fallback, choices) : fallback;

    public T ChoiceOf<T>(CatalogNode node, T fallback, params ReadOnlySpan<(string Text, T Value)> choices)
    {
        var names = new List<string>();
        foreach (var (text, value) in choices)
        {
            if (node.Kind == JsonValueKind.String && node.Text == text)
            {
                return value;
            }
            names.Add(text);
        }
        _problems.Error(node, $"One of these is expected: {string.Join(", ", names)}.");
        return fallback;
    }

    public DateTimeOffset Time(string name)
    {
        if (Find(name) is not { } node)
        {
            Missing(name);
            return default;
        }
        if (node.Kind == JsonValueKind.String
            && DateTimeOffset.TryParseExact(
                node.Text,
                ["yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd'T'HH:mm:sszzz"],
                CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal,
                out var time))
        {
            return time;
        }
        _problems.Error(node, "A time as in RFC 3339 is expected, for example 2026-11-01T00:00:00Z.");
        return default;
    }

    public DateOnly? Date(string name)
    {
        if (Find(name) is not { } node)
        {
            return null;
        }
        if (node.Kind == JsonValueKind.String
            && DateOnly.TryParseExact(node.Text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date))
        {
            return date;
        }
        _problems.Error(node, "A day is expected, for example 2026-11-01.");
        return null;
    }

    /// <summary>An absolute http or https address without user info, query or fragment.</summary>
    public Uri? Url(string name, bool mayHaveQuery = false) =>
        Find(name) is { } node && TextOf(node) is { } text ? UrlOf(node, text, mayHaveQuery) : null;

    /// <summary>The same of a text that comes from elsewhere, and is therefore not repeated in the problem.</summary>
    public Uri? UrlOf(CatalogNode node, string text, bool mayHaveQuery = false)
    {
        if (Uri.TryCreate(text, UriKind.Absolute, out var url)
            && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp)
            && url.UserInfo.Length == 0
            && (mayHaveQuery || (url.Query.Length == 0 && url.Fragment.Length == 0 && !text.AsSpan().ContainsAny('?', '#'))))
        {
            return url;
        }
        _problems.Error(node, "An address such as https://api.example.com/v1 is expected, without user name, query or fragment.");
        return null;
    }

    public List<CatalogNode> Items(string name)
    {
        if (Find(name) is not { } node)
        {
            return [];
        }
        if (node.Kind == JsonValueKind.Array)
        {
            return node.Items;
        }
        _problems.Error(node, "A list is expected.");
        return [];
    }

    /// <summary>The objects of a list.</summary>
    public IEnumerable<CatalogFields> Objects(string name) => Items(name).Select(node => new CatalogFields(node, _problems));

    /// <summary>Refuses every field that was not asked for: a misspelt one would otherwise be silently without effect.</summary>
    public void Finish()
    {
        foreach (var (name, value) in Node.Fields)
        {
            if (!_known.Contains(name))
            {
                _problems.Error(value, $"There is no such field here. Known: {string.Join(", ", _known.Order(StringComparer.Ordinal))}.");
            }
        }
    }
}
