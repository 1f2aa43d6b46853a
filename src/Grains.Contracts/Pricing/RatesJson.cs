using System.Text.Json;
using System.Text.Json.Serialization;

namespace OrleansGateway.Grains.Contracts.Pricing;

/// <summary>
/// Rates as they are stored: a member for each unit that is sold. One that is not known is passed over. Cached sound and pictures, which
/// states of builds that do not know them lack, cost what uncached ones do.
/// </summary>
internal sealed class RatesJson : JsonConverter<Rates>
{
    /// <summary>As states name their members, which is not always what people are shown.</summary>
    private static readonly string[] Names = [.. Units.All.Select(unit => JsonNamingPolicy.SnakeCaseLower.ConvertName(unit.ToString()))];

    public override Rates Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var rates = JsonElement.ParseValue(ref reader);
        return new Rates(unit => Stored(unit) ?? unit switch
        {
            Unit.CachedAudioInput => Stored(Unit.AudioInput),
            Unit.CachedImageInput => Stored(Unit.ImageInput),
            _ => null,
        });

        long? Stored(Unit unit) => rates.TryGetProperty(Names[(int)unit], out var rate) ? rate.GetInt64() : null;
    }

    public override void Write(Utf8JsonWriter writer, Rates value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach (var unit in value.Sold)
        {
            writer.WriteNumber(Names[(int)unit], value[unit]!.Value);
        }
        writer.WriteEndObject();
    }
}
