using System.Text;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>
/// <c>thoughtSignature</c>, which is bytes to Gemini's clients: they decode it, and send it back encoded in either alphabet of base64. A
/// signature of another provider is the base64 of its text.
/// </summary>
internal static class GeminiSignatures
{
    private const string Hidden = "hidden.";

    /// <summary>What public clients send where a call has no signature of Gemini's: it asks not to check.</summary>
    public const string None = "skip_thought_signature_validator";

    /// <summary>As a client of Gemini's gets it.</summary>
    public static string Write(Signature signature, bool isHidden) => signature.Format == WireFormats.Gemini
        ? signature.Value
        : Convert.ToBase64String(Encoding.UTF8.GetBytes((isHidden ? Hidden : "") + signature.ForeignText));

    /// <summary>Reads one that a client brings back.</summary>
    /// <param name="isHidden">Whether it is reasoning that only its provider can read.</param>
    public static Signature Read(string text, out bool isHidden)
    {
        isHidden = false;
        var bytes = new byte[text.Length];
        if (!Convert.TryFromBase64String(Standard(text), bytes, out var count))
        {
            return Signature.Read(text, WireFormats.Gemini);
        }

        var foreign = Encoding.UTF8.GetString(bytes, 0, count);
        isHidden = foreign.StartsWith(Hidden, StringComparison.Ordinal);
        var signature = Signature.Read(isHidden ? foreign[Hidden.Length..] : foreign, WireFormats.Gemini);
        if (signature.Format != WireFormats.Gemini)
        {
            return signature;
        }

        isHidden = false;
        return new Signature(WireFormats.Gemini, text);
    }

    /// <summary>Base64 in the usual alphabet, padded.</summary>
    public static string Standard(string base64)
    {
        var standard = base64.Replace('-', '+').Replace('_', '/').TrimEnd('=');
        return standard.PadRight((standard.Length + 3) / 4 * 4, '=');
    }
}
