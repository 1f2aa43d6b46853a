using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Npgsql;
using OrleansGateway.Hosting;
using OrleansGateway.Web.Mail;
using OrleansGateway.Web.Pages.Public;

namespace OrleansGateway.Web.Accounts;

/// <summary>Sign-in of people, as the parts of ASP.NET Core Identity that pages without a circuit need.</summary>
internal static class PeopleServices
{
    public const int PasswordLengthMin = 10;

    /// <summary>Forms that one network may send only so often.</summary>
    private static readonly string[] Guarded =
        ["/sign-in", "/register", "/forgot", "/reset", "/confirm", "/claim", "/email", "/passkey", "/console"];

    public static void AddPeople(this IServiceCollection services, SiteOptions site)
    {
        services.AddDbContext<PeopleContext>((provider, options) =>
            options.UseNpgsql(provider.GetRequiredKeyedService<NpgsqlDataSource>(WebModule.PeoplePool)).UseSnakeCaseNamingConvention());
        services.AddDataProtection().SetApplicationName("OrleansGateway").PersistKeysToDbContext<PeopleContext>();
        services.AddOptions<KeyManagementOptions>().Configure<EncryptionSecrets>((keys, secrets) => keys.XmlEncryptor = new KeyEncryptor(secrets));

        // It would look for keys before the tables are there.
        foreach (var early in services.Where(service => service.ServiceType == typeof(IHostedService)
            && service.ImplementationType?.Name == "DataProtectionHostedService").ToArray())
        {
            services.Remove(early);
        }

        services.AddIdentityCore<Person>(identity =>
        {
            identity.Stores.SchemaVersion = IdentitySchemaVersions.Version3;
            identity.User.RequireUniqueEmail = true;
            identity.User.AllowedUserNameCharacters = "";
            identity.Password.RequiredLength = PasswordLengthMin;
            identity.Password.RequireDigit = false;
            identity.Password.RequireLowercase = false;
            identity.Password.RequireUppercase = false;
            identity.Password.RequireNonAlphanumeric = false;
        }).AddUserStore<PersonStore>().AddSignInManager().AddDefaultTokenProviders();
        services.AddScoped<IPasswordHasher<Person>, PasswordHasher>();
        var authentication = services.AddAuthentication(IdentityConstants.ApplicationScheme);
        authentication.AddIdentityCookies(cookies =>
        {
            cookies.ApplicationCookie!.Configure(cookie =>
            {
                cookie.Cookie.Name = site.IsHttps ? "__Host-session" : "session";
                cookie.Cookie.HttpOnly = true;
                cookie.Cookie.SameSite = SameSiteMode.Lax;
                cookie.Cookie.SecurePolicy = site.IsHttps ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
                cookie.ExpireTimeSpan = TimeSpan.FromDays(site.SessionDays);
                cookie.SlidingExpiration = true;
                cookie.LoginPath = "/sign-in";
                cookie.ReturnUrlParameter = "returnUrl";
                cookie.Events.OnValidatePrincipal = CurrentPerson.ValidateAsync;
                cookie.Events.OnRedirectToAccessDenied = static context =>
                {
                    context.Response.StatusCode = StatusCodes.Status404NotFound;
                    return Task.CompletedTask;
                };
            });
            cookies.TwoFactorUserIdCookie!.Configure(cookie => cookie.Cookie.Name = "second-factor");
            cookies.ExternalCookie!.Configure(cookie => cookie.Cookie.Name = "openid");
        });
        if (OpenId.IsOn(site))
        {
            OpenId.Configure(authentication, site);
        }

        services.AddAuthorization();
        services.AddCascadingAuthenticationState();
        services.AddSingleton<MailQueue>();
        services.AddSingleton<IMail>(provider => provider.GetRequiredService<IOptions<SiteOptions>>().Value switch
        {
            { SmtpHost.Length: > 0 } => ActivatorUtilities.CreateInstance<SmtpMail>(provider),
            { ResendKey.Length: > 0 } => ActivatorUtilities.CreateInstance<ResendMail>(provider),
            _ => ActivatorUtilities.CreateInstance<FolderMail>(provider),
        });
        services.AddHostedService<MailSender>();
        services.AddScoped<PersonMails>();
        services.AddScoped<Attempts>();
        services.AddSingleton<HashPermits>();
        services.AddScoped<SignIns>();
        services.AddScoped<Registrations>();
        services.AddScoped<Passkeys>();
        Passkeys.Configure(services);
        services.AddScoped<OpenId>();
        services.AddScoped<EmailChanges>();
        services.AddScoped<Consents>();
        services.AddScoped<Deletions>();
        services.AddScoped<DataExports>();
        services.AddScoped<MyData>();
        services.AddScoped<ShownKeys>();
        services.AddHostedService<DataExportMaker>();
        services.AddHostedService<PeoplePurge>();
        services.AddRateLimiter(limits =>
        {
            limits.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limits.OnRejected = static (context, _) =>
                new ValueTask(new RazorComponentResult<TooManyPage> { StatusCode = StatusCodes.Status429TooManyRequests }.ExecuteAsync(context.HttpContext));
            limits.GlobalLimiter = PerNetwork();
        });
    }

    /// <summary>What pages ask for beside pages, such as sign-out.</summary>
    public static void MapPeople(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/sign-out", static async (IFormCollection form, HttpContext context, SignIns signIns) =>
        {
            await signIns.EndAsync(context);
            return Results.LocalRedirect("/");
        });
        Passkeys.Map(routes);
        if (OpenId.IsOn(routes.ServiceProvider.GetRequiredService<IOptions<SiteOptions>>().Value))
        {
            OpenId.Map(routes);
        }

        DataExports.Map(routes);
    }

    private static PartitionedRateLimiter<HttpContext> PerNetwork() => PartitionedRateLimiter.Create<HttpContext, string>(static context => IsGuarded(context)
        ? RateLimitPartition.GetFixedWindowLimiter(
            ClientNetwork.Of(context.RequestServices.GetRequiredService<ISiteHost>().AddressOf(context)),
            _ => new FixedWindowRateLimiterOptions { PermitLimit = context.RequestServices.GetRequiredService<IOptions<SiteOptions>>().Value.FormsPerMinute, Window = TimeSpan.FromMinutes(1) })
        : RateLimitPartition.GetNoLimiter(""));

    /// <summary>Forms, what asks somebody else, and files that are made while they are read.</summary>
    private static bool IsGuarded(HttpContext context) =>
        HttpMethods.IsPost(context.Request.Method)
            ? Guarded.Any(path => context.Request.Path.StartsWithSegments(path))
            : context.Request.Path.StartsWithSegments("/sign-in/openid") || (context.Request.Path.StartsWithSegments("/console") && Path.HasExtension(context.Request.Path));
}
