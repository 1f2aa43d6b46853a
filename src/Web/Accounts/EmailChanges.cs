using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Web.Accounts;

/// <summary>Changes of the e-mail address: confirmed at the new one, told to the old one, which can undo them for some days.</summary>
internal sealed class EmailChanges(UserManager<Person> users, PeopleContext people, PersonMails mails, SignIns signIns, Attempts attempts, RandomSource random, TimeProvider time)
{
    private const int SecretBytes = 24;
    private static readonly TimeSpan UndoLife = TimeSpan.FromDays(7);

    /// <summary>Sends a link to the new address; who asks cannot tell whether somebody has it already.</summary>
    public async Task AskAsync(Person person, string email)
    {
        if (!await mails.MayMailAsync(email))
        {
            return;
        }

        if (await users.FindByEmailAsync(email) is { } known)
        {
            await mails.AlreadyRegisteredAsync(known);
            return;
        }

        await mails.ConfirmEmailChangeAsync(person, email);
    }

    /// <summary>Changes it by the link that was mailed to the new address.</summary>
    /// <returns>Whether the link is good.</returns>
    public async Task<bool> ConfirmAsync(string? id, string email, string token)
    {
        if (!Guid.TryParse(id, out _) || await users.FindByIdAsync(id) is not { DeletedAt: null, Email: { } old } person)
        {
            return false;
        }

        var secret = new byte[SecretBytes];
        random.Fill(secret);
        Span<byte> bytes = stackalloc byte[16];
        random.Fill(bytes);
        var now = time.GetUtcNow();
        people.EmailChanges.Add(new EmailChange
        {
            Id = new Guid(bytes),
            PersonId = person.Id,
            OldEmail = old,
            UndoHash = SHA256.HashData(Encoding.UTF8.GetBytes(Base64Url.EncodeToString(secret))),
            At = now,
            ExpiresAt = now + UndoLife,
        });
        mails.EmailChanged(person, old, Base64Url.EncodeToString(secret));
        person.UserName = email;
        try
        {
            // Saved with it, or not at all.
            return (await users.ChangeEmailAsync(person, email, token)).Succeeded;
        }
        catch (DbUpdateException twin) when (PeopleContext.IsTwin(twin))
        {
            return false;
        }
    }

    /// <summary>
    /// Undoes a change by the link that was mailed to the old address, and what came after it. Whoever changed the address knew the
    /// password and had a session, and may have added an app, a passkey or a provider: all of them are over. Who registered the old address meanwhile
    /// and did not confirm it, which only its owner could, is gone.
    /// </summary>
    /// <returns>The person, whose next step is a new password; null if the link is used up or too old.</returns>
    public async Task<Person?> UndoAsync(string? secret)
    {
        var (hash, now) = (SHA256.HashData(Encoding.UTF8.GetBytes(secret ?? "")), time.GetUtcNow());
        if (await people.EmailChanges.AsNoTracking().SingleOrDefaultAsync(one => one.UndoHash == hash && one.ExpiresAt > now) is not { } change
            || await users.FindByIdAsync(change.PersonId.ToString()) is not { DeletedAt: null } person)
        {
            return null;
        }

        await using var transaction = await people.Database.BeginTransactionAsync();
        var (id, normalized) = (person.Id, users.NormalizeEmail(change.OldEmail));
        await people.Database.ExecuteSqlAsync(
            $"""
            DELETE FROM people.person WHERE normalized_email = {normalized} AND id <> {id} AND NOT email_confirmed
                AND NOT EXISTS (SELECT FROM people.account_member WHERE person_id = person.id)
            """);
        (person.Email, person.UserName, person.EmailConfirmed, person.PasswordHash, person.TwoFactorEnabled) = (change.OldEmail, change.OldEmail, true, null, false);
        if (await people.EmailChanges.Where(one => one.PersonId == person.Id && one.At >= change.At).ExecuteDeleteAsync() == 0
            || !(await users.UpdateSecurityStampAsync(person)).Succeeded)
        {
            return null;
        }

        await people.Database.ExecuteSqlAsync(
            $"""
            WITH tokens AS (DELETE FROM people.person_token WHERE user_id = {id}), logins AS (DELETE FROM people.person_login WHERE user_id = {id})
            DELETE FROM people.person_passkey WHERE user_id = {id}
            """);
        await signIns.EndAllAsync(person.Id);
        await attempts.ForgetAllAsync(change.OldEmail);
        await transaction.CommitAsync();
        return person;
    }
}
