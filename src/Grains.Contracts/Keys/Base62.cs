using System.Buffers;

namespace OrleansGateway.Grains.Contracts.Keys;

/// <summary>Digits and letters: what survives every URL, shell, log and double-click.</summary>
internal static class Base62
{
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    /// <summary>
    /// The greatest multiple of 62 that a byte can count to. A byte from here on is thrown away: it would favour the first
    /// digits.
    /// </summary>
    private const int FairBytes = 4 * 62;

    private static readonly SearchValues<char> Digits = SearchValues.Create(Alphabet);

    public static bool IsBase62(ReadOnlySpan<char> text) => !text.ContainsAnyExcept(Digits);

    /// <summary>Fills <paramref name="text"/> with digits that are all equally likely: 5.95 bits each.</summary>
    public static void FillRandom(Span<char> text, RandomSource random)
    {
        Span<byte> bytes = stackalloc byte[32];
        var written = 0;
        while (written < text.Length)
        {
            random.Fill(bytes);
            foreach (var value in bytes)
            {
                if (value < FairBytes && written < text.Length)
                {
                    text[written++] = Alphabet[value % 62];
                }
            }
        }
    }

    /// <summary>Writes the last digits of <paramref name="value"/>, as many as fit into <paramref name="ascii"/>.</summary>
    public static void Write(UInt128 value, Span<byte> ascii)
    {
        for (var i = ascii.Length - 1; i >= 0; i--)
        {
            (value, var digit) = UInt128.DivRem(value, 62);
            ascii[i] = (byte)Alphabet[(int)digit];
        }
    }
}
