using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Edge.Catalog;

/// <summary>Where the relay finds the catalog of the moment. A request keeps the one that it began with.</summary>
public interface ICatalogSource
{
    /// <summary>The version in force; null before the first one is known.</summary>
    CatalogSnapshot? Current { get; }
}
