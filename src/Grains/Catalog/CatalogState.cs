using System.Runtime.InteropServices;
using System.Text;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Grains.Catalog;

/// <summary>
/// What the catalog grain stores, as JSON by member names. It outlives programs: a member is never renamed, and a new one
/// has a default, here and in the prices.
/// </summary>
public sealed record CatalogState
{
    /// <summary>Counted from 1; 0 before the first.</summary>
    public long Version { get; init; }

    /// <summary>The catalog as it was published.</summary>
    public string Text { get; init; } = "";

    /// <summary>Where it came from.</summary>
    public string Source { get; init; } = "";

    public DateTimeOffset PublishedAt { get; init; }

    /// <summary>The SHA-256, in hexadecimal, of the configured file that was published last; null for none.</summary>
    public string? SeedHash { get; init; }

    /// <summary>Every price of this version, and those of earlier ones that have been in force: their ids never get other rates.</summary>
    public List<KnownPrice> Prices { get; init; } = [];

    /// <summary>What is in force; null before the first.</summary>
    public PublishedCatalog? ToPublished() => Version == 0 ? null : new PublishedCatalog(
        Version, new CatalogDocument(ImmutableCollectionsMarshal.AsImmutableArray(Encoding.UTF8.GetBytes(Text)), Source), PublishedAt);
}
