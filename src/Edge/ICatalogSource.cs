using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Edge;

/// <summary>Where the relay finds the catalog of the moment. A request keeps the one that it began with.</summary>
public interface ICatalogSource
{
    /// <summary>The catalog as it was loaded last.</summary>
    CatalogSnapshot Current { get; }
}
