using Microsoft.AspNetCore.Http;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Web;

/// <summary>What the site asks of the program that mounts it.</summary>
public interface ISiteHost
{
    /// <summary>Whether accounts can be asked at the moment.</summary>
    bool IsReady { get; }

    /// <summary>The catalog in force; null before the first one is known.</summary>
    CatalogSnapshot? Catalog { get; }

    /// <summary>How long calls are kept, days.</summary>
    int CallsDays { get; }

    /// <summary>The client's address, behind proxies that are trusted.</summary>
    string AddressOf(HttpContext context);

    /// <summary>Whether the client's connection is encrypted, by itself or up to a proxy that is trusted.</summary>
    bool IsSecure(HttpContext context);
}
