using System.Buffers;
using System.Globalization;
using System.Text.Json;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.Metering;

/// <summary>
/// What a request costs, in the usage objects of answers. What a provider says it costs there, as resellers do, is left out: it is not what the
/// client pays.
/// </summary>
public static class UsageCost
{
    private static readonly string[] Told = ["cost", "cost_details", "is_byok", "cost_in_usd_ticks", "estimated_cost"];

    /// <summary>Whether the provider says in its object what the request costs there.</summary>
    /// <param name="usageJson">The provider's object; what is none says nothing.</param>
    public static bool IsTold(ReadOnlySpan<byte> usageJson)
    {
        if (usageJson is not [(byte)'{', ..])
        {
            return false;
        }

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

    /// <summary>Writes the provider's object without what it says of its cost, the other members untouched.</summary>
    /// <param name="usageJson">The provider's object; must be valid JSON.</param>
    /// <param name="costNanos">The charge in nanos (10⁻⁹ USD) to add as <c>cost</c>; null adds none.</param>
    public static void Write(IBufferWriter<byte> writer, ReadOnlySpan<byte> usageJson, long? costNanos)
    {
        ArgumentNullException.ThrowIfNull(writer);
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

    /// <summary>The provider's object without its cost.</summary>
    internal static ReadOnlyMemory<byte> Without(ReadOnlySpan<byte> usageJson)
    {
        var kept = new ArrayBufferWriter<byte>(usageJson.Length);
        Write(kept, usageJson, null);
        return kept.WrittenMemory;
    }

    /// <summary>Writes the end of a usage object.</summary>
    /// <param name="separator">What goes before another member: a brace where there was none.</param>
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

    private static bool IsCost(in Utf8JsonReader name)
    {
        foreach (var told in Told)
        {
            if (name.IsText(told))
            {
                return true;
            }
        }

        return false;
    }
}
