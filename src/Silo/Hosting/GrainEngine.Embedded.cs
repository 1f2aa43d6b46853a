using Orleans.Embedded;
using OrleansGateway.Grains.Accounts;

namespace OrleansGateway.Silo.Hosting;

/// <summary>What runs the grains, here the embedded engine. Its counterpart for Orleans is the other file that knows an engine.</summary>
internal static class GrainEngine
{
    /// <summary>Whether this process is one of several that run accounts together.</summary>
    public static bool IsCluster => false;

    /// <summary>The engine with the grains.</summary>
    public static void AddGrains(this IHostApplicationBuilder builder) =>
        builder.Services.AddEmbeddedGrains(grains => grains.AddGrains(typeof(AccountGrain).Assembly));

    /// <summary>One process needs no dashboard of a cluster.</summary>
    public static void MapDashboard(this IEndpointRouteBuilder routes, IServiceProvider gateway)
    {
    }
}
