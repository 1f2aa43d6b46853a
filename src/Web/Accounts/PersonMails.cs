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
    /// <summary>Where the address got many today, none: whoever has it has links enough.</summary>
    public async Task ConfirmAsync(Person person)
    {
        if (await queue.MayAddAsync(people, person.Email!))
        {
            await AddConfirmAsync(person);
        }
    }

    /// <summary>The same, counted by the caller.</summary>
    public async Task AddConfirmAsync(Person person) =>
        await SendAsync(person, nameof(Texts.MailConfirmSubject), nameof(Texts.MailConfirmBody), Link("confirm", person, await users.GenerateEmailConfirmationTokenAsync(person)));

    /// <summary>Whoever says that they forgot their password, if anybody has the address, and it did not get many mails today.</summary>
    public async Task ForgottenAsync(string email)
    {
        if (await users.FindByEmailAsync(email) is { } person && await queue.MayAddAsync(people, email))
        {
            await (person.EmailConfirmed
                ? SendAsync(person, nameof(Texts.MailResetSubject), nameof(Texts.MailResetBody), Link("reset", person, await users.GeneratePasswordResetTokenAsync(person)))
                : AddConfirmAsync(person));
        }
    }

    /// <summary>Queues that, as fast where nobody has the address.</summary>
    public Task AskResetAsync(string email)
    {
        queue.AskReset(people, email);
        return people.SaveChangesAsync();
    }

    /// <inheritdoc cref="MailQueue.MayAddAsync"/>
    public Task<bool> MayMailAsync(string email) => queue.MayAddAsync(people, email);

    /// <summary>Counted by the caller.</summary>
    public Task AlreadyRegisteredAsync(Person person) =>
        SendAsync(person, nameof(Texts.MailKnownSubject), nameof(Texts.MailKnownBody), $"{Url}/forgot");

    /// <summary>To the new address; counted by the caller.</summary>
    public async Task ConfirmEmailChangeAsync(Person person, string email)
    {
        var link = $"{Url}/email/confirm?id={person.Id}&email={Encode(email)}&token={Encode(await users.GenerateChangeEmailTokenAsync(person, email))}";
        Add(email, email, person.Language, nameof(Texts.MailEmailConfirmSubject), nameof(Texts.MailEmailConfirmBody), link);
        await people.SaveChangesAsync();
    }

    /// <summary>To the old address, with what undoes it; queued by the caller's next save.</summary>
    public void EmailChanged(Person person, string oldEmail, string undoSecret) =>
        Add(oldEmail, person.Name, person.Language, nameof(Texts.MailEmailChangedSubject), nameof(Texts.MailEmailChangedBody), $"{Url}/email/undo?token={undoSecret}");

    /// <summary>Queued by the caller's next save.</summary>
    public void ExportReady(Person person) =>
        Add(person, nameof(Texts.MailExportSubject), nameof(Texts.MailExportBody), $"{Url}/console/privacy");

    /// <summary>Queued by the caller's next save.</summary>
    public void ExportFailed(Person person) =>
        Add(person, nameof(Texts.MailExportFailedSubject), nameof(Texts.MailExportFailedBody), $"{Url}/console/privacy");

    /// <summary>Queued by the caller's next save.</summary>
    public void DeletionAsked(Person person, DateTimeOffset dueAt) =>
        Add(person, nameof(Texts.MailDeletionSubject), nameof(Texts.MailDeletionBody), $"{Url}/console/privacy", dueAt.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));

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

    /// <summary>Whoever reads an address that is not confirmed did not choose the name that goes with it.</summary>
    private void Add(Person person, string subject, string body, params object[] values) =>
        Add(person.Email!, person.EmailConfirmed ? person.Name : person.Email!, person.Language, subject, body, values);

    /// <summary>Texts have the site's name at 0, the person's at 1, and what else there is from 2 on.</summary>
    private void Add(string to, string name, string language, string subject, string body, params object[] values)
    {
        var culture = CultureInfo.GetCultureInfo(language);
        object[] all = [options.Value.Name, name, .. values];
        string Text(string text) => Format.Fill(Texts.ResourceManager.GetString(text, culture)!, all);
        queue.Add(people, new Message(to, Text(subject), Text(body)));
    }
}
