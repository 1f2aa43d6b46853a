using System.Buffers.Binary;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.IO.Compression;
using System.Text;

namespace OrleansGateway.Grains.Contracts.Keys;

/// <summary>
/// A secret for a short time that a customer hands to its own client, a browser for example, in place of a key: <c>ek_</c>, what it stands
/// for in base64, and a MAC by the gateway's newest signing secret. It says all of it itself, so that nothing is kept.
/// </summary>
/// <param name="Key">The key that pays.</param>
/// <param name="Model">The one model that it is for.</param>
/// <param name="ExpiresAt">Until when sessions may begin, Unix seconds.</param>
/// <param name="Session">The settings that its sessions begin with, JSON.</param>
public sealed record ClientSecret(ApiKey Key, string Model, long ExpiresAt, ReadOnlyMemory<byte> Session)
{
    /// <summary>What every client secret begins with.</summary>
    public const string Prefix = "ek_";

    /// <summary>The longest text: it has to fit into a header.</summary>
    public const int MaxLength = 8 * 1024;

    /// <summary>The most that its settings can be, bytes.</summary>
    public const int MaxSessionBytes = 64 * 1024;

    private const int HashBytes = 32;
    private const int FixedBytes = (2 * Ids.ShortLength) + HashBytes + sizeof(long) + 1;

    /// <summary>The text to hand out; null when the settings are too long for it.</summary>
    public string? ToText(SigningSecrets secrets)
    {
        using var plain = new MemoryStream();
        Span<byte> fixedPart = stackalloc byte[FixedBytes];
        Encoding.ASCII.GetBytes(Key.AccountId, fixedPart);
        Encoding.ASCII.GetBytes(Key.KeyId, fixedPart[Ids.ShortLength..]);
        Key.SecretHash.ToBytes().CopyTo(fixedPart[(2 * Ids.ShortLength)..]);
        BinaryPrimitives.WriteInt64BigEndian(fixedPart[^9..], ExpiresAt);
        fixedPart[^1] = checked((byte)Encoding.ASCII.GetByteCount(Model));
        plain.Write(fixedPart);
        plain.Write(Encoding.ASCII.GetBytes(Model));
        using (var brotli = new BrotliStream(plain, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            brotli.Write(Session.Span);
        }

        var text = new byte[Prefix.Length + Base64Url.GetEncodedLength((int)plain.Length) + ApiKey.MacLength];
        if (Session.Length > MaxSessionBytes || text.Length > MaxLength)
        {
            return null;
        }

        Encoding.ASCII.GetBytes(Prefix, text);
        Base64Url.EncodeToUtf8(plain.GetBuffer().AsSpan(0, (int)plain.Length), text.AsSpan(Prefix.Length));
        secrets.WriteMac(text.AsSpan(..^ApiKey.MacLength), text.AsSpan(^ApiKey.MacLength..));
        return Encoding.ASCII.GetString(text);
    }

    /// <summary>Reads what a client sent; whether its time is over is not looked at.</summary>
    /// <returns>False when it is malformed or was made with none of <paramref name="secrets"/>.</returns>
    public static bool TryParse(ReadOnlySpan<char> text, SigningSecrets secrets, [NotNullWhen(true)] out ClientSecret? secret)
    {
        secret = null;
        if (text.Length is < FixedBytes or > MaxLength || !text.StartsWith(Prefix) || !Ascii.IsValid(text))
        {
            return false;
        }

        var ascii = Encoding.ASCII.GetBytes(text.ToString());
        if (!secrets.IsMac(ascii.AsSpan(..^ApiKey.MacLength), ascii.AsSpan(^ApiKey.MacLength..)))
        {
            return false;
        }

        // It is our own from here on: nothing of it can be malformed.
        var plain = Base64Url.DecodeFromUtf8(ascii.AsSpan(Prefix.Length..^ApiKey.MacLength)).AsSpan();
        var key = new ApiKey(
            Encoding.ASCII.GetString(plain[..Ids.ShortLength]),
            Encoding.ASCII.GetString(plain[Ids.ShortLength..(2 * Ids.ShortLength)]),
            Sha256Hash.FromBytes(plain.Slice(2 * Ids.ShortLength, HashBytes)));
        var modelEnd = FixedBytes + plain[FixedBytes - 1];
        using var session = new MemoryStream();
        using (var brotli = new BrotliStream(new MemoryStream(plain[modelEnd..].ToArray()), CompressionMode.Decompress))
        {
            brotli.CopyTo(session);
        }

        secret = new ClientSecret(
            key, Encoding.ASCII.GetString(plain[FixedBytes..modelEnd]), BinaryPrimitives.ReadInt64BigEndian(plain[(FixedBytes - 9)..]), session.ToArray());
        return true;
    }

    /// <summary>The ids, never what makes it genuine.</summary>
    public override string ToString() => $"{Prefix}{Key}";
}
