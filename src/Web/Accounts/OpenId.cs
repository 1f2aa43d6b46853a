using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using OrleansGateway.Web.Http;

namespace OrleansGateway.Web.Accounts;

/// <summary>How a visit to the provider of OpenID Connect ended.</summary>
internal enum OpenIdOutcome
{
    /// <summary>Nothing came, or nothing that holds.</summary>
    Failed,

    SignedIn,

    /// <summary>Known here; the second factor is missing.</summary>
    SecondFactor,

    /// <summary>From now on it signs in the person whose session asked for it.</summary>
    Linked,

    /// <summary>It is somebody else's here, or the session that asked for it is over.</summary>
    NotLinked,

    /// <summary>The provider does not vouch for the e-mail address.</summary>
    Unverified,

    /// <summary>Somebody has the e-mail address here: only who signs in to that account links it.</summary>
    EmailTaken,

    /// <summary>Nobody is known by it: it may register.</summary>
    New,
}

/// <summary>
/// Sign-in by a provider of OpenID Connect. People are known by issuer and subject, and nothing else that the provider says is kept; an
/// e-mail address that is the same makes nobody the owner of an account.
/// </summary>
internal sealed partial class OpenId(UserManager<Person> users, SignIns signIns, PersonMails mails, IOptions<SiteOptions> options)
{
    public const string Scheme = "openid";

    /// <summary>Where the browser comes back to, and then where it is said who came.</summary>
    public const string Callback = "/sign-in/openid/callback";
    public const string Done = "/sign-in/openid/done";

    private const string Start = "/sign-in/openid";
    private const string Back = "back";
    private const string LinkTo = "link-to";

    /// <summary>What a provider says of whoever came.</summary>
    /// <param name="LinkTo">The session that asked for a link; null for a sign-in.</param>
    /// <param name="Back">Where a sign-in leads.</param>
    internal sealed record Visit(UserLoginInfo Login, string Email, bool IsEmailVerified, string Name, string? LinkTo, string Back);

    public static bool IsOn(SiteOptions site) => site.OpenIdAuthority.Length > 0;

    /// <summary>The button's address.</summary>
    public static string StartAddress(string? back) => $"{Start}?returnUrl={Uri.EscapeDataString(Local.Path(back, "/console"))}";

    /// <summary>
    /// The code flow with PKCE. What a visit needs to know is in its state and in cookies, under keys of the database: it may end at another
    /// process than it began at.
    /// </summary>
    public static void Configure(AuthenticationBuilder authentication, SiteOptions site)
    {
        authentication.AddOpenIdConnect(Scheme, openId =>
        {
            openId.Authority = site.OpenIdAuthority;
            openId.RequireHttpsMetadata = !new Uri(site.OpenIdAuthority).IsLoopback;
            (openId.ClientId, openId.ClientSecret) = (site.OpenIdClientId, site.OpenIdClientSecret);
            openId.SignInScheme = IdentityConstants.ExternalScheme;
            openId.ResponseType = OpenIdConnectResponseType.Code;
            openId.ResponseMode = OpenIdConnectResponseMode.Query;
            openId.MapInboundClaims = false;
            openId.GetClaimsFromUserInfoEndpoint = true;
            openId.Scope.Add("email");
            openId.ClaimActions.Remove("iss");
            openId.ClaimActions.MapUniqueJsonKey("email_verified", "email_verified");
            openId.CallbackPath = Callback;

            // There are no single sign-outs: sessions end here.
            (openId.RemoteSignOutPath, openId.SignedOutCallbackPath) = (default, default);
            foreach (var (cookie, name) in new[] { (openId.CorrelationCookie, "openid-state-"), (openId.NonceCookie, "openid-nonce-") })
            {
                // The provider sends the browser back by a link, which brings such cookies.
                (cookie.Name, cookie.SameSite) = (name, SameSiteMode.Lax);
                cookie.SecurePolicy = site.IsHttps ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
            }

            openId.Events.OnRedirectToIdentityProvider = context =>
            {
                // By the configured name: the client's own Host could be anybody's.
                context.ProtocolMessage.RedirectUri = site.Url.TrimEnd('/') + Callback;
                return Task.CompletedTask;
            };
            openId.Events.OnRemoteFailure = static context =>
            {
                LogFailed(LogOf(context.HttpContext), context.Failure?.Message ?? "");
                context.Response.Redirect("/sign-in?openIdFailed=true");
                context.HandleResponse();
                return Task.CompletedTask;
            };
        });
    }

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet(Start, static async (HttpContext http, string? returnUrl) =>
        await AskAsync(http, new AuthenticationProperties(new Dictionary<string, string?> { [Back] = Local.Path(returnUrl, "/console") })) is { } address
            ? Results.Redirect(address)
            : Results.LocalRedirect("/sign-in?openIdFailed=true"));

    /// <summary>Prepares that whoever is signed in here links what they sign in to at the provider.</summary>
    /// <returns>Where they have to go; null while the provider does not answer.</returns>
    public static Task<string?> AskLinkAsync(HttpContext http) =>
        AskAsync(http, new AuthenticationProperties(new Dictionary<string, string?> { [LinkTo] = http.Person()!.SessionId.ToString() }));

    /// <summary>Who came from the provider; null if nobody did, or too long ago.</summary>
    public async Task<Visit?> FindVisitAsync(HttpContext http)
    {
        if (await http.AuthenticateAsync(IdentityConstants.ExternalScheme) is not { Principal: { } principal, Properties: { } properties }
            || principal.FindFirstValue("iss") is not { Length: > 0 } issuer || principal.FindFirstValue("sub") is not { Length: > 0 } subject)
        {
            return null;
        }

        // Two addresses, of which one is vouched for, are none.
        var emails = principal.FindAll("email").Select(static claim => claim.Value).Distinct().ToList();
        var verified = principal.FindAll("email_verified").ToList();
        return new Visit(
            new UserLoginInfo(issuer, subject, null),
            emails is [var email] ? email : "",
            emails.Count == 1 && (verified.Count > 0 || options.Value.OpenIdTrustsEmail)
                && verified.TrueForAll(static claim => claim.Value.Equals("true", StringComparison.OrdinalIgnoreCase)),
            principal.FindFirstValue("name") ?? "",
            properties.GetString(LinkTo),
            Local.Path(properties.GetString(Back), "/console"));
    }

    /// <summary>Does what the visit was for.</summary>
    public async Task<OpenIdOutcome> ContinueAsync(HttpContext http, Visit visit)
    {
        var person = await users.FindByLoginAsync(visit.Login.LoginProvider, visit.Login.ProviderKey);
        var outcome = (visit, person) switch
        {
            ({ LinkTo: not null }, _) => await LinkAsync(http, visit, person),
            (_, { EmailConfirmed: true, DeletedAt: null }) => await signIns.FirstFactorAsync(http, person) == SignInOutcome.SecondFactor ? OpenIdOutcome.SecondFactor : OpenIdOutcome.SignedIn,
            (_, not null) => OpenIdOutcome.Failed,
            ({ IsEmailVerified: false }, _) => OpenIdOutcome.Unverified,
            _ => await users.FindByEmailAsync(visit.Email) is null ? OpenIdOutcome.New : OpenIdOutcome.EmailTaken,
        };
        if (outcome != OpenIdOutcome.New)
        {
            await http.SignOutAsync(IdentityConstants.ExternalScheme);
        }

        return outcome;
    }

    /// <summary>The provider signs this person in no longer.</summary>
    public async Task UnlinkAsync(Person person)
    {
        foreach (var login in await users.GetLoginsAsync(person))
        {
            await users.RemoveLoginAsync(person, login.LoginProvider, login.ProviderKey);
        }

        await mails.FactorChangedAsync(person);
    }

    /// <summary>Only in the session that gave its password for it; one link a person.</summary>
    private async Task<OpenIdOutcome> LinkAsync(HttpContext http, Visit visit, Person? owner)
    {
        if (http.Person() is not { } visitor || visitor.SessionId.ToString() != visit.LinkTo || await users.FindByIdAsync(visitor.Id.ToString()) is not { } self)
        {
            return OpenIdOutcome.NotLinked;
        }

        if (owner is not null)
        {
            return owner.Id == self.Id ? OpenIdOutcome.Linked : OpenIdOutcome.NotLinked;
        }

        if (!visit.IsEmailVerified)
        {
            return OpenIdOutcome.Unverified;
        }

        try
        {
            if ((await users.GetLoginsAsync(self)).Count > 0 || !(await users.AddLoginAsync(self, visit.Login)).Succeeded)
            {
                return OpenIdOutcome.NotLinked;
            }
        }
        catch (DbUpdateException twin) when (PeopleContext.IsTwin(twin))
        {
            return OpenIdOutcome.NotLinked;
        }

        await mails.FactorChangedAsync(self);
        return OpenIdOutcome.Linked;
    }

    /// <returns>The provider's address, in place of the redirect to it: forms may lead nowhere but to this site. Null while it does not answer.</returns>
    private static async Task<string?> AskAsync(HttpContext http, AuthenticationProperties visit)
    {
        visit.RedirectUri = Done;
        try
        {
            await http.ChallengeAsync(Scheme, visit);
        }
        catch (Exception exception) when (exception is InvalidOperationException or HttpRequestException)
        {
            LogAway(LogOf(http), exception.Message);
            return null;
        }

        var address = http.Response.Headers.Location.ToString();
        http.Response.Headers.Location = default;
        http.Response.StatusCode = StatusCodes.Status200OK;
        return address;
    }

    private static ILogger LogOf(HttpContext http) => http.RequestServices.GetRequiredService<ILogger<OpenId>>();

    [LoggerMessage(1440, LogLevel.Warning, "Whoever came from the OpenID provider was not let in: {Message}")]
    private static partial void LogFailed(ILogger log, string message);

    [LoggerMessage(1441, LogLevel.Error, "Site:OpenIdAuthority: the provider cannot be asked: {Message}")]
    private static partial void LogAway(ILogger log, string message);
}
