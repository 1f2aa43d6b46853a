using System.Text.Encodings.Web;
using System.Text.Unicode;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OrleansGateway.Hosting;
using OrleansGateway.Web.Accounts;
using OrleansGateway.Web.Announcing;
using OrleansGateway.Web.Components;
using OrleansGateway.Web.Http;
using OrleansGateway.Web.Layout;
using OrleansGateway.Web.Pages.Public;
using OrleansGateway.Web.Playground;
using OrleansGateway.Web.Search;
using OrleansGateway.Web.Usage;

namespace OrleansGateway.Web;

/// <summary>The public site and the customer's console, as a part of a program that serves clients.</summary>
public static class WebModule
{
    /// <summary>The key of the connections for people, which the host provides.</summary>
    public const string PeoplePool = "people";

    /// <summary>The key of the connections, and of the reports, for what is streamed to people and may take long; the host provides both.</summary>
    public const string ExportPool = "exports";

    /// <summary>What is below them is the relay's, or says whether the program is well; a load balancer sends it to edges.</summary>
    internal static readonly string[] OtherPaths = ["/v1", "/v1beta", "/api", "/health", "/dashboard/billing", "/user/balance"];

    /// <summary>The largest form, bytes.</summary>
    private const long FormBytesMax = 64 * 1024;

    /// <summary>Whether the settings ask for a site.</summary>
    public static bool IsWanted(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return !string.IsNullOrEmpty(configuration[$"{SiteOptions.Section}:{nameof(SiteOptions.Url)}"]);
    }

    /// <summary>Adds what the site needs. The host provides <see cref="ISiteHost"/>.</summary>
    public static void AddSite(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        services.AddSettings<SiteOptions>(builder.Configuration.GetSection(SiteOptions.Section));
        services.AddSingleton<IValidateOptions<SiteOptions>, SiteOptionsValidator>();
        services.AddRazorComponents();
        services.AddHttpContextAccessor();
        services.AddSingleton(HtmlEncoder.Create(UnicodeRanges.All));
        services.AddSingleton<ContentTexts>();
        services.AddSingleton<Exports>();
        services.AddSingleton<SearchIndex>();
        services.AddSingleton<ShownAnnouncements>();
        services.AddPlayground();
        services.AddAntiforgery(antiforgery =>
        {
            antiforgery.Cookie.Name = "csrf";
            antiforgery.SuppressXFrameOptionsHeader = true; // the content security policy says it
        });

        services.AddPeople(SettingValues.Read<SiteOptions>(builder.Configuration.GetSection(SiteOptions.Section)));
        services.AddSilentRequests();

        // What a build has made is served from where it lies; what was published has it beside the program. Either way it stays as it was
        // made: else what a build has compressed would be read anew for each request, and no browser would keep it.
        builder.WebHost.UseStaticWebAssets();
        builder.Configuration["ReloadStaticAssetsAtRuntime"] = "false";
    }

    /// <summary>What stands before the site's pages, and before nothing of the relay.</summary>
    public static void UseSite(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        var options = app.Services.GetRequiredService<IOptions<SiteOptions>>().Value;
        var host = app.Services.GetRequiredService<ISiteHost>();

        // Else the host would put them before the relay too, which has no use for them.
        ((IApplicationBuilder)app).Properties["__AuthenticationMiddlewareSet"] = true;
        ((IApplicationBuilder)app).Properties["__AuthorizationMiddlewareSet"] = true;
        app.UseWhen(static context => IsSite(context.Request.Path), site => site.Use(Requests.HeadAsGet));
        app.UseRouting();
        app.UseWhen(static context => IsSite(context.Request.Path), site =>
        {
            // Forms are read whole before anybody is asked who sends them.
            site.Use(static (context, next) =>
            {
                if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
                {
                    limit.MaxRequestBodySize = FormBytesMax;
                }

                return next(context);
            });
            site.UseSecurityHeaders(options.IsHttps);
            site.UseExceptionHandler(new ExceptionHandlerOptions
            {
                ExceptionHandler = static context => new RazorComponentResult<FailedPage> { StatusCode = StatusCodes.Status500InternalServerError }.ExecuteAsync(context),
            });
            site.Use((context, next) => Requests.OnlyHttps(context, next, host, options));
            site.UseLanguages();
            site.Use((context, next) => Requests.WhenReady(context, next, host));
            site.UseRateLimiter();
            site.Use(HashPermits.TakeAsync);
            site.UseAuthentication();
            site.UseAuthorization();
            site.Use(AccountOfVisitor.EnsureAsync);
            site.UseAntiforgery();
        });
    }

    /// <summary>The pages; what nobody else answers is theirs.</summary>
    public static void MapSite(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapStaticAssets();
        app.MapPreferences();
        app.MapPeople();
        app.MapUsageExport();
        app.MapPlayground();
        app.MapSiteMap();
        app.MapRazorComponents<App>().WithStaticAssets();
    }

    /// <summary>Whether a path is none of the relay's and none of the health checks.</summary>
    private static bool IsSite(PathString path) =>
        !Array.Exists(OtherPaths, other => path.StartsWithSegments(other));
}
