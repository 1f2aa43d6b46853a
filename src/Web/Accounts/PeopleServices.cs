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

    /// <summary>Attempts before an account is slowed down.</summary>
    private const int AttemptsMax = 8;

    private const int WaitingHashesMax = 64;

    private static readonly string[] Guarded = ["/sign-in", "/register", "/forgot", "/reset", "/console/security"];

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
            identity.Lockout.MaxFailedAccessAttempts = AttemptsMax;
        }).AddEntityFrameworkStores<PeopleContext>().AddSignInManager().AddDefaultTokenProviders();
        services.AddScoped<IPasswordHasher<Person>, PasswordHasher>();
        services.AddAuthentication(IdentityConstants.ApplicationScheme).AddIdentityCookies(cookies =>
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
        });
        services.AddAuthorization();
        services.AddCascadingAuthenticationState();
        services.AddSingleton<MailQueue>();
        services.AddSingleton<IMail>(provider => provider.GetRequiredService<IOptions<SiteOptions>>().Value.SmtpHost.Length == 0
            ? ActivatorUtilities.CreateInstance<FolderMail>(provider)
            : ActivatorUtilities.CreateInstance<SmtpMail>(provider));
        services.AddHostedService<MailSender>();
        services.AddScoped<PersonMails>();
        services.AddScoped<SignIns>();
        services.AddScoped<Registrations>();
        services.AddRateLimiter(limits =>
        {
            limits.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limits.OnRejected = static (context, _) =>
                new ValueTask(new RazorComponentResult<TooManyPage> { StatusCode = StatusCodes.Status429TooManyRequests }.ExecuteAsync(context.HttpContext));
            limits.GlobalLimiter = PartitionedRateLimiter.CreateChained(PerAddress(), OneHashACore());
        });
    }

    /// <summary>Sign-out, which a form of any page asks for.</summary>
    public static void MapPeople(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/sign-out", static async (IFormCollection form, HttpContext context, SignIns signIns) =>
        {
            await signIns.EndAsync(context);
            return Results.LocalRedirect("/");
        });

    private static PartitionedRateLimiter<HttpContext> PerAddress() => PartitionedRateLimiter.Create<HttpContext, string>(static context => IsGuarded(context)
        ? RateLimitPartition.GetFixedWindowLimiter(
            context.RequestServices.GetRequiredService<ISiteHost>().AddressOf(context),
            _ => new FixedWindowRateLimiterOptions { PermitLimit = context.RequestServices.GetRequiredService<IOptions<SiteOptions>>().Value.FormsPerMinute, Window = TimeSpan.FromMinutes(1) })
        : RateLimitPartition.GetNoLimiter(""));

    /// <summary>A hash takes a core for a quarter of a second: half of the cores are the relay's.</summary>
    private static PartitionedRateLimiter<HttpContext> OneHashACore() => PartitionedRateLimiter.Create<HttpContext, bool>(static context => IsGuarded(context)
        ? RateLimitPartition.GetConcurrencyLimiter(
            true, static _ => new ConcurrencyLimiterOptions { PermitLimit = Math.Max(1, Environment.ProcessorCount / 2), QueueLimit = WaitingHashesMax })
        : RateLimitPartition.GetNoLimiter(false));

    private static bool IsGuarded(HttpContext context) =>
        HttpMethods.IsPost(context.Request.Method) && Guarded.Any(path => context.Request.Path.StartsWithSegments(path));
}
