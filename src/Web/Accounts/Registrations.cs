using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;

namespace OrleansGateway.Web.Accounts;

/// <summary>Makes people, confirms their addresses, and gives each an account.</summary>
internal sealed class Registrations(
    UserManager<Person> users,
    PeopleContext people,
    PersonMails mails,
    Memberships memberships,
    AccountOperations accounts,
    IPasswordHasher<Person> hasher,
    ISiteHost host,
    RandomSource random,
    TimeProvider time)
{
    /// <summary>Registers, or tells the owner of an address that is registered: who asks cannot tell one from the other.</summary>
    /// <returns>What is wrong with the password; none if nothing is.</returns>
    public async Task<IReadOnlyList<IdentityError>> RegisterAsync(HttpContext http, string name, string email, string password, string language)
    {
        // Of known addresses too, or the answer would tell which are.
        foreach (var validator in users.PasswordValidators)
        {
            var valid = await validator.ValidateAsync(users, new Person { UserName = email, Email = email }, password);
            if (!valid.Succeeded)
            {
                return [.. valid.Errors];
            }
        }

        if (await users.FindByEmailAsync(email) is { } known)
        {
            var hash = hasher.HashPassword(known, password);
            var mayMail = await mails.MayMailAsync(email);
            if (known.EmailConfirmed)
            {
                if (mayMail)
                {
                    await mails.AlreadyRegisteredAsync(known);
                }

                return [];
            }

            // Whoever registered the address first need not own it: the last password counts, and links of before are void, whether or not
            // the address got as many mails today as it may.
            (known.PasswordHash, known.Name, known.Language) = (hash, name, language);
            if ((await users.UpdateSecurityStampAsync(known)).Succeeded && mayMail)
            {
                await mails.AddConfirmAsync(known);
            }

            return [];
        }

        var person = New(name, email, language);
        await using var transaction = await people.Database.BeginTransactionAsync();
        try
        {
            var made = await users.CreateAsync(person, password);
            if (!made.Succeeded)
            {
                return [.. made.Errors];
            }
        }
        catch (DbUpdateException twin) when (PeopleContext.IsTwin(twin))
        {
            // The same form was sent twice at once; the other one is on its way.
            return [];
        }

        people.Consents.AddRange(Consents.Of(person.Id, isGiven: true, person.CreatedAt, host.AddressOf(http)));
        if (await mails.MayMailAsync(email))
        {
            await mails.AddConfirmAsync(person);
        }

        await people.SaveChangesAsync();
        await transaction.CommitAsync();
        return [];
    }

    /// <summary>Registers whoever a provider vouches for, without a password; the address is confirmed by that.</summary>
    /// <returns>Null if somebody has the address or the login by now.</returns>
    public async Task<Person?> RegisterAsync(HttpContext http, string name, OpenId.Visit visit, string language)
    {
        var person = New(name, visit.Email, language);
        person.EmailConfirmed = true;
        await using var transaction = await people.Database.BeginTransactionAsync();
        try
        {
            if (!(await users.CreateAsync(person)).Succeeded || !(await users.AddLoginAsync(person, visit.Login)).Succeeded)
            {
                return null;
            }
        }
        catch (DbUpdateException twin) when (PeopleContext.IsTwin(twin))
        {
            return null;
        }

        people.Consents.AddRange(Consents.Of(person.Id, isGiven: true, person.CreatedAt, host.AddressOf(http)));
        await people.SaveChangesAsync();
        await transaction.CommitAsync();
        return person;
    }

    private Person New(string name, string email, string language)
    {
        var now = time.GetUtcNow();
        Span<byte> id = stackalloc byte[16];
        random.Fill(id);
        return new Person { Id = new Guid(id), UserName = email, Email = email, Name = name, Language = language, CreatedAt = now, AgeStatedAt = now };
    }

    /// <summary>Confirms an address by the link that was mailed to it; a link is good once for what it does, and harmless after.</summary>
    public async Task<Person?> ConfirmAsync(string personId, string token) =>
        Guid.TryParse(personId, out _) && await users.FindByIdAsync(personId) is { } person && (await users.ConfirmEmailAsync(person, token)).Succeeded ? person : null;

    /// <summary>A key that somebody else made is noticed by its owner's mail.</summary>
    public async Task TellOfKeyAsync(CurrentPerson person, string keyName)
    {
        if (await users.FindByIdAsync(person.Id.ToString()) is { } owner)
        {
            await mails.KeyMadeAsync(owner, keyName);
        }
    }

    /// <summary>The account of a person who is signed in; made at the first need.</summary>
    public async Task<Result<AccountOfPerson>> EnsureAccountAsync(CurrentPerson person, CancellationToken cancellationToken)
    {
        if (person.AccountId is { } known)
        {
            return new AccountOfPerson(known);
        }

        // The same request each time: one that broke off is completed by the next.
        var made = await accounts.CreateAsync(person.Actor, "first-account", "", person.Name, RateLimits.None, cancellationToken);
        if (made.Failure is { } failure)
        {
            return failure;
        }

        return new AccountOfPerson(await memberships.JoinAsync(person.Id, made.Value!.AccountId, time.GetUtcNow(), cancellationToken));
    }
}

/// <summary>Gives the console's pages a person who has an account.</summary>
internal static class AccountOfVisitor
{
    /// <summary>What stays open to who took consent back or deletes their account: to decide otherwise, and to take with them what is kept.</summary>
    private static readonly string[] Open = ["/console/privacy", "/console/my-data", "/console/usage.csv", "/console/usage.json"];

    /// <summary>Makes the account of whoever comes for the first time; sends whoever is going, and may still stay, to where they say so.</summary>
    public static async Task EnsureAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Person() is { } held && (held.PolicyWithdrawnAt ?? held.DeletionDueAt) is not null
            && context.Request.Path.StartsWithSegments("/console") && !Open.Any(path => context.Request.Path.StartsWithSegments(path)))
        {
            context.Response.Redirect("/console/privacy");
            return;
        }

        if (context.Person() is { AccountId: null } person && context.Request.Path.StartsWithSegments("/console"))
        {
            var made = await context.RequestServices.GetRequiredService<Registrations>().EnsureAccountAsync(person, context.RequestAborted);
            if (made.Value is not { AccountId: var accountId })
            {
                await Http.Requests.NotReadyAsync(context);
                return;
            }

            context.Items[typeof(CurrentPerson)] = person with { AccountId = accountId, Actor = person.Actor with { AccountId = accountId } };
        }

        await next(context);
    }
}

/// <summary>The account that a person belongs to.</summary>
internal sealed record AccountOfPerson(string AccountId);
