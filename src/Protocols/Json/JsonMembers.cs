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
}
