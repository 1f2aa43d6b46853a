using System.Buffers;
using System.Text.Json;

namespace OrleansGateway.Protocols.Json;

/// <summary>Members of a JSON object.</summary>
public static class JsonMembers
{
    /// <summary>The object without some of its members, everything else byte for byte.</summary>
    /// <param name="json">A JSON object that was read before.</param>
    /// <param name="isDropped">Whether the member of this name goes.</param>
    public static ReadOnlyMemory<byte> Without(ReadOnlyMemory<byte> json, Func<string, bool> isDropped)
    {
        ArgumentNullException.ThrowIfNull(isDropped);
        var span = json.Span;
        var kept = new ArrayBufferWriter<byte>(span.Length);
        var separator = "{"u8;
        var reader = new Utf8JsonReader(span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (start, name) = ((int)reader.TokenStartIndex, reader.Text());
            reader.Read();
            reader.Skip();
            if (name is null || !isDropped(name))
            {
                kept.Write(separator);
                separator = ","u8;
                kept.Write(span[start..(int)reader.BytesConsumed]);
            }
        }

        kept.Write(separator[0] == '{' ? "{}"u8 : "}"u8);
        return kept.WrittenMemory;
    }

    /// <summary>Whether the reader stands on this name or text. One that escapes one half of a surrogate pair is none.</summary>
    public static bool IsText(this in Utf8JsonReader reader, string text)
    {
        try
        {
            return reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueTextEquals(text);
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>The name or the text on which the reader stands; null for what is none, or holds one half of a surrogate pair.</summary>
    public static string? Text(this in Utf8JsonReader reader)
    {
        try
        {
            return reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName ? reader.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>The object with other items in one of its lists, everything else byte for byte.</summary>
    /// <param name="json">A JSON object that was read before.</param>
    /// <param name="list">The list's name; what is none, or is not there, stays.</param>
    /// <param name="edit">What stands in an item's place: empty for nothing.</param>
    public static ReadOnlyMemory<byte> WithItems(ReadOnlyMemory<byte> json, string list, Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>> edit)
    {
        ArgumentNullException.ThrowIfNull(edit);
        var span = json.Span;
        var reader = new Utf8JsonReader(span);
        if (!TryFind(ref reader, list) || reader.TokenType != JsonTokenType.StartArray)
        {
            return json;
        }

        var kept = new ArrayBufferWriter<byte>(span.Length);
        kept.Write(span[..(int)reader.TokenStartIndex]);
        var separator = "["u8;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            var item = edit(json[start..(int)reader.BytesConsumed]);
            if (!item.IsEmpty)
            {
                kept.Write(separator);
                separator = ","u8;
                kept.Write(item.Span);
            }
        }

        kept.Write(separator[0] == '[' ? "[]"u8 : "]"u8);
        kept.Write(span[(int)reader.BytesConsumed..]);
        return kept.WrittenMemory;
    }

    /// <summary>The object with another value of one of its members; as it is where it has none of that name.</summary>
    public static ReadOnlyMemory<byte> With(ReadOnlyMemory<byte> json, string name, ReadOnlySpan<byte> value)
    {
        var span = json.Span;
        var reader = new Utf8JsonReader(span);
        if (!TryFind(ref reader, name))
        {
            return json;
        }

        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        var kept = new ArrayBufferWriter<byte>(span.Length + value.Length);
        kept.Write(span[..start]);
        kept.Write(value);
        kept.Write(span[(int)reader.BytesConsumed..]);
        return kept.WrittenMemory;
    }

    /// <summary>A member's value as it stands; empty where there is no object, or none with such a member.</summary>
    public static ReadOnlyMemory<byte> Value(ReadOnlyMemory<byte> json, string name)
    {
        var reader = new Utf8JsonReader(json.Span);
        if (json.IsEmpty || !TryFind(ref reader, name))
        {
            return default;
        }

        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return json[start..(int)reader.BytesConsumed];
    }

    /// <summary>The text that a member's value is; null where it is none, or one that holds one half of a surrogate pair.</summary>
    public static string? Text(ReadOnlyMemory<byte> json, string name)
    {
        var reader = new Utf8JsonReader(json.Span);
        return !json.IsEmpty && TryFind(ref reader, name) ? reader.Text() : null;
    }

    /// <summary>Whether an object has a member of this name that is a number.</summary>
    public static bool HasNumber(ReadOnlySpan<byte> json, string name)
    {
        var reader = new Utf8JsonReader(json);
        return !json.IsEmpty && TryFind(ref reader, name) && reader.TokenType == JsonTokenType.Number;
    }

    /// <summary>Whether a value is a list of nothing, or no list.</summary>
    public static bool IsEmptyList(ReadOnlyMemory<byte> json)
    {
        var reader = new Utf8JsonReader(json.Span);
        return json.IsEmpty || !reader.Read() || reader.TokenType != JsonTokenType.StartArray || !reader.Read() || reader.TokenType == JsonTokenType.EndArray;
    }

    /// <summary>Goes to the value of an object's member.</summary>
    /// <param name="reader">At the beginning.</param>
    private static bool TryFind(ref Utf8JsonReader reader, string name)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return false;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isIt = reader.IsText(name);
            reader.Read();
            if (isIt)
            {
                return true;
            }

            reader.Skip();
        }

        return false;
    }
}
