using System.Buffers;

namespace OrleansGateway.Protocols.Metering;

/// <summary>
/// Counts text for want of a tokenizer: a token per four ASCII characters, per CJK character (or character beyond
/// the basic plane), and per two characters of any other script. Also sums the text's length in UTF-8.
/// </summary>
public struct TokenEstimate
{
    private static readonly SearchValues<byte> PlainAscii = SearchValues.Create(
        Enumerable.Range(0, 128).Where(value => value != '\\').Select(value => (byte)value).ToArray());

    /// <summary>No text that models write has longer tokens on average: prose has four to five bytes, and whole words with their blank rarely eight.</summary>
    private const long BytesPerTokenMax = 8;

    /// <summary>So many tokens more are let pass: a short answer may be of long ones.</summary>
    private const long LongTokens = 64;

    private long _quarters;

    /// <summary>Length of the text in bytes of UTF-8, escapes resolved.</summary>
    public long Bytes { get; private set; }

    /// <summary>Estimated tokens, rounded up.</summary>
    public readonly long Tokens => (_quarters + 3) / 4;

    /// <summary>The least tokens that so much text can be, were each a long word; 0 or less of a short one.</summary>
    /// <param name="bytes">The text's length, bytes of UTF-8.</param>
    public static long LeastTokens(long bytes) => (bytes / BytesPerTokenMax) - LongTokens;

    /// <summary>Adds what another estimate has counted.</summary>
    public void Add(in TokenEstimate other)
    {
        _quarters += other._quarters;
        Bytes += other.Bytes;
    }

    /// <summary>Adds a JSON string's content as it stands between the quotes: UTF-8, with escapes.</summary>
    public void AddJson(ReadOnlySpan<byte> text)
    {
        while (!text.IsEmpty)
        {
            var plain = text.IndexOfAnyExcept(PlainAscii);
            if (plain < 0)
            {
                plain = text.Length;
            }

            _quarters += plain;
            Bytes += plain;
            text = text[plain..];
            while (!text.IsEmpty && (text[0] >= 0x80 || text[0] == '\\'))
            {
                text = text[(text[0] == '\\' ? AddEscape(text) : AddMultiByte(text))..];
            }
        }
    }

    private int AddMultiByte(ReadOnlySpan<byte> text)
    {
        var length = text[0] switch { >= 0xF0 => 4, >= 0xE0 => 3, >= 0xC0 => 2, _ => 1 };
        length = Math.Min(length, text.Length);
        var scalar = length == 3 ? ((text[0] & 0x0F) << 12) | ((text[1] & 0x3F) << 6) | (text[2] & 0x3F) : 0;
        _quarters += length == 4 || IsCjk(scalar) ? 4 : 2;
        Bytes += length;
        return length;
    }

    private int AddEscape(ReadOnlySpan<byte> text)
    {
        if (text.Length < 6 || text[1] != 'u')
        {
            _quarters++;
            Bytes++;
            return Math.Min(2, text.Length);
        }

        var unit = 0;
        foreach (var digit in text.Slice(2, 4))
        {
            unit = (unit << 4) | (digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
        }

        // The two halves of a pair count two quarters and two bytes each.
        var isHalf = unit is >= 0xD800 and <= 0xDFFF;
        _quarters += unit < 0x80 ? 1 : IsCjk(unit) ? 4 : 2;
        Bytes += unit < 0x80 ? 1 : unit < 0x800 || isHalf ? 2 : 3;
        return 6;
    }

    private static bool IsCjk(int scalar) =>
        scalar is (>= 0x2E80 and <= 0x9FFF) or (>= 0xAC00 and <= 0xD7AF) or (>= 0xF900 and <= 0xFAFF)
            or (>= 0xFE30 and <= 0xFE4F) or (>= 0xFF00 and <= 0xFFEF);
}
