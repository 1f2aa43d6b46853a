using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using Npgsql;
using OrleansGateway.Edge;
using OrleansGateway.Edge.Catalog;
using OrleansGateway.Edge.Cluster;
using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Hosting;
using OrleansGateway.Hosting.Cluster;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;
using OrleansGateway.Silo.Configuration;
using OrleansGateway.Web;

namespace OrleansGateway.Silo.Hosting;

/// <summary>The site: beside the relay on the clients' port, or in a cluster a program of its own.</summary>
internal static class SiteBuilding
{
    private const string PagePool = "pages";

    private const int RequestLineMax = 8 * 1024;

    /// <summary>How long a page or an export waits for others to end.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>How long the sums of a page may take: the page comes without those that take longer.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    /// <summary>Adds it where one machine runs everything and the settings name its address.</summary>
    /// <returns>Whether there is a site.</returns>
    public static bool AddSiteIfWanted(this WebApplicationBuilder builder)
    {
        if (ClusterSettings.ModeIn(builder.Configuration) == ClusterMode.Cluster || !WebModule.IsWanted(builder.Configuration))
        {
            return false;
        }

        builder.AddSiteAndPools();

        // The relay's requests have short addresses; whoever comes back from a provider of OpenID Connect brings its code and our state.
        builder.Services.PostConfigure<KestrelServerOptions>(static kestrel => kestrel.Limits.MaxRequestLineSize = RequestLineMax);
        return true;
    }

    /// <summary>
    /// Runs the site of a cluster: a client of the silos, with the database behind its pages. There may be any number, and each serves any
    /// request: who is signed in is known by a cookie and a row.
    /// </summary>
    public static async Task RunWebAsync(string[] settings)
    {
        var builder = HostBuilding.CreateWeb(settings);
        CheckWeb(builder.Configuration);
        builder.AddTelemetry();
        ClusterLink.Add(builder);
        GuardedServer.Add(builder.Services);
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.AddServerHeader = false);
        builder.Services.AddClientAddress(builder.Configuration);
        builder.Services.AddCatalogFollower(static provider => provider.GetRequiredService<ClusterLink>().HasStarted);
        builder.AddDatabase();
        builder.AddOperations();
        builder.AddEncryptionSecrets();
        builder.AddSiteAndPools();
        await using var app = builder.Build();
        app.Services.GetRequiredService<IStartupValidator>().Validate();
        await app.Services.CheckLedgerAsync();
        app.MapHealth(app.Services);
        app.UseSite();
        app.MapSite();
        await app.RunToEndAsync();
    }

    /// <summary>What may be missing on one machine, and not here.</summary>
    private static void CheckWeb(ConfigurationManager configuration)
    {
        foreach (var (setting, why) in new[]
        {
            (nameof(SiteOptions.Url), "where people reach the site."),
            (nameof(SiteOptions.RelayUrl), "this program has no relay, and the playground asks one: the load balancer before the edges."),
        })
        {
            var name = $"{SiteOptions.Section}:{setting}";
            if (string.IsNullOrEmpty(configuration[name]))
            {
                throw new StartUpException($"{SettingNames.Full(name)} is missing: {why}");
            }
        }
    }

    private static void AddSiteAndPools(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ISiteHost, SiteHost>();

        // Small pools of their own: neither operators' reports nor exports keep people from signing in or from their pages, nor people
        // anybody else from anything.
        AddPool(builder.Services, WebModule.PeoplePool);
        AddPool(builder.Services, PagePool);
        AddPool(builder.Services, WebModule.ExportPool);
        builder.Services.AddSingleton(provider => new Memberships(provider.GetRequiredKeyedService<NpgsqlDataSource>(WebModule.PeoplePool)));
        builder.Services.AddSingleton(provider => new PersonalData(provider.GetRequiredKeyedService<NpgsqlDataSource>(WebModule.ExportPool)));
        AddReports(builder.Services, PagePool, Longest);
        AddReports(builder.Services, WebModule.ExportPool, longest: null);
        builder.Services.AddSingleton(static provider => provider.GetRequiredKeyedService<ReportOperations>(PagePool));
        builder.AddSite();
    }

    private static void AddPool(IServiceCollection services, string name) =>
        services.AddKeyedSingleton(name, static (provider, _) => LedgerDataSource.Create(provider.GetRequiredService<IOptions<LedgerSettings>>().Value.Ledger, LedgerDataSource.SiteSessions));

    private static void AddReports(IServiceCollection services, string pool, TimeSpan? longest)
    {
        services.AddKeyedSingleton(pool, (provider, key) => new LedgerQueries(provider.GetRequiredKeyedService<NpgsqlDataSource>(key), Patience, longest));
        services.AddKeyedSingleton(pool, static (provider, key) => new ReportOperations(
            provider.GetRequiredKeyedService<LedgerQueries>(key), provider.GetRequiredService<TimeProvider>()));
    }

    private sealed class SiteHost(IGrains grains, ICatalogSource catalog, IOptions<RetentionOptions> retention) : ISiteHost
    {
        public bool IsReady => grains.IsUp;

        public CatalogSnapshot? Catalog => catalog.Current;

        public int CallsDays => retention.Value.CallsDays;

        public string AddressOf(HttpContext context) => ClientAddress.Of(context);

        public bool IsSecure(HttpContext context) => context.Request.IsHttps;
    }
}
