using System.Buffers;
using System.Text.Json;

namespace OrleansGateway.Protocols.Json;

/// <summary>Says something of a value.</summary>
/// <param name="value">A copy that stands on the value's first token.</param>
public delegate bool JsonTest(Utf8JsonReader value);

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
            var (start, name) = ((int)reader.TokenStartIndex, reader.GetString()!);
            reader.Read();
            reader.Skip();
            if (!isDropped(name))
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

    /// <summary>The object without some items of one of its lists, everything else byte for byte.</summary>
    /// <param name="json">A JSON object that was read before.</param>
    /// <param name="list">The list's name; what is none, or is not there, stays.</param>
    /// <param name="isDropped">Whether an item goes.</param>
    public static ReadOnlyMemory<byte> WithoutItems(ReadOnlyMemory<byte> json, string list, JsonTest isDropped)
    {
        ArgumentNullException.ThrowIfNull(isDropped);
        var span = json.Span;
        var reader = new Utf8JsonReader(span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName && !reader.IsText(list))
        {
            reader.Skip();
        }

        if (reader.TokenType != JsonTokenType.PropertyName || !reader.Read() || reader.TokenType != JsonTokenType.StartArray)
        {
            return json;
        }

        var kept = new ArrayBufferWriter<byte>(span.Length);
        kept.Write(span[..(int)reader.TokenStartIndex]);
        var separator = "["u8;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var (start, goes) = ((int)reader.TokenStartIndex, isDropped(reader));
            reader.Skip();
            if (!goes)
            {
                kept.Write(separator);
                separator = ","u8;
                kept.Write(span[start..(int)reader.BytesConsumed]);
            }
        }

        kept.Write(separator[0] == '[' ? "[]"u8 : "]"u8);
        kept.Write(span[(int)reader.BytesConsumed..]);
        return kept.WrittenMemory;
    }
}
