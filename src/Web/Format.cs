using System.Globalization;
using System.Text;
using OrleansGateway.Grains.Contracts;

namespace OrleansGateway.Web;

/// <summary>How pages write amounts and times: the one place that does.</summary>
internal static class Format
{
    /// <summary>Nanos as US dollars, every digit: <c>$12.50</c>, <c>-$0.000123</c>.</summary>
    public static string Usd(long nanos)
    {
        var text = Money.FormatUsd(nanos);
        return text[0] == '-' ? $"-${text[1..]}" : $"${text}";
    }

    /// <summary>A text with its places filled.</summary>
    public static string Fill(string text, params ReadOnlySpan<object?> values) => string.Format(CultureInfo.CurrentCulture, CompositeFormat.Parse(text), values);

    /// <summary>A count with separators.</summary>
    public static string Count(long number) => number.ToString("N0", CultureInfo.CurrentCulture);

    /// <summary>A time in a person's zone, to the second.</summary>
    public static string Time(DateTimeOffset at, TimeZoneInfo zone) =>
        TimeZoneInfo.ConvertTime(at, zone).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>The same for machines.</summary>
    public static string Iso(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
