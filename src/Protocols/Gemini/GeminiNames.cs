using System.Collections.Frozen;
using System.Text;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>
/// The names that are known in one place of a request. Each is spelled as documented or with underscores. What else would be read as one of them
/// by a provider that folds case is refused: it would bill what was never bounded here.
/// </summary>
internal sealed class GeminiNames
{
    private const int MaxNameBytes = 256;

    private readonly FrozenDictionary<string, (string Name, uint Bit)>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    public GeminiNames(params IEnumerable<string> names)
    {
        _lookup = names.Select(static (name, number) => (Name: name, Bit: 1u << number))
            .ToFrozenDictionary(static known => Fold(known.Name), StringComparer.Ordinal)
            .GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>The documented spelling of a name; null for one that is not known.</summary>
    /// <param name="name">As it stands in the request, escapes resolved.</param>
    public string? Find(scoped ReadOnlySpan<byte> name) => Find(name, out _, out _);

    /// <summary>The documented spelling of a name; null for one that is not known.</summary>
    /// <param name="name">As it stands in the request, escapes resolved.</param>
    /// <param name="bit">The name's own bit.</param>
    /// <param name="isMisspelled">Whether it only folds to what is returned.</param>
    public string? Find(scoped ReadOnlySpan<byte> name, out uint bit, out bool isMisspelled)
    {
        (bit, isMisspelled) = (0, false);
        if (name.Length > MaxNameBytes)
        {
            return null;
        }

        Span<char> text = stackalloc char[MaxNameBytes];
        text = text[..Encoding.UTF8.GetChars(name, text)];
        Span<char> folded = stackalloc char[MaxNameBytes];
        if (!_lookup.TryGetValue(folded[..Fold(text, folded)], out var known))
        {
            return null;
        }

        bit = known.Bit;
        isMisspelled = !text.SequenceEqual(known.Name) && !IsWithUnderscores(text, known.Name);
        return known.Name;
    }

    private static bool IsWithUnderscores(ReadOnlySpan<char> text, string known)
    {
        foreach (var letter in known)
        {
            if (char.IsAsciiLetterUpper(letter) && text is ['_', ..])
            {
                text = text[1..];
                if (text.IsEmpty || text[0] != char.ToLowerInvariant(letter))
                {
                    return false;
                }
            }
            else if (text.IsEmpty || text[0] != letter || char.IsAsciiLetterUpper(letter))
            {
                return false;
            }

            text = text[1..];
        }

        return text.IsEmpty;
    }

    /// <summary>What a name and all that would be read as it have in common.</summary>
    public static string Fold(string name)
    {
        Span<char> folded = stackalloc char[name.Length];
        return folded[..Fold(name, folded)].ToString();
    }

    /// <summary>Beside capitals, two letters beyond ASCII fold into it: the long s and Kelvin's sign.</summary>
    private static int Fold(ReadOnlySpan<char> name, Span<char> folded)
    {
        var length = 0;
        foreach (var letter in name)
        {
            if (letter != '_')
            {
                folded[length++] = letter switch { '\u017F' => 's', '\u212A' => 'k', _ => char.ToLowerInvariant(letter) };
            }
        }

        return length;
    }
}
