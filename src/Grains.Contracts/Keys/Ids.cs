namespace OrleansGateway.Grains.Contracts.Keys;

/// <summary>Makes the gateway's ids and knows their form.</summary>
public static class Ids
{
    /// <summary>Characters of an account's id, and of a key's: 71 random bits.</summary>
    internal const int ShortLength = 12;

    private const string RequestPrefix = "req_";
    private const int RequestLength = 24;

    /// <summary>12 base62 characters.</summary>
    public static string NewAccountId(RandomSource random) => New("", ShortLength, random);

    /// <summary>12 base62 characters.</summary>
    public static string NewKeyId(RandomSource random) => New("", ShortLength, random);

    /// <summary><c>req_</c> and 24 base62 characters: 142 random bits. It names the hold, the charge and the usage row.</summary>
    public static string NewRequestId(RandomSource random) => New(RequestPrefix, RequestLength, random);

    /// <summary>Whether <paramref name="text"/> has the form of an account's id; says nothing of whether there is one.</summary>
    public static bool IsAccountId(ReadOnlySpan<char> text) => text.Length == ShortLength && Base62.IsBase62(text);

    /// <summary>Whether <paramref name="text"/> has the form of a key's id; says nothing of whether there is one.</summary>
    public static bool IsKeyId(ReadOnlySpan<char> text) => text.Length == ShortLength && Base62.IsBase62(text);

    private static string New(string prefix, int length, RandomSource random) =>
        string.Create(prefix.Length + length, (prefix, random), static (text, state) =>
        {
            state.prefix.CopyTo(text);
            Base62.FillRandom(text[state.prefix.Length..], state.random);
        });
}
