using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace OrleansGateway.Grains.Contracts.Keys;

/// <summary>
/// What the gateway signs its keys with, the newest first: it signs, and a key that any of them has signed is genuine. Whoever has one
/// can make keys that an edge lets through to an account's grain.
/// </summary>
public sealed class SigningSecrets
{
    /// <summary>The most that there may be: a forged key costs one MAC each.</summary>
    public const int MaxCount = 8;

    private const int RecentMax = 8192;

    private readonly byte[][] _secrets;

    private SigningSecrets(byte[][] secrets) => _secrets = secrets;

    /// <summary>Reads them as <see cref="SecretText"/> does each.</summary>
    /// <param name="texts">The newest first.</param>
    /// <returns>False when there is none, there are too many, or one is too short.</returns>
    public static bool TryParse(IReadOnlyList<string?> texts, [NotNullWhen(true)] out SigningSecrets? secrets)
    {
        secrets = null;
        if (texts.Count is 0 or > MaxCount)
        {
            return false;
        }

        var read = new byte[texts.Count][];
        for (var i = 0; i < read.Length; i++)
        {
            if (!SecretText.TryParse(texts[i], out var secret))
            {
                return false;
            }

            read[i] = secret;
        }

        secrets = new SigningSecrets(read);
        return true;
    }

    /// <summary>Keys that were found genuine, by their text, so that one in use costs no MAC a request.</summary>
    internal Recent<ApiKey> Genuine { get; } = new(RecentMax);

    /// <summary>Never the secrets.</summary>
    public override string ToString() => "(signing secrets)";

    /// <summary>Writes <see cref="ApiKey.MacLength"/> base62 characters (95 bits) of HMAC-SHA256 over <paramref name="ascii"/>, by the newest.</summary>
    internal void WriteMac(ReadOnlySpan<byte> ascii, Span<byte> mac) => WriteMac(_secrets[0], ascii, mac);

    /// <summary>Whether any of them has made this MAC. The time that it takes tells only which.</summary>
    internal bool IsMac(ReadOnlySpan<byte> ascii, ReadOnlySpan<byte> mac)
    {
        Span<byte> expected = stackalloc byte[ApiKey.MacLength];
        foreach (var secret in _secrets)
        {
            WriteMac(secret, ascii, expected);
            if (CryptographicOperations.FixedTimeEquals(expected, mac))
            {
                return true;
            }
        }

        return false;
    }

    private static void WriteMac(byte[] secret, ReadOnlySpan<byte> ascii, Span<byte> mac)
    {
        Span<byte> digest = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(secret, ascii, digest);
        Base62.Write(BinaryPrimitives.ReadUInt128BigEndian(digest), mac);
    }
}
