using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace OrleansGateway.Grains.Contracts.Keys;

/// <summary>What the gateway signs its keys with: whoever has it can make keys that an edge lets through to an account's grain.</summary>
public sealed class SigningSecret
{
    /// <summary>The least that a secret must have, bytes.</summary>
    public const int MinBytes = 32;

    private readonly byte[] _bytes;

    private SigningSecret(byte[] bytes) => _bytes = bytes;

    /// <summary>
    /// Reads a secret from configuration: hex or base64 of at least 32 bytes, else any text of at least 32 characters as
    /// it stands. Blanks around it do not count.
    /// </summary>
    /// <returns>False when it is missing or too short.</returns>
    public static bool TryParse(string? text, [NotNullWhen(true)] out SigningSecret? secret)
    {
        text = text?.Trim() ?? "";
        var bytes = FromHex(text) ?? FromBase64(text) ?? Encoding.UTF8.GetBytes(text);
        secret = text.Length >= MinBytes && bytes.Length >= MinBytes ? new SigningSecret(bytes) : null;
        return secret is not null;
    }

    /// <summary>Never the secret.</summary>
    public override string ToString() => "(signing secret)";

    /// <summary>Writes <see cref="ApiKey.MacLength"/> base62 characters (95 bits) of HMAC-SHA256 over <paramref name="ascii"/>.</summary>
    internal void WriteMac(ReadOnlySpan<byte> ascii, Span<byte> mac)
    {
        Span<byte> digest = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(_bytes, ascii, digest);
        Base62.Write(BinaryPrimitives.ReadUInt128BigEndian(digest), mac);
    }

    private static byte[]? FromHex(string text)
    {
        var bytes = new byte[text.Length / 2];
        var isHex = text.Length >= 2 * MinBytes
            && Convert.FromHexString(text, bytes, out _, out _) == System.Buffers.OperationStatus.Done;
        return isHex ? bytes : null;
    }

    private static byte[]? FromBase64(string text)
    {
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out var count) && count >= MinBytes ? bytes[..count] : null;
    }
}
