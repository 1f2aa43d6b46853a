using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace OrleansGateway.Grains.Contracts.Keys;

/// <summary>A secret as settings write it.</summary>
public static class SecretText
{
    /// <summary>The least that a secret must have, bytes.</summary>
    public const int MinBytes = 32;

    /// <summary>
    /// Reads a secret: hex or base64 of at least 32 bytes, else any text of at least 32 characters as it stands. Blanks around it do
    /// not count.
    /// </summary>
    /// <returns>False when it is missing or too short.</returns>
    public static bool TryParse(string? text, [NotNullWhen(true)] out byte[]? secret)
    {
        text = text?.Trim() ?? "";
        var bytes = FromHex(text) ?? FromBase64(text) ?? Encoding.UTF8.GetBytes(text);
        secret = text.Length >= MinBytes && bytes.Length >= MinBytes ? bytes : null;
        return secret is not null;
    }

    private static byte[]? FromHex(string text)
    {
        var bytes = new byte[text.Length / 2];
        var isHex = text.Length >= 2 * MinBytes && Convert.FromHexString(text, bytes, out _, out _) == OperationStatus.Done;
        return isHex ? bytes : null;
    }

    private static byte[]? FromBase64(string text)
    {
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out var count) && count >= MinBytes ? bytes[..count] : null;
    }
}
