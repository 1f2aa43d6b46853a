using System.Globalization;
using MailKit.Net.Smtp;
using MailKit.Security;
using Microsoft.Extensions.Options;
using MimeKit;

namespace OrleansGateway.Web.Mail;

/// <summary>A mail of plain text.</summary>
internal sealed record Message(string To, string Subject, string Body);

/// <summary>Sends mails.</summary>
internal interface IMail
{
    /// <summary>Hands one over; throws where that fails, and the mail is tried again later.</summary>
    Task SendAsync(Message message, CancellationToken cancellationToken);
}

/// <summary>Puts mails into a folder, where nobody is to get any.</summary>
internal sealed class FolderMail(IOptions<SiteOptions> options, TimeProvider time) : IMail
{
    public async Task SendAsync(Message message, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateDirectory(options.Value.MailFolder).FullName;
        var name = time.GetUtcNow().ToString("yyyyMMdd-HHmmss-fffffff", CultureInfo.InvariantCulture);
        var path = Path.Combine(folder, name + ".eml");
        using var mime = Mime.Of(message, options.Value);

        // Whoever reads the folder finds whole mails.
        await mime.WriteToAsync(path + ".part", cancellationToken);
        File.Move(path + ".part", path);
    }
}

/// <summary>Sends mails over SMTP.</summary>
internal sealed class SmtpMail(IOptions<SiteOptions> options) : IMail
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Whoever is on the way must not be able to take the encryption out; on this machine nobody is.</summary>
    private static SecureSocketOptions Encryption(SiteOptions settings) =>
        settings.SmtpPort == 465 ? SecureSocketOptions.SslOnConnect
        : settings.SmtpHost is "localhost" or "127.0.0.1" or "::1" ? SecureSocketOptions.StartTlsWhenAvailable
        : SecureSocketOptions.StartTls;

    public async Task SendAsync(Message message, CancellationToken cancellationToken)
    {
        var settings = options.Value;
        using var mime = Mime.Of(message, settings);
        using var client = new SmtpClient { Timeout = (int)Patience.TotalMilliseconds };
        await client.ConnectAsync(settings.SmtpHost, settings.SmtpPort, Encryption(settings), cancellationToken);
        if (settings.SmtpUser.Length > 0)
        {
            await client.AuthenticateAsync(settings.SmtpUser, settings.SmtpPassword, cancellationToken);
        }

        await client.SendAsync(mime, cancellationToken);
        await client.DisconnectAsync(quit: true, cancellationToken);
    }
}

/// <summary>A message in the form of the internet's mail.</summary>
internal static class Mime
{
    public static MimeMessage Of(Message message, SiteOptions options)
    {
        var mime = new MimeMessage { Subject = message.Subject, Body = new TextPart("plain") { Text = message.Body } };
        mime.From.Add(new MailboxAddress(options.Name, options.MailFrom));
        mime.To.Add(MailboxAddress.Parse(message.To));
        return mime;
    }
}
