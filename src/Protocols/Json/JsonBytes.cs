using System.Text.Encodings.Web;
using System.Text.Json;

namespace OrleansGateway.Protocols.Json;

/// <summary>JSON texts that are made rather than passed on.</summary>
public static class JsonBytes
{
    internal static readonly ReadOnlyMemory<byte> Null = "null"u8.ToArray();
    internal static readonly ReadOnlyMemory<byte> True = "true"u8.ToArray();

    // Bodies are served as JSON, never inside HTML: only what JSON demands is escaped.
    internal static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What a JSON string says; null of one that escapes one half of a surrogate pair.</summary>
    internal static string? TextOf(ReadOnlySpan<byte> quoted)
    {
        try
        {
            var reader = new Utf8JsonReader(quoted);
            return reader.Read() ? reader.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>The text as a JSON string, quotes included.</summary>
    public static byte[] Quote(string text) => [(byte)'"', .. JsonEncodedText.Encode(text, WriterOptions.Encoder).EncodedUtf8Bytes, (byte)'"'];
}
