using System.Text;

namespace OrleansGateway.Grains.Contracts.Keys;

/// <summary>
/// The id of something that a provider keeps, as the customer gets it: with a MAC behind it over the account that received it and the channel
/// that has it. To the provider all customers of a channel are one account, and would have each other's.
/// </summary>
public static class HeldId
{
    private const char Separator = '.';

    /// <summary>What the customer gets for a provider's id.</summary>
    public static string Seal(string id, string accountId, string channel, SigningSecrets secrets)
    {
        ArgumentNullException.ThrowIfNull(secrets);
        Span<byte> mac = stackalloc byte[ApiKey.MacLength];
        secrets.WriteMac(Signed(id, accountId, channel), mac);
        return id + Separator + Encoding.ASCII.GetString(mac);
    }

    /// <summary>Whether it is what the account got from the channel.</summary>
    public static bool IsSealed(string text, string accountId, string channel, SigningSecrets secrets)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(secrets);
        var end = text.Length - ApiKey.MacLength - 1;
        return end > 0 && text[end] == Separator && Base62.IsBase62(text.AsSpan(end + 1))
            && secrets.IsMac(Signed(text[..end], accountId, channel), Encoding.ASCII.GetBytes(text[(end + 1)..]));
    }

    /// <summary>The provider's id.</summary>
    /// <param name="text">One that <see cref="IsSealed"/>.</param>
    public static string Open(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text[..(text.Length - ApiKey.MacLength - 1)];
    }

    /// <summary>Neither account nor channel has a line break in its name; no key begins like that.</summary>
    private static byte[] Signed(string id, string accountId, string channel) => Encoding.UTF8.GetBytes($"held\n{accountId}\n{channel}\n{id}");
}
