using System.Buffers;
using System.Text.Json;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Edge.Dialects.OpenAI;

/// <summary>Leaves out of a request what has no price: fields, and of the tools those that the provider would run.</summary>
internal static class UnpricedFields
{
    /// <summary>The body without them, everything else byte for byte. Without any tool left, the choice of one goes as well.</summary>
    /// <param name="body">A JSON object that was read, without duplicate names.</param>
    public static ReadOnlyMemory<byte> Remove(ReadOnlyMemory<byte> body, IReadOnlyList<PricedField> unpriced)
    {
        var json = body.Span;
        var kinds = unpriced.Where(static field => field.Field == "tools").Select(static field => field.Value).ToHashSet(StringComparer.Ordinal);
        var tools = new ArrayBufferWriter<byte>();
        var hasTools = kinds.Count > 0 && KeepTools(json, kinds, tools);
        var kept = new ArrayBufferWriter<byte>(json.Length);
        var separator = "{"u8;
        var reader = new Utf8JsonReader(json);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (start, name) = ((int)reader.TokenStartIndex, reader.GetString()!);
            reader.Read();
            var value = (int)reader.TokenStartIndex;
            var choosesDropped = name == "tool_choice" && kinds.Count > 0 && (!hasTools || IsOfKind(reader, kinds));
            reader.Skip();
            if (choosesDropped || (kinds.Count > 0 && !hasTools && name is "tools" or "parallel_tool_calls")
                || (name != "tools" && unpriced.Any(field => field.Field == name)))
            {
                continue;
            }

            kept.Write(separator);
            separator = ","u8;
            if (name == "tools" && kinds.Count > 0)
            {
                kept.Write(json[start..value]);
                kept.Write(tools.WrittenSpan);
            }
            else
            {
                kept.Write(json[start..(int)reader.BytesConsumed]);
            }
        }

        kept.Write(separator[0] == '{' ? "{}"u8 : "}"u8);
        return kept.WrittenMemory;
    }

    /// <summary>Writes the list of those that stay.</summary>
    /// <returns>Whether any does.</returns>
    private static bool KeepTools(ReadOnlySpan<byte> json, HashSet<string> kinds, ArrayBufferWriter<byte> tools)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        while (reader.Read() && !reader.ValueTextEquals("tools"u8))
        {
            reader.Skip();
        }

        reader.Read();
        var separator = "["u8;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var (start, isDropped) = ((int)reader.TokenStartIndex, IsOfKind(reader, kinds));
            reader.Skip();
            if (!isDropped)
            {
                tools.Write(separator);
                tools.Write(json[start..(int)reader.BytesConsumed]);
                separator = ","u8;
            }
        }

        tools.Write("]"u8);
        return separator[0] == ',';
    }

    /// <summary>Whether the object that the reader stands on is of one of these types.</summary>
    private static bool IsOfKind(Utf8JsonReader reader, HashSet<string> kinds)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return false;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isType = reader.ValueTextEquals("type"u8);
            reader.Read();
            if (isType && reader.TokenType == JsonTokenType.String && kinds.Contains(reader.GetString()!))
            {
                return true;
            }

            reader.Skip();
        }

        return false;
    }
}
