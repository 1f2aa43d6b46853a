using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OrleansGateway.Grains.Contracts.Keys;

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
    IPasswordHasher<Person> hasher,
    ISiteHost host,
    RandomSource random,
    TimeProvider time,
    IOptions<SiteOptions> options)
{
    private const int AgentLengthMax = 300;

    /// <summary>By e-mail address and password.</summary>
    public async Task<SignInOutcome> ByPasswordAsync(HttpContext http, string email, string password)
    {
        if (await users.FindByEmailAsync(email) is not { } person)
        {
            // As long as a wrong password takes.
            hasher.HashPassword(new Person(), password);
            return SignInOutcome.Refused;
        }

        if (await users.IsLockedOutAsync(person))
        {
            hasher.HashPassword(new Person(), password);
            await RecordAsync(http, person, "slowed_down");
            return SignInOutcome.Refused;
        }

        if (!await users.CheckPasswordAsync(person, password))
        {
            await users.AccessFailedAsync(person);
            await RecordAsync(http, person, "wrong_password");
            return SignInOutcome.Refused;
        }

        if (!person.EmailConfirmed)
        {
            await mails.ConfirmAsync(person);
            return SignInOutcome.Unconfirmed;
        }

        if (person.TwoFactorEnabled)
        {
            await http.SignInAsync(
                IdentityConstants.TwoFactorUserIdScheme,
                new System.Security.Claims.ClaimsPrincipal(new System.Security.Claims.ClaimsIdentity(
                    [new System.Security.Claims.Claim(System.Security.Claims.ClaimTypes.Name, person.Id.ToString())], IdentityConstants.TwoFactorUserIdScheme)));
            return SignInOutcome.SecondFactor;
        }

        await StartAsync(http, person);
        return SignInOutcome.SignedIn;
    }

    /// <summary>The person whose password was right a moment ago; null if that is too long ago.</summary>
    public async Task<Person?> FindHalfSignedInAsync(HttpContext http) =>
        (await http.AuthenticateAsync(IdentityConstants.TwoFactorUserIdScheme)).Principal?.Identity?.Name is { } id ? await users.FindByIdAsync(id) : null;

    /// <summary>By an app's code, or by a recovery code, which is good once.</summary>
    public async Task<bool> ByCodeAsync(HttpContext http, Person person, string code)
    {
        var typed = code.Replace(" ", "", StringComparison.Ordinal);
        var isRight = !await users.IsLockedOutAsync(person)
            && (await users.VerifyTwoFactorTokenAsync(person, TokenOptions.DefaultAuthenticatorProvider, typed.Replace("-", "", StringComparison.Ordinal))
                || (await users.RedeemTwoFactorRecoveryCodeAsync(person, typed)).Succeeded);
        if (!isRight)
        {
            await users.AccessFailedAsync(person);
            await RecordAsync(http, person, "wrong_code");
            return false;
        }

        await http.SignOutAsync(IdentityConstants.TwoFactorUserIdScheme);
        await StartAsync(http, person);
        return true;
    }

    /// <summary>Starts a session in this browser.</summary>
    public async Task StartAsync(HttpContext http, Person person)
    {
        await users.ResetAccessFailedCountAsync(person);
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
