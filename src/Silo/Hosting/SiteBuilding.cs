using Microsoft.Extensions.Options;
using OrleansGateway.Edge.Catalog;
using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Hosting.Cluster;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Silo.Configuration;
using OrleansGateway.Web;

namespace OrleansGateway.Silo.Hosting;

/// <summary>The site, beside the relay on the clients' port.</summary>
internal static class SiteBuilding
{
    /// <summary>Adds it where one machine runs everything and the settings name its address.</summary>
    /// <returns>Whether there is a site.</returns>
    public static bool AddSiteIfWanted(this WebApplicationBuilder builder)
    {
        if (ClusterSettings.ModeIn(builder.Configuration) == ClusterMode.Cluster || !WebModule.IsWanted(builder.Configuration))
        {
            return false;
        }

        builder.Services.AddSingleton<ISiteHost, SiteHost>();

        // A pool of its own: reports cannot keep people from signing in, nor people anybody else from anything.
        builder.Services.AddKeyedSingleton(WebModule.PeoplePool, (provider, _) =>
            LedgerDataSource.Create(provider.GetRequiredService<IOptions<LedgerSettings>>().Value.Ledger));
        builder.AddSite();
        return true;
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
