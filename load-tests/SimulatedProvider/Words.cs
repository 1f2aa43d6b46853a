using System.Text;

namespace OrleansGateway.SimulatedProvider;

/// <summary>The text of the answers: one word a token, some of several bytes a character, none in need of JSON escapes.</summary>
internal static class Words
{
    private static readonly byte[][] Table = [.. string.Concat(
            "the quick brown fox jumps over a lazy dog while naïve façades of Zürich glow in 夜の光 and small boats cross ",
            "the quiet river towards Łódź where old clocks count every hour 🕰 with patience before morning bells ring again ",
            "so that each word stands for one token of an answer that nobody thought about but anyone can predict ✓ exactly")
        .Split(' ').Select(word => Encoding.UTF8.GetBytes(word + " "))];

    /// <summary>The word, UTF-8 with a space after it, at <paramref name="position"/> of the endless text.</summary>
    public static ReadOnlySpan<byte> At(uint seed, int choice, long position) =>
        Table[(int)((seed + (7919 * choice) + position) % Table.Length)];
}
