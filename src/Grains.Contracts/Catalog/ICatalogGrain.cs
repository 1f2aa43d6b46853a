using System.Collections.Immutable;
using Orleans;
using Orleans.Concurrency;

namespace OrleansGateway.Grains.Contracts.Catalog;

/// <summary>The one catalog that every silo and edge follows; its key is <see cref="Key"/>.</summary>
[Alias("og.ICatalogGrain")]
public interface ICatalogGrain : IGrainWithStringKey
{
    /// <summary>The grain's key.</summary>
    const string Key = "catalog";

    /// <summary>The version in force, if it is a later one.</summary>
    /// <param name="knownVersion">What the caller has; 0 for nothing.</param>
    /// <returns>Null when nothing later is published.</returns>
    [AlwaysInterleave, Alias("Get")]
    Task<PublishedCatalog?> GetAsync(long knownVersion);

    /// <summary>Publishes a catalog, which stays in force until another is published. What is in force already is no new version.</summary>
    [Alias("Apply")]
    Task<PublishAnswer> ApplyAsync(CatalogDocument document);

    /// <summary>
    /// Publishes the configured file if no catalog is published yet, or if its content is another than when it was published
    /// last: so many silos with one file publish it once, and an applied catalog outlives restarts.
    /// </summary>
    /// <param name="document">The configured file as it is now.</param>
    /// <param name="always">Publishes it whatever was published before: an operator asks for it.</param>
    [Alias("Seed")]
    Task<PublishAnswer> SeedAsync(CatalogDocument document, bool always);
}

/// <summary>A catalog as it was written.</summary>
/// <param name="Utf8">A catalog file's bytes.</param>
/// <param name="Source">Where it comes from, for operators to read: a file's path.</param>
[GenerateSerializer, Immutable, Alias("og.CatalogDocument")]
public sealed record CatalogDocument(
    [property: Id(0)] ImmutableArray<byte> Utf8,
    [property: Id(1)] string Source);

/// <param name="Version">Counted from 1.</param>
/// <param name="Document">What was published.</param>
/// <param name="PublishedAt">When.</param>
[GenerateSerializer, Immutable, Alias("og.PublishedCatalog")]
public sealed record PublishedCatalog(
    [property: Id(0)] long Version,
    [property: Id(1)] CatalogDocument Document,
    [property: Id(2)] DateTimeOffset PublishedAt);

[GenerateSerializer, Alias("og.PublishOutcome")]
public enum PublishOutcome
{
    /// <summary>Durable, and followed from now on.</summary>
    Published,
    /// <summary>Nothing was to be done: it is in force already, or a configured file that has been published before.</summary>
    Unchanged,
    /// <summary>It has errors; what was in force stays.</summary>
    Refused,
}

/// <param name="Outcome">What became of it.</param>
/// <param name="Version">The version in force; 0 for none.</param>
/// <param name="Errors">All of them at once, by line; none unless refused.</param>
[GenerateSerializer, Immutable, Alias("og.PublishAnswer")]
public sealed record PublishAnswer(
    [property: Id(0)] PublishOutcome Outcome,
    [property: Id(1)] long Version,
    [property: Id(2)] ImmutableArray<CatalogProblem> Errors);
