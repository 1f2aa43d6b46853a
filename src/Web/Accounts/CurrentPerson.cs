using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;

namespace OrleansGateway.Web.Accounts;

/// <summary>Who is signed in, as one request sees them.</summary>
/// <param name="AccountId">Null until they have an account.</param>
/// <param name="Actor">What operations know them by.</param>
internal sealed record CurrentPerson(Guid Id, Guid SessionId, string Name, string Email, string? AccountId, TimeZoneInfo Zone, Actor Actor)
{
    /// <inheritdoc cref="Accounts.Person.PolicyWithdrawnAt"/>
    public DateTimeOffset? PolicyWithdrawnAt { get; init; }

    /// <inheritdoc cref="Accounts.Person.DeletionDueAt"/>
    public DateTimeOffset? DeletionDueAt { get; init; }

    /// <summary>Whether they set a password: who registered by a provider may have none.</summary>
    public bool HasPassword { get; init; }

    private const string SessionClaim = "sid";
    private static readonly TimeSpan SeenEvery = TimeSpan.FromMinutes(5);

    /// <summary>The claims of a session's cookie.</summary>
    public static ClaimsPrincipal Principal(Guid personId, Guid sessionId) => new(new ClaimsIdentity(
        [new Claim(ClaimTypes.NameIdentifier, personId.ToString()), new Claim(SessionClaim, sessionId.ToString())],
        IdentityConstants.ApplicationScheme));

    /// <summary>A cookie is good for as long as its session is in the database.</summary>
    public static async Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        var http = context.HttpContext;
        if (await FindAsync(http, context.Principal) is { } person)
        {
            http.Items[typeof(CurrentPerson)] = person;
            return;
        }

        context.RejectPrincipal();
        await http.SignOutAsync(IdentityConstants.ApplicationScheme);
    }

    private static async Task<CurrentPerson?> FindAsync(HttpContext http, ClaimsPrincipal? principal)
    {
        if (!Guid.TryParse(principal?.FindFirstValue(SessionClaim), out var sessionId))
        {
            return null;
        }

        var services = http.RequestServices;
        var people = services.GetRequiredService<PeopleContext>();
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        var found = await people.Sessions.Where(session => session.Id == sessionId)
            .Join(people.Users, session => session.PersonId, person => person.Id, (session, person) => new { session.SeenAt, person.Id, person.Name, person.Email, person.TimeZone, person.PolicyWithdrawnAt, person.DeletionDueAt, HasPassword = person.PasswordHash != null })
            .SingleOrDefaultAsync(http.RequestAborted);
        if (found is null)
        {
            return null;
        }

        if (now - found.SeenAt > SeenEvery)
        {
            await people.Sessions.Where(session => session.Id == sessionId).ExecuteUpdateAsync(set => set.SetProperty(session => session.SeenAt, now), http.RequestAborted);
        }

        var accountId = await services.GetRequiredService<Memberships>().AccountOfAsync(found.Id, http.RequestAborted);
        var address = services.GetRequiredService<ISiteHost>().AddressOf(http);
        return new CurrentPerson(
            found.Id,
            sessionId,
            found.Name,
            found.Email!,
            accountId,
            TimeZoneInfo.TryFindSystemTimeZoneById(found.TimeZone, out var zone) ? zone : TimeZoneInfo.Utc,
            new Actor(ActorKind.Person, found.Id.ToString("N"), address) { AccountId = accountId })
        {
            PolicyWithdrawnAt = found.PolicyWithdrawnAt,
            DeletionDueAt = found.DeletionDueAt,
            HasPassword = found.HasPassword,
        };
    }
}

/// <summary>Where pages find who is signed in.</summary>
internal static class CurrentPersonExtensions
{
    /// <summary>Null where nobody is.</summary>
    public static CurrentPerson? Person(this HttpContext context) => context.Items[typeof(CurrentPerson)] as CurrentPerson;
}
