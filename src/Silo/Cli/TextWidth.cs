using System.Text;

namespace OrleansGateway.Silo.Cli;

/// <summary>How many columns of a terminal a text takes: East Asian characters and emoji take two, combining marks none.</summary>
internal static class TextWidth
{
    public static int Of(string text) => text.EnumerateRunes().Sum(Of);

    /// <summary>Breaks a text into pieces of at most so many columns, between words where it can.</summary>
    public static IEnumerable<string> Wrap(string text, int width)
    {
        while (Of(text) > width)
        {
            var fits = Fitting(text, width);
            var space = text.LastIndexOf(' ', fits);
            var end = space > 0 ? space : fits;
            yield return text[..end];
            text = text[end..].TrimStart(' ');
        }

        yield return text;
    }

    /// <summary>Fills up with blanks.</summary>
    public static string Pad(string text, int width, bool toTheRight)
    {
        var blanks = new string(' ', Math.Max(0, width - Of(text)));
        return toTheRight ? blanks + text : text + blanks;
    }

    /// <summary>How many characters of a longer text fit; at least one.</summary>
    private static int Fitting(string text, int width)
    {
        var (length, used) = (0, 0);
        foreach (var rune in text.EnumerateRunes())
        {
            used += Of(rune);
            if (used > width && length > 0)
            {
                break;
            }

            length += rune.Utf16SequenceLength;
        }

        return length;
    }

    private static int Of(Rune rune) => rune.Value switch
    {
        < 0x300 => 1,
        _ when Rune.GetUnicodeCategory(rune) is System.Globalization.UnicodeCategory.NonSpacingMark
            or System.Globalization.UnicodeCategory.EnclosingMark or System.Globalization.UnicodeCategory.Format => 0,
        (>= 0x1100 and <= 0x115F) or (>= 0x2E80 and <= 0xA4CF) or (>= 0xA960 and <= 0xA97C) or (>= 0xAC00 and <= 0xD7A3)
            or (>= 0xF900 and <= 0xFAFF) or (>= 0xFE30 and <= 0xFE6F) or (>= 0xFF00 and <= 0xFF60) or (>= 0xFFE0 and <= 0xFFE6)
            or (>= 0x1F300 and <= 0x1FAFF) or (>= 0x20000 and <= 0x3FFFD) => 2,
        _ => 1,
    };
}
