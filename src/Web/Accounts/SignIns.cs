using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Web.Mail;

namespace OrleansGateway.Web.Accounts;

/// <summary>How an attempt to sign in ended.</summary>
internal enum SignInOutcome
{
    SignedIn,

    /// <summary>No such person, another password, or too many attempts: nobody is told which.</summary>
    Refused,

    /// <summary>The password is right, the address is not confirmed: another mail is on its way.</summary>
    Unconfirmed,

    /// <summary>The password is right; the second factor is missing.</summary>
    SecondFactor,
}

/// <summary>Lets people in and out, and writes down who tried.</summary>
internal sealed class SignIns(
    UserManager<Person> users,
    PeopleContext people,
    PersonMails mails,
    MailQueue queue,
    Attempts attempts,
    IPasswordHasher<Person> hasher,
    ISiteHost host,
    RandomSource random,
    TimeProvider time,
    IOptions<SiteOptions> options)
{
    private const int AgentLengthMax = 300;
    private const string StampClaim = "stamp";

    /// <summary>Of an app's code.</summary>
    private const int CodeLength = 6;

    /// <summary>By e-mail address and password.</summary>
    public async Task<SignInOutcome> ByPasswordAsync(HttpContext http, string email, string password)
    {
        var person = await users.FindByEmailAsync(email);
        var mayTry = await attempts.MayTryPasswordAsync(http, email, person?.Id);
        var canBeRight = mayTry && person?.PasswordHash is not null;
        if (!canBeRight)
        {
            // As long as a wrong password takes.
            hasher.HashPassword(new Person(), password);
        }

        if (!canBeRight || !await users.CheckPasswordAsync(person!, password))
        {
            // Written alike for addresses that nobody has; whose log it belongs to is looked up later.
            queue.AddRefused(people, new RefusedSignIn(email, time.GetUtcNow(), host.AddressOf(http), Agent(http), mayTry ? "wrong_password" : "slowed_down"));
            await people.SaveChangesAsync();
            return SignInOutcome.Refused;
        }

        // A hash that was renewed by two sign-ins at once is one of the two.
        people.ChangeTracker.Clear();
        if (!person!.EmailConfirmed)
        {
            await mails.ConfirmAsync(person);
            return SignInOutcome.Unconfirmed;
        }

        return await FirstFactorAsync(http, person);
    }

    /// <summary>Lets in whose first factor was right, unless there is a second one.</summary>
    public async Task<SignInOutcome> FirstFactorAsync(HttpContext http, Person person)
    {
        if (person.TwoFactorEnabled)
        {
            await http.SignInAsync(
                IdentityConstants.TwoFactorUserIdScheme,
                new ClaimsPrincipal(new ClaimsIdentity(
                    [new Claim(ClaimTypes.Name, person.Id.ToString()), new Claim(StampClaim, person.SecurityStamp!)], IdentityConstants.TwoFactorUserIdScheme)));
            return SignInOutcome.SecondFactor;
        }

        await StartAsync(http, person);
        return SignInOutcome.SignedIn;
    }

    /// <summary>The person whose password was right a moment ago; null if that is too long ago, or it is another one by now.</summary>
    public async Task<Person?> FindHalfSignedInAsync(HttpContext http) =>
        (await http.AuthenticateAsync(IdentityConstants.TwoFactorUserIdScheme)).Principal is { Identity.Name: { } id } half
            && await users.FindByIdAsync(id) is { } person && half.FindFirstValue(StampClaim) == person.SecurityStamp ? person : null;

    /// <summary>By an app's code, or by a recovery code, which is good once.</summary>
    public async Task<bool> ByCodeAsync(HttpContext http, Person person, string code)
    {
        var typed = code.Replace(" ", "", StringComparison.Ordinal);
        var isRight = await attempts.MayTryCodeAsync(person.Email!)
            && (await TakeCodeAsync(person, typed.Replace("-", "", StringComparison.Ordinal))
                || (await users.RedeemTwoFactorRecoveryCodeAsync(person, typed)).Succeeded);

        // A recovery code that two tried to use at once was the other one's.
        people.ChangeTracker.Clear();
        if (!isRight)
        {
            await RecordAsync(http, person, "wrong_code");
            return false;
        }

        await http.SignOutAsync(IdentityConstants.TwoFactorUserIdScheme);
        await StartAsync(http, person);
        return true;
    }

    /// <summary>Whether it is the code of a person's app, which is taken once.</summary>
    public async Task<bool> TakeCodeAsync(Person person, string code)
    {
        // Else one code could be written in several ways, each of which would be taken once.
        if (code.Length != CodeLength || !code.All(char.IsAsciiDigit) || !await users.VerifyTwoFactorTokenAsync(person, TokenOptions.DefaultAuthenticatorProvider, code))
        {
            return false;
        }

        var (id, now) = (person.Id, time.GetUtcNow());
        return await people.Database.ExecuteSqlAsync(
            $"INSERT INTO people.used_code (person_id, code, at) VALUES ({id}, {code}, {now}) ON CONFLICT DO NOTHING") == 1;
    }

    /// <summary>Starts a session in this browser.</summary>
    public async Task StartAsync(HttpContext http, Person person)
    {
        await attempts.ForgetAsync(http, person.Email!);
        var now = time.GetUtcNow();
        var isNewDevice = !await people.SignIns.AnyAsync(record => record.PersonId == person.Id && record.Outcome == "signed_in" && record.Agent == Agent(http))
            && await people.SignIns.AnyAsync(record => record.PersonId == person.Id && record.Outcome == "signed_in");
        Span<byte> id = stackalloc byte[16];
        random.Fill(id);
        var session = new Session { Id = new Guid(id), PersonId = person.Id, CreatedAt = now, SeenAt = now, Address = host.AddressOf(http), Agent = Agent(http) };
        people.Sessions.Add(session);
        if (isNewDevice)
        {
            mails.NewDevice(person, session);
        }

        await RecordAsync(http, person, "signed_in");
        await http.SignInAsync(
            IdentityConstants.ApplicationScheme,
            CurrentPerson.Principal(person.Id, session.Id),
            new AuthenticationProperties { IsPersistent = true, ExpiresUtc = now.AddDays(options.Value.SessionDays) });
    }

    /// <summary>Ends the session of this browser.</summary>
    public async Task EndAsync(HttpContext http)
    {
        if (http.Person() is { } person)
        {
            await people.Sessions.Where(session => session.Id == person.SessionId).ExecuteDeleteAsync();
        }

        await http.SignOutAsync(IdentityConstants.ApplicationScheme);
    }

    /// <summary>Ends a person's sessions, but the one that is kept.</summary>
    public Task EndAllAsync(Guid personId, Guid? kept = null) =>
        people.Sessions.Where(session => session.PersonId == personId && session.Id != kept).ExecuteDeleteAsync();

    /// <summary>Writes a refused sign-in into the log of whoever has its address.</summary>
    public async Task RecordAsync(RefusedSignIn refused)
    {
        if (await users.FindByEmailAsync(refused.Email) is { } person)
        {
            people.SignIns.Add(new SignInRecord { PersonId = person.Id, At = refused.At, Address = refused.Address, Agent = refused.Agent, Outcome = refused.Outcome });
            await people.SaveChangesAsync();
        }
    }

    private async Task RecordAsync(HttpContext http, Person person, string outcome)
    {
        people.SignIns.Add(new SignInRecord { PersonId = person.Id, At = time.GetUtcNow(), Address = host.AddressOf(http), Agent = Agent(http), Outcome = outcome });
        await people.SaveChangesAsync();
    }

    private static string Agent(HttpContext http)
    {
        var agent = new string([.. http.Request.Headers.UserAgent.ToString().Where(static character => !char.IsControl(character)).Take(AgentLengthMax)]);
        return agent;
    }
}
