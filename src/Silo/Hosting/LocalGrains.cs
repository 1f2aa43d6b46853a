using Orleans;
using OrleansGateway.Edge;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Silo.Hosting;

/// <summary>The relay's way to the grains where it is in a silo's own process.</summary>
internal sealed class LocalGrains(IGrainFactory grains, SiloService silo) : IGrains
{
    public bool IsUp => silo.IsActive;

    public bool AreRemote => false;

    public ICatalogGrain Catalog => grains.GetGrain<ICatalogGrain>(ICatalogGrain.Key);

    public IAccountGrain Account(string accountId) => grains.GetGrain<IAccountGrain>(accountId);
}
