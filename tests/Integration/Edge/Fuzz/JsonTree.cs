using System.Text;
using System.Text.Json;

namespace OrleansGateway.Tests.Integration.Edge.Fuzz;

/// <summary>JSON that need not make sense: names may be there twice, and texts need not be Unicode.</summary>
internal sealed class JsonTree
{
    private static readonly string[] Scalars =
    [
        "null", "true", "false", "0", "-1", "1", "7", "1.5", "1e400", "-0.0", "2147483648", "12345678901234567890", "\"\"", "\"x\"", "\"1h\"", "\"auto\"", "\"none\"",
        "\"\\ud800\"", "\"a\\udc00b\"", "\"\\u0000\"", "\"\\ud83d\\ude00\"", "\"og1.messages.S\"", "\"og1.\"", "\"data:image/png;base64,iVBORw0KGgo=\"", "\"data:,x\"",
        "\"https://example.com/x\"", "\"function\"", "\"web_search\"", "\"message\"", "\"text\"", "\"{}\"", "\"[1\"", "{}", "[]", "[[]]", "[{}]", "{\"type\":\"text\"}", "{\"type\":null}",
    ];

    private static readonly string[] OddNames = ["\"\"", "\"\\ud800\"", "\"tool\\ud800\"", "\"typ\\u0065\"", "\"x\"", "\"__proto__\"", "\"content\"", "\"type\"", "\"tools\"", "\"input\""];

    private readonly string? _scalar;
    private readonly bool _isObject;
    private readonly List<(string Name, JsonTree Value)> _items = [];

    private JsonTree(string? scalar, bool isObject = false) => (_scalar, _isObject) = (scalar, isObject);

    public static JsonTree Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        return Of(document.RootElement);
    }

    /// <summary>Changes one thing somewhere.</summary>
    public void Mutate(Random random)
    {
        var places = new List<JsonTree>();
        Collect(places);
        var place = places[random.Next(places.Count)];
        var items = place._items;
        var at = items.Count == 0 ? 0 : random.Next(items.Count);
        var scalar = new JsonTree(Scalars[random.Next(Scalars.Length)]);
        switch (items.Count == 0 ? 6 : random.Next(9))
        {
            case 0:
                items.RemoveAt(at);
                break;
            case 1:
                items.Insert(random.Next(items.Count + 1), items[at]);
                break;
            case 2 or 3:
                items[at] = (items[at].Name, scalar);
                break;
            case 4:
                items[at] = (Renamed(items[at].Name, random), items[at].Value);
                break;
            case 5:
                var other = places[random.Next(places.Count)];
                items[at] = (items[at].Name, other.Copy());
                break;
            case 6:
                items.Insert(at, (OddNames[random.Next(OddNames.Length)], scalar));
                break;
            case 7:
                var nested = new JsonTree(null, random.Next(2) == 0);
                nested._items.Add(("\"type\"", items[at].Value));
                items[at] = (items[at].Name, nested);
                break;
            default:
                (items[at], items[0]) = (items[0], items[at]);
                break;
        }
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        Write(text);
        return text.ToString();
    }

    private static JsonTree Of(JsonElement json)
    {
        var tree = new JsonTree(json.ValueKind is JsonValueKind.Object or JsonValueKind.Array ? null : json.GetRawText(), json.ValueKind == JsonValueKind.Object);
        if (json.ValueKind == JsonValueKind.Object)
        {
            tree._items.AddRange(json.EnumerateObject().Select(member => (JsonSerializer.Serialize(member.Name), Of(member.Value))));
        }
        else if (json.ValueKind == JsonValueKind.Array)
        {
            tree._items.AddRange(json.EnumerateArray().Select(item => ("\"x\"", Of(item))));
        }

        return tree;
    }

    private static string Renamed(string name, Random random) => random.Next(3) switch
    {
        0 => OddNames[random.Next(OddNames.Length)],
        1 => name.Length > 2 ? "\"" + char.ToUpperInvariant(name[1]) + name[2..] : name,
        _ => name.Length > 2 ? $"\"\\u{(int)name[1]:x4}{name[2..]}" : name,
    };

    private JsonTree Copy()
    {
        var copy = new JsonTree(_scalar, _isObject);
        copy._items.AddRange(_items.Select(item => (item.Name, item.Value.Copy())));
        return copy;
    }

    private void Collect(List<JsonTree> places)
    {
        if (_scalar is null)
        {
            places.Add(this);
            _items.ForEach(item => item.Value.Collect(places));
        }
    }

    private void Write(StringBuilder text)
    {
        if (_scalar is not null)
        {
            text.Append(_scalar);
            return;
        }

        text.Append(_isObject ? '{' : '[');
        for (var i = 0; i < _items.Count; i++)
        {
            text.Append(i > 0 ? "," : "").Append(_isObject ? _items[i].Name + ":" : "");
            _items[i].Value.Write(text);
        }

        text.Append(_isObject ? '}' : ']');
    }
}
