using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>JSON inside of strings, and out of them.</summary>
internal static class GeminiJson
{
    /// <summary>An object as a string's content, without white space.</summary>
    /// <param name="json">From brace to brace; empty stands for one without members.</param>
    public static byte[] EscapedObject(ReadOnlySpan<byte> json)
    {
        if (json.IsEmpty)
        {
            return "{}"u8.ToArray();
        }

        var reader = new Utf8JsonReader(json);
        using var value = JsonDocument.ParseValue(ref reader);
        return JsonEncodedText.Encode(Compact(value.RootElement), JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes.ToArray();
    }

    /// <summary>A value without white space.</summary>
    public static ReadOnlySpan<byte> Compact(JsonElement value)
    {
        var compact = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(compact, JsonBytes.WriterOptions))
        {
            value.WriteTo(writer);
        }

        return compact.WrittenSpan;
    }

    /// <summary>A string's content, its escapes resolved; nothing of one that is cut in an escape.</summary>
    public static byte[] Unescape(ReadOnlySpan<byte> content)
    {
        if (!content.Contains((byte)'\\'))
        {
            return content.ToArray();
        }

        try
        {
            var reader = new Utf8JsonReader((byte[])[(byte)'"', .. content, (byte)'"']);
            reader.Read();
            return Encoding.UTF8.GetBytes(reader.GetString()!);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return [];
        }
    }

    /// <summary>Whether it is one JSON object.</summary>
    public static bool IsObject(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            return reader.Read() && reader.TokenType == JsonTokenType.StartObject && reader.TrySkip() && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
