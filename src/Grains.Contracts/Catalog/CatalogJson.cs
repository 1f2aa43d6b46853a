using System.Text.Json;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>Reads JSON with comments and trailing commas into nodes that know their line.</summary>
internal sealed class CatalogJson
{
    private static readonly JsonReaderOptions Options = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    private readonly ReadOnlyMemory<byte> _utf8;
    private readonly CatalogProblems _problems;
    private int _line = 1;
    private int _counted;

    private CatalogJson(ReadOnlyMemory<byte> utf8, CatalogProblems problems)
    {
        _utf8 = utf8;
        _problems = problems;
    }

    /// <summary>Null when the text is not JSON; that, and fields that occur twice, are among the problems.</summary>
    public static CatalogNode? Parse(ReadOnlyMemory<byte> utf8, CatalogProblems problems)
    {
        ReadOnlySpan<byte> byteOrderMark = [0xEF, 0xBB, 0xBF];
        var json = new CatalogJson(utf8.Span.StartsWith(byteOrderMark) ? utf8[3..] : utf8, problems);
        try
        {
            var reader = new Utf8JsonReader(json._utf8.Span, Options);
            reader.Read();
            var root = json.ReadValue(ref reader, "");
            reader.Read(); // Throws when anything but blanks and comments follows.
            return root;
        }
        catch (JsonException exception)
        {
            var message = exception.Message.Split(" LineNumber:")[0];
            problems.Error((int)(exception.LineNumber ?? 0) + 1, "", $"This is not JSON: {message}");
        }
        catch (InvalidOperationException)
        {
            problems.Error(json._line, "", "This is not JSON: a text holds half a character.");
        }
        return null;
    }

    private CatalogNode ReadValue(ref Utf8JsonReader reader, string path)
    {
        var line = LineOf(ref reader);
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                return ReadObject(ref reader, new CatalogNode(JsonValueKind.Object, path, line));
            case JsonTokenType.StartArray:
                var array = new CatalogNode(JsonValueKind.Array, path, line);
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    array.Items.Add(ReadValue(ref reader, $"{path}[{array.Items.Count}]"));
                }
                return array;
            case JsonTokenType.String:
                return new CatalogNode(JsonValueKind.String, path, line) { Text = reader.GetString()! };
            case JsonTokenType.Number:
                return new CatalogNode(JsonValueKind.Number, path, line) { Text = System.Text.Encoding.ASCII.GetString(reader.ValueSpan) };
            case JsonTokenType.True:
                return new CatalogNode(JsonValueKind.True, path, line);
            case JsonTokenType.False:
                return new CatalogNode(JsonValueKind.False, path, line);
            default:
                return new CatalogNode(JsonValueKind.Null, path, line);
        }
    }

    private CatalogNode ReadObject(ref Utf8JsonReader reader, CatalogNode node)
    {
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var line = LineOf(ref reader);
            var name = reader.GetString()!;
            var path = node.Path.Length == 0 ? name : $"{node.Path}.{name}";
            reader.Read();
            var value = ReadValue(ref reader, path);
            if (node.Fields.Exists(field => field.Name == name))
            {
                _problems.Error(line, path, "The field is there twice.");
                continue;
            }
            node.Fields.Add((name, value));
        }
        return node;
    }

    /// <summary>Tokens come in order, so each line feed is counted once.</summary>
    private int LineOf(ref Utf8JsonReader reader)
    {
        var start = (int)reader.TokenStartIndex;
        _line += _utf8.Span[_counted..start].Count((byte)'\n');
        _counted = start;
        return _line;
    }
}
