using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;
using OrleansGateway.Web.Mail;

namespace OrleansGateway.Web.Accounts;

/// <summary>The mails that people get, in their language. They are queued with whatever else the context saves.</summary>
internal sealed class PersonMails(UserManager<Person> users, PeopleContext people, MailQueue queue, IOptions<SiteOptions> options)
{
    public async Task ConfirmAsync(Person person) =>
        await SendAsync(person, nameof(Texts.MailConfirmSubject), nameof(Texts.MailConfirmBody), Link("confirm", person, await users.GenerateEmailConfirmationTokenAsync(person)));

    public async Task ResetAsync(Person person) =>
        await SendAsync(person, nameof(Texts.MailResetSubject), nameof(Texts.MailResetBody), Link("reset", person, await users.GeneratePasswordResetTokenAsync(person)));

    public Task AlreadyRegisteredAsync(Person person) =>
        SendAsync(person, nameof(Texts.MailKnownSubject), nameof(Texts.MailKnownBody), $"{Url}/forgot");

    public Task PasswordChangedAsync(Person person) =>
        SendAsync(person, nameof(Texts.MailPasswordSubject), nameof(Texts.MailPasswordBody), $"{Url}/forgot");

    public Task FactorChangedAsync(Person person) =>
        SendAsync(person, nameof(Texts.MailFactorSubject), nameof(Texts.MailFactorBody), $"{Url}/forgot");

    public Task KeyMadeAsync(Person person, string keyName) =>
        SendAsync(person, nameof(Texts.MailKeySubject), nameof(Texts.MailKeyBody), $"{Url}/console/keys", keyName);

    /// <summary>Queued by the caller's next save.</summary>
    public void NewDevice(Person person, Session session) =>
        Add(person, nameof(Texts.MailDeviceSubject), nameof(Texts.MailDeviceBody), $"{Url}/console/sessions", session.Address, session.Agent);

    private string Url => options.Value.Url.TrimEnd('/');

    /// <summary>A token as an address can carry it.</summary>
    public static string Encode(string token) => WebEncoders.Base64UrlEncode(Encoding.UTF8.GetBytes(token));

    /// <summary>The token of an address; one that is none is a token that nothing accepts.</summary>
    public static string Decode(string? encoded)
    {
        try
        {
            return Encoding.UTF8.GetString(WebEncoders.Base64UrlDecode(encoded ?? ""));
        }
        catch (FormatException)
        {
            return "";
        }
    }

    private string Link(string page, Person person, string token) => $"{Url}/{page}?id={person.Id}&token={Encode(token)}";

    private Task<int> SendAsync(Person person, string subject, string body, params object[] values)
    {
        Add(person, subject, body, values);
        return people.SaveChangesAsync();
    }

    /// <summary>Texts have the site's name at 0, the person's at 1, and what else there is from 2 on.</summary>
    private void Add(Person person, string subject, string body, params object[] values)
    {
        var culture = CultureInfo.GetCultureInfo(person.Language);
        object[] all = [options.Value.Name, person.Name, .. values];
        string Text(string name) => Format.Fill(Texts.ResourceManager.GetString(name, culture)!, all);
        queue.Add(people, new Message(person.Email!, Text(subject), Text(body)));
    }
}
