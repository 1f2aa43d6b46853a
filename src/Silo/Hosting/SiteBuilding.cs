using Microsoft.Extensions.Options;
using Npgsql;
using OrleansGateway.Edge.Catalog;
using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Hosting.Cluster;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Operations;
using OrleansGateway.Silo.Configuration;
using OrleansGateway.Web;

namespace OrleansGateway.Silo.Hosting;

/// <summary>The site, beside the relay on the clients' port.</summary>
internal static class SiteBuilding
{
    private const string PagePool = "pages";

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
        return true;
    }

    private static void AddPool(IServiceCollection services, string name) =>
        services.AddKeyedSingleton(name, static (provider, _) => LedgerDataSource.Create(provider.GetRequiredService<IOptions<LedgerSettings>>().Value.Ledger, LedgerDataSource.SiteSessions));

    private static void AddReports(IServiceCollection services, string pool, TimeSpan? longest)
    {
        services.AddKeyedSingleton(pool, (provider, key) => new LedgerQueries(provider.GetRequiredKeyedService<NpgsqlDataSource>(key), Patience, longest));
        services.AddKeyedSingleton(pool, static (provider, key) => new ReportOperations(
            provider.GetRequiredKeyedService<LedgerQueries>(key), provider.GetRequiredService<TimeProvider>()));
    }

    private sealed class SiteHost(SiloService silo, ICatalogSource catalog, IOptions<RetentionOptions> retention) : ISiteHost
    {
        public bool IsReady => silo.IsActive;

        public CatalogSnapshot? Catalog => catalog.Current;

        public int CallsDays => retention.Value.CallsDays;

        public string AddressOf(HttpContext context) => ClientAddress.Of(context);

        public bool IsSecure(HttpContext context) => context.Request.IsHttps;
    }
}
