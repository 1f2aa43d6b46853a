using System.Text;

namespace OrleansGateway.Grains.Contracts.Keys;

/// <summary>
/// A customer's key: <c>sk-og-</c>, the account's id (12), the key's id (12), a random part (22: 131 bits) and a MAC by
/// the gateway's newest signing secret over all before it (16), in base62. An edge refuses a forged key without calling
/// anyone; a genuine one names its account. The text is shown once, when the key is made, and kept nowhere.
/// </summary>
/// <param name="AccountId">The account that pays.</param>
/// <param name="KeyId">The key within its account.</param>
/// <param name="SecretHash">The digest of the random part's ASCII: all that the account's grain keeps of it.</param>
public readonly record struct ApiKey(string AccountId, string KeyId, Sha256Hash SecretHash)
{
    /// <summary>What every key begins with.</summary>
    public const string Prefix = "sk-og-";

    /// <summary>Characters of a whole key.</summary>
    public const int Length = SecretEnd + MacLength;

    internal const int MacLength = 16;

    private const int AccountEnd = 6 + Ids.ShortLength;
    private const int KeyEnd = AccountEnd + Ids.ShortLength;
    private const int SecretEnd = KeyEnd + 22;

    /// <summary>Makes a new key.</summary>
    /// <param name="key">What to keep of it.</param>
    /// <returns>The text to show once.</returns>
    public static string Create(string accountId, string keyId, RandomSource random, SigningSecrets secrets, out ApiKey key)
    {
        if (!Ids.IsAccountId(accountId) || !Ids.IsKeyId(keyId))
        {
            throw new ArgumentException("The account's or the key's id does not have its form.");
        }
        Span<char> text = stackalloc char[Length];
        Prefix.CopyTo(text);
        accountId.CopyTo(text[Prefix.Length..]);
        keyId.CopyTo(text[AccountEnd..]);
        Base62.FillRandom(text[KeyEnd..SecretEnd], random);

        Span<byte> ascii = stackalloc byte[Length];
        Encoding.ASCII.GetBytes(text[..SecretEnd], ascii);
        secrets.WriteMac(ascii[..SecretEnd], ascii[SecretEnd..]);
        key = new ApiKey(accountId, keyId, Sha256Hash.Of(ascii[KeyEnd..SecretEnd]));
        return Encoding.ASCII.GetString(ascii);
    }

    /// <summary>Reads a key that a client sent.</summary>
    /// <returns>False when it is malformed or was made with none of <paramref name="secrets"/>.</returns>
    public static bool TryParse(ReadOnlySpan<char> text, SigningSecrets secrets, out ApiKey key)
    {
        key = default;
        if (text.Length != Length || !text.StartsWith(Prefix))
        {
            return false;
        }
        if (secrets.Genuine.TryGet(text, out key))
        {
            return true;
        }
        if (!Base62.IsBase62(text[Prefix.Length..]))
        {
            return false;
        }
        Span<byte> ascii = stackalloc byte[Length];
        Encoding.ASCII.GetBytes(text, ascii);
        if (!secrets.IsMac(ascii[..SecretEnd], ascii[SecretEnd..]))
        {
            return false;
        }
        key = secrets.Genuine.GetOrAdd(text.ToString(), Sha256Hash.Of(ascii[KeyEnd..SecretEnd]), static (text, hash) =>
            new ApiKey(text[Prefix.Length..AccountEnd], text[AccountEnd..KeyEnd], hash));
        return true;
    }

    /// <summary>The ids, never the random part nor its digest.</summary>
    public override string ToString() => $"{Prefix}{AccountId}{KeyId}…";
}
