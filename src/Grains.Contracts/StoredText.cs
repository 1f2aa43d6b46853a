using System.Text;

namespace OrleansGateway.Grains.Contracts;

/// <summary>Which text may be stored.</summary>
public static class StoredText
{
    /// <summary>Whether the ledger can store it: well-formed Unicode, and no control characters, which logs do not want either.</summary>
    public static bool IsValid(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune == Rune.ReplacementChar || Rune.IsControl(rune))
            {
                return false;
            }
        }

        return true;
    }
}
