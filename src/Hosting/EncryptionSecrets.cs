using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Hosting;

/// <summary>
/// Encrypts what the gateway stores and has to read again, such as secrets that people enter, so that a copy of the database does not
/// give it away: AES-256-GCM under the newest secret; what an older one has encrypted is still read. They are apart from
/// <see cref="SigningSecrets"/>: edges need no more than those.
/// </summary>
/// <remarks>
/// Encrypted: form (1 byte), the secret's id (8), nonce (12), tag (16), then as many bytes as the plain text has. A random nonce is
/// good for some 2^32 texts under one secret.
/// </remarks>
internal sealed class EncryptionSecrets
{
    /// <summary>The most that there may be.</summary>
    public const int MaxCount = 8;

    private const byte Form = 1;
    private const int IdBytes = 8;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const int HeaderBytes = 1 + IdBytes;
    private const int OverheadBytes = HeaderBytes + NonceBytes + TagBytes;

    private readonly Key[] _keys;

    private EncryptionSecrets(Key[] keys) => _keys = keys;

    /// <summary>Reads them as <see cref="SecretText"/> does each.</summary>
    /// <param name="texts">The newest first.</param>
    /// <returns>False when there is none, there are too many, or one is too short.</returns>
    public static bool TryParse(IReadOnlyList<string?> texts, [NotNullWhen(true)] out EncryptionSecrets? secrets)
    {
        var keys = new List<Key>();
        foreach (var text in texts)
        {
            if (SecretText.TryParse(text, out var secret))
            {
                keys.Add(Key.Of(secret));
            }
        }

        secrets = keys.Count is > 0 and <= MaxCount && keys.Count == texts.Count ? new EncryptionSecrets([.. keys]) : null;
        return secrets is not null;
    }

    /// <summary>Encrypts under the newest secret.</summary>
    /// <param name="purpose">Where it is kept, for example a column and its row: it can be read back only as that.</param>
    public byte[] Encrypt(string purpose, ReadOnlySpan<byte> plain)
    {
        var key = _keys[0];
        var encrypted = new byte[OverheadBytes + plain.Length];
        encrypted[0] = Form;
        key.Id.CopyTo(encrypted.AsSpan(1));
        var nonce = encrypted.AsSpan(HeaderBytes, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(key.Bytes, TagBytes);
        aes.Encrypt(
            nonce, plain, encrypted.AsSpan(OverheadBytes), encrypted.AsSpan(HeaderBytes + NonceBytes, TagBytes), Bound(encrypted, purpose));
        return encrypted;
    }

    /// <summary>Reads what <see cref="Encrypt"/> has written for the same purpose.</summary>
    /// <returns>False when none of the secrets has encrypted it, for this purpose, as it is.</returns>
    public bool TryDecrypt(string purpose, ReadOnlySpan<byte> encrypted, [NotNullWhen(true)] out byte[]? plain)
    {
        plain = null;
        if (encrypted.Length < OverheadBytes || encrypted[0] != Form || Find(encrypted.Slice(1, IdBytes)) is not { } key)
        {
            return false;
        }

        var read = new byte[encrypted.Length - OverheadBytes];
        try
        {
            using var aes = new AesGcm(key.Bytes, TagBytes);
            aes.Decrypt(
                encrypted.Slice(HeaderBytes, NonceBytes), encrypted[OverheadBytes..], encrypted.Slice(HeaderBytes + NonceBytes, TagBytes), read,
                Bound(encrypted, purpose));
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }

        plain = read;
        return true;
    }

    /// <summary>Never the secrets.</summary>
    public override string ToString() => "(encryption secrets)";

    private Key? Find(ReadOnlySpan<byte> id)
    {
        foreach (var key in _keys)
        {
            if (id.SequenceEqual(key.Id))
            {
                return key;
            }
        }

        return null;
    }

    /// <summary>What is authenticated beside the text: form, secret and purpose.</summary>
    private static byte[] Bound(ReadOnlySpan<byte> encrypted, string purpose) => [.. encrypted[..HeaderBytes], .. Encoding.UTF8.GetBytes(purpose)];

    /// <summary>A secret, made into a key of AES-256, and an id that tells nothing of it.</summary>
    private sealed record Key(byte[] Id, byte[] Bytes)
    {
        public static Key Of(byte[] secret) => new(
            HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, IdBytes, info: "OrleansGateway encryption secret's id"u8.ToArray()),
            HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32, info: "OrleansGateway encryption"u8.ToArray()));
    }
}
