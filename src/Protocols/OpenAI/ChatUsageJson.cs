using System.Buffers;
using System.Globalization;
using System.Text.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>Writes <c>usage</c> objects for clients.</summary>
public static class ChatUsageJson
{
    /// <summary>
    /// Writes the provider's object, its members untouched. What the provider says it costs is left out: it is not what
    /// the client pays.
    /// </summary>
    /// <param name="writer">Where to.</param>
    /// <param name="usageJson">The provider's object; must be valid JSON.</param>
    /// <param name="costNanos">The charge in nanos (10⁻⁹ USD) to add as <c>cost</c>; null adds none.</param>
    public static void Write(IBufferWriter<byte> writer, ReadOnlySpan<byte> usageJson, long? costNanos)
    {
        var reader = new Utf8JsonReader(usageJson);
        reader.Read();
        var separator = "{"u8;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var start = (int)reader.TokenStartIndex;
            var isCost = IsCost(reader);
            reader.Skip();
            if (!isCost)
            {
                writer.Write(separator);
                writer.Write(usageJson[start..(int)reader.BytesConsumed]);
                separator = ","u8;
            }
        }

        WriteEnd(writer, separator, costNanos);
    }

    /// <summary>Whether the provider says in its object what the request costs there.</summary>
    public static bool TellsCost(ReadOnlySpan<byte> usageJson)
    {
        var reader = new Utf8JsonReader(usageJson);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (IsCost(reader))
            {
                return true;
            }

            reader.Skip();
        }

        return false;
    }

    private static bool IsCost(in Utf8JsonReader reader) =>
        reader.ValueTextEquals("cost"u8) || reader.ValueTextEquals("cost_details"u8) || reader.ValueTextEquals("is_byok"u8)
        || reader.ValueTextEquals("cost_in_usd_ticks"u8) || reader.ValueTextEquals("estimated_cost"u8);

    /// <summary>Writes an object for counts of our own.</summary>
    public static void Write(IBufferWriter<byte> writer, in TokenUsage usage, long? costNanos)
    {
        writer.Write("{\"prompt_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.TotalInput);
        writer.Write(",\"completion_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.TotalOutput);
        writer.Write(",\"total_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.TotalInput + usage.TotalOutput);
        writer.Write(",\"prompt_tokens_details\":{\"cached_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.CacheRead);
        writer.Write(",\"cache_write_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.CacheWrite5m + usage.CacheWrite1h);
        writer.Write(",\"audio_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.AudioInput);
        writer.Write("},\"completion_tokens_details\":{\"reasoning_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.Reasoning);
        writer.Write(",\"audio_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.AudioOutput);
        writer.Write("}"u8);
        WriteEnd(writer, ","u8, costNanos);
    }

    internal static void WriteEnd(IBufferWriter<byte> writer, ReadOnlySpan<byte> separator, long? costNanos)
    {
        if (costNanos is { } nanos)
        {
            writer.Write(separator);
            writer.Write("\"cost\":"u8);
            var written = 0;
            var usd = nanos / 1_000_000_000m;
            _ = usd.TryFormat(writer.GetSpan(40), out written, "0.#########", CultureInfo.InvariantCulture);
            writer.Advance(written);
        }
        else if (separator[0] == '{')
        {
            writer.Write(separator);
        }

        writer.Write("}"u8);
    }
}
