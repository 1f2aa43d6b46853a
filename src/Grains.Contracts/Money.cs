using System.Globalization;

namespace OrleansGateway.Grains.Contracts;

/// <summary>Money is a count of nanos (10⁻⁹ USD) in a <see cref="long"/>: never a binary fraction, so never a rounding of its own.</summary>
public static class Money
{
    /// <summary>Nanos in one US dollar.</summary>
    public const long NanosPerUsd = 1_000_000_000;

    private const int Decimals = 9;

    /// <summary>
    /// Reads US dollars written as plain decimal text: an optional minus, digits, and at most nine decimals. No exponent,
    /// no separators, no blanks.
    /// </summary>
    /// <param name="nanos">The amount in nanos; 0 when the text is refused.</param>
    /// <returns>Whether the text is such a number and fits.</returns>
    public static bool TryParseUsd(ReadOnlySpan<char> text, out long nanos)
    {
        nanos = 0;
        var isNegative = text.StartsWith("-");
        var digits = isNegative ? text[1..] : text;
        var point = digits.IndexOf('.');
        var whole = point < 0 ? digits : digits[..point];
        var fraction = point < 0 ? [] : digits[(point + 1)..];
        if (whole.IsEmpty || (point >= 0 && fraction.IsEmpty) || fraction.Length > Decimals)
        {
            return false;
        }
        Int128 value = 0;
        foreach (var digit in whole)
        {
            if (!char.IsAsciiDigit(digit) || value > long.MaxValue)
            {
                return false;
            }
            value = (value * 10) + (digit - '0');
        }
        for (var i = 0; i < Decimals; i++)
        {
            var digit = i < fraction.Length ? fraction[i] : '0';
            if (!char.IsAsciiDigit(digit))
            {
                return false;
            }
            value = (value * 10) + (digit - '0');
        }
        value = isNegative ? -value : value;
        if (value < long.MinValue || value > long.MaxValue)
        {
            return false;
        }
        nanos = (long)value;
        return true;
    }

    /// <summary>US dollars as plain decimal text with two to nine decimals: <c>12.50</c>, <c>0.000123</c>, <c>-3.00</c>.</summary>
    public static string FormatUsd(long nanos)
    {
        var magnitude = Int128.Abs(nanos);
        var whole = (magnitude / NanosPerUsd).ToString(CultureInfo.InvariantCulture);
        var fraction = ((long)(magnitude % NanosPerUsd)).ToString("D9", CultureInfo.InvariantCulture).TrimEnd('0').PadRight(2, '0');
        return $"{(nanos < 0 ? "-" : "")}{whole}.{fraction}";
    }
}
