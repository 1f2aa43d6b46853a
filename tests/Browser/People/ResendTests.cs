using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Options;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Web;
using OrleansGateway.Web.Mail;
using Xunit;

namespace OrleansGateway.Tests.Browser.People;

/// <summary>Mails through Resend's interface, as its documentation has it.</summary>
public sealed class ResendTests
{
    [Theory]
    [InlineData(200)]
    [InlineData(429)]
    public async Task Mail_ThroughResend_IsOneRequestUnderTheMailsId(int status)
    {
        var url = $"http://127.0.0.1:{FreePort.Next()}/";
        using var server = new HttpListener { Prefixes = { url } };
        server.Start();
        var asked = AnswerAsync(server, status);
        using var resend = new ResendMail(Options.Create(new SiteOptions { Url = "http://localhost", Name = "Gateway", MailFrom = "gateway@example.org", ResendKey = "re_secret", ResendUrl = url }));

        var sending = resend.SendAsync(new Outgoing("mail-7", new Message("a@example.org", "主题", "Text")), TestContext.Current.CancellationToken);

        var (path, key, id, body) = await asked;
        Assert.Equal(("/emails", "Bearer re_secret", "mail-7"), (path, key, id));
        Assert.Equal("\"Gateway\" <gateway@example.org>", body.GetProperty("from").GetString());
        Assert.Equal("a@example.org", Assert.Single(body.GetProperty("to").EnumerateArray()).GetString());
        Assert.Equal(("主题", "Text"), (body.GetProperty("subject").GetString(), body.GetProperty("text").GetString()));
        if (status == 200)
        {
            await sending;
        }
        else
        {
            Assert.DoesNotContain("re_secret", (await Assert.ThrowsAsync<HttpRequestException>(() => sending)).ToString(), StringComparison.Ordinal);
        }
    }

    private static async Task<(string Path, string? Key, string? Id, JsonElement Body)> AnswerAsync(HttpListener server, int status)
    {
        var context = await server.GetContextAsync();
        using var reader = new StreamReader(context.Request.InputStream, Encoding.UTF8);
        var body = JsonDocument.Parse(await reader.ReadToEndAsync(TestContext.Current.CancellationToken)).RootElement;
        context.Response.StatusCode = status;
        context.Response.Close();
        return (context.Request.Url!.AbsolutePath, context.Request.Headers["Authorization"], context.Request.Headers["Idempotency-Key"], body);
    }
}
