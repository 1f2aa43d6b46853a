using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;

namespace OrleansGateway.Edge.Channels;

/// <summary>Leaves top-level fields out of a request that a provider would refuse for them.</summary>
internal static class DroppedParams
{
    /// <summary>The body without the named fields, everything else byte for byte; the body itself when it has none of them.</summary>
    /// <param name="body">A JSON object without duplicate names.</param>
    public static ReadOnlyMemory<byte> Remove(ReadOnlyMemory<byte> body, ImmutableArray<string> names)
    {
        var kept = new ArrayBufferWriter<byte>(body.Length);
        var dropped = false;
        var reader = new Utf8JsonReader(body.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var start = (int)reader.TokenStartIndex;
            var isDropped = IsNamed(reader, names);
            reader.Skip();
            dropped |= isDropped;
            if (!isDropped)
            {
                kept.Write(kept.WrittenCount == 0 ? "{"u8 : ","u8);
                kept.Write(body.Span[start..(int)reader.BytesConsumed]);
            }
        }

        kept.Write("}"u8);
        return dropped ? kept.WrittenMemory : body;
    }

    private static bool IsNamed(in Utf8JsonReader reader, ImmutableArray<string> names)
    {
        foreach (var name in names)
        {
            if (reader.ValueTextEquals(name))
            {
                return true;
            }
        }

        return false;
    }
}
