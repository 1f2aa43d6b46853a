using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace OrleansGateway.Web.Accounts;

/// <summary>Sign-in without a password, by what a device or a password manager keeps for this site (Web Authentication).</summary>
internal sealed class Passkeys(SignInManager<Person> identity, UserManager<Person> users, SignIns signIns)
{
    /// <summary>Of a person.</summary>
    public const int CountMax = 20;

    private const int CredentialLengthMax = 20_000;

    /// <summary>Browsers give passkeys to names alone, not to addresses.</summary>
    public static bool ArePossible(SiteOptions site) => Uri.CheckHostName(new Uri(site.Url).Host) == UriHostNameType.Dns;

    /// <summary>They belong to the site's name, and to no page in a frame of somebody else's.</summary>
    public static void Configure(IServiceCollection services) => services.AddOptions<IdentityPasskeyOptions>().Configure<IOptions<SiteOptions>>((passkeys, site) =>
    {
        var url = new Uri(site.Value.Url);
        passkeys.ServerDomain = url.Host;
        passkeys.UserVerificationRequirement = "required";
        passkeys.ResidentKeyRequirement = "required";
        passkeys.ValidateOrigin = context => ValueTask.FromResult(!context.CrossOrigin && context.Origin == url.GetLeftPart(UriPartial.Authority));
    });

    /// <summary>What a page's script asks for before it turns to the browser.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/passkey/create", static async (IFormCollection form, HttpContext context, SignInManager<Person> identity) =>
        {
            var person = context.Person()!;
            return Results.Content(
                await identity.MakePasskeyCreationOptionsAsync(new PasskeyUserEntity { Id = person.Id.ToString(), Name = person.Email, DisplayName = person.Name }), "application/json");
        }).RequireAuthorization();

        // The same for everybody: whoever has a passkey says who they are by it.
        routes.MapPost("/passkey/request", static async (IFormCollection form, SignInManager<Person> identity) =>
            Results.Content(await identity.MakePasskeyRequestOptionsAsync(null), "application/json"));
    }

    /// <summary>Keeps a new one.</summary>
    /// <param name="credential">The browser's answer, JSON.</param>
    /// <returns>Whether it is one.</returns>
    public async Task<bool> AddAsync(HttpContext http, Person person, string? credential, string name)
    {
        if (!await IsAskedForAsync(http, credential) || (await users.GetPasskeysAsync(person)).Count >= CountMax)
        {
            return false;
        }

        var made = await identity.PerformPasskeyAttestationAsync(credential!);
        if (!made.Succeeded || made.UserEntity.Id != person.Id.ToString())
        {
            return false;
        }

        made.Passkey.Name = name;
        return (await users.AddOrUpdatePasskeyAsync(person, made.Passkey)).Succeeded;
    }

    /// <summary>Starts a session.</summary>
    /// <param name="credential">The browser's answer, JSON.</param>
    /// <returns>Whether it is somebody's here.</returns>
    public async Task<bool> SignInAsync(HttpContext http, string? credential)
    {
        if (!await IsAskedForAsync(http, credential))
        {
            return false;
        }

        var given = await identity.PerformPasskeyAssertionAsync(credential!);
        if (!given.Succeeded || given.User is not { EmailConfirmed: true, DeletedAt: null } person)
        {
            return false;
        }

        // Its counter tells a copy of it from itself.
        if (!(await users.AddOrUpdatePasskeyAsync(person, given.Passkey)).Succeeded)
        {
            return false;
        }

        await http.SignOutAsync(IdentityConstants.TwoFactorUserIdScheme);
        await signIns.StartAsync(http, person);
        return true;
    }

    /// <summary>Identity throws where nothing was asked for; anybody can send such a form.</summary>
    private static async Task<bool> IsAskedForAsync(HttpContext http, string? credential) =>
        credential?.Length is > 0 and <= CredentialLengthMax && (await http.AuthenticateAsync(IdentityConstants.TwoFactorUserIdScheme)).Succeeded;
}
