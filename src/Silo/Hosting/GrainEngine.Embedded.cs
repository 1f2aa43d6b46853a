using Npgsql;
using Orleans.Embedded;
using Orleans.Storage;
using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;

namespace OrleansGateway.Silo.Hosting;

/// <summary>What runs the grains, here the embedded engine. Its counterpart for Orleans is the other file that knows an engine.</summary>
internal static class GrainEngine
{
    /// <summary>Whether this process is one of several that run accounts together.</summary>
    public static bool IsCluster => false;

    /// <summary>The engine with the grains.</summary>
    public static void AddGrains(this IHostApplicationBuilder builder) =>
        builder.Services
            .AddKeyedSingleton<IGrainStorage>(
                StateStorage.Name, (provider, _) => new PostgresGrainStorage(provider.GetRequiredService<NpgsqlDataSource>(), new StateSerializer()))
            .AddEmbeddedGrains(grains => grains.AddGrains(typeof(AccountGrain).Assembly));

    /// <summary>One process needs no dashboard of a cluster.</summary>
    public static void MapDashboard(this IEndpointRouteBuilder routes, IServiceProvider gateway)
    {
    }
}
