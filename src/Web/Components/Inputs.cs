using System.Net.Mail;
using OrleansGateway.Grains.Contracts;

namespace OrleansGateway.Web.Components;

/// <summary>What fields take.</summary>
internal static class Inputs
{
    private const int EmailLengthMax = 200;

    /// <summary>A name that can be stored: no control characters, well-formed.</summary>
    public static bool IsName(string text, int lengthMax) => text.Length > 0 && text.Length <= lengthMax && StoredText.IsValid(text);

    /// <summary>An e-mail address and nothing else.</summary>
    public static bool IsEmail(string text) =>
        text.Length is > 0 and <= EmailLengthMax && StoredText.IsValid(text) && MailAddress.TryCreate(text, out var address) && address.Address == text;
}
