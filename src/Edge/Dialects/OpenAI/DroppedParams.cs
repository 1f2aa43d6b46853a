using System.Collections.Immutable;
using System.Text.Json;

namespace OrleansGateway.Edge.Dialects.OpenAI;

/// <summary>Leaves top-level fields out of a request that a provider would refuse for them.</summary>
internal static class DroppedParams
{
    /// <summary>The body without the named fields, everything else byte for byte; the body itself when it has none of them.</summary>
    /// <param name="body">A JSON object without duplicate names.</param>
    public static ReadOnlyMemory<byte> Remove(ReadOnlyMemory<byte> body, ImmutableArray<string> names)
    {
        var kept = new List<(int Start, int End)>();
        var (keptBytes, dropped) = (0, false);
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
                kept.Add((start, (int)reader.BytesConsumed));
                keptBytes += kept[^1].End - start;
            }
        }

        return dropped ? Join(body.Span, kept, keptBytes) : body;
    }

    private static byte[] Join(ReadOnlySpan<byte> body, List<(int Start, int End)> members, int bytes)
    {
        // A comma between any two of them, and the braces.
        var joined = new byte[bytes + Math.Max(0, members.Count - 1) + 2];
        var position = 0;
        joined[position++] = (byte)'{';
        foreach (var (start, end) in members)
        {
            if (position > 1)
            {
                joined[position++] = (byte)',';
            }

            body[start..end].CopyTo(joined.AsSpan(position));
            position += end - start;
        }

        joined[position] = (byte)'}';
        return joined;
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
