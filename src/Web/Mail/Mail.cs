using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using MailKit.Net.Smtp;
using MailKit.Security;
using Microsoft.Extensions.Options;
using MimeKit;

namespace OrleansGateway.Web.Mail;

/// <summary>A mail of plain text.</summary>
internal sealed record Message(string To, string Subject, string Body);

/// <summary>A mail on its way.</summary>
/// <param name="Id">The same each time that it is handed over: a server that got it and could not say so can tell.</param>
internal sealed record Outgoing(string Id, Message Message);

/// <summary>Sends mails.</summary>
internal interface IMail
{
    /// <summary>Hands one over; throws where that fails, and the mail is tried again later.</summary>
    Task SendAsync(Outgoing mail, CancellationToken cancellationToken);
}

/// <summary>Puts mails into a folder, where nobody is to get any.</summary>
internal sealed class FolderMail(IOptions<SiteOptions> options, TimeProvider time) : IMail
{
    public async Task SendAsync(Outgoing mail, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateDirectory(options.Value.MailFolder).FullName;
        var name = time.GetUtcNow().ToString("yyyyMMdd-HHmmss-fffffff", CultureInfo.InvariantCulture);
        var path = Path.Combine(folder, name + ".eml");
        using var mime = Mime.Of(mail, options.Value);

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

    public async Task SendAsync(Outgoing mail, CancellationToken cancellationToken)
    {
        var settings = options.Value;
        using var mime = Mime.Of(mail, settings);
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
    public static MimeMessage Of(Outgoing mail, SiteOptions options)
    {
        var message = mail.Message;
        var mime = new MimeMessage { MessageId = $"{mail.Id}@{new Uri(options.Url).Host}", Subject = message.Subject, Body = new TextPart("plain") { Text = message.Body } };
        mime.From.Add(new MailboxAddress(options.Name, options.MailFrom));
        mime.To.Add(MailboxAddress.Parse(message.To));
        return mime;
    }
}

/// <summary>Sends mails through Resend (https://resend.com/docs/api-reference/emails/send-email).</summary>
internal sealed class ResendMail(IOptions<SiteOptions> options) : IMail, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly HttpClient _client = new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5), AllowAutoRedirect = false }) { Timeout = Patience };

    public async Task SendAsync(Outgoing mail, CancellationToken cancellationToken)
    {
        var settings = options.Value;
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{settings.ResendUrl.TrimEnd('/')}/emails")
        {
            Content = JsonContent.Create(new { from = new MailboxAddress(settings.Name, settings.MailFrom).ToString(), to = new[] { mail.Message.To }, subject = mail.Message.Subject, text = mail.Message.Body }),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", settings.ResendKey);

        // A mail that it took and whose answer was lost is not sent again for a day.
        request.Headers.Add("Idempotency-Key", mail.Id);
        using var answer = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (!answer.IsSuccessStatusCode)
        {
            throw new HttpRequestException($"Resend answers {(int)answer.StatusCode}.");
        }
    }

    public void Dispose() => _client.Dispose();
}
