using System.Net;
using Microsoft.Extensions.Options;
using Npgsql;
using Orleans.Configuration;
using Orleans.Dashboard;
using Orleans.Hosting;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Hosting;
using OrleansGateway.Hosting.Cluster;
using OrleansGateway.Ledger;

namespace OrleansGateway.Silo.Hosting;

/// <summary>What runs the grains, here Orleans. Its counterpart for the embedded engine is the other file that knows an engine.</summary>
internal static class GrainEngine
{
    /// <summary>Probes that a silo may leave unanswered; the time of one is that part of what makes it dead.</summary>
    private const int MissedProbes = 3;

    /// <summary>Whether this process is one of several that run accounts together.</summary>
    public static bool IsCluster => true;

    /// <summary>A silo with the grains.</summary>
    public static void AddGrains(this IHostApplicationBuilder builder)
    {
        ClusterSettings.Add(builder);
        builder.Services.AddHostedService<SchemaBeforeSilo>();
        builder.Services.AddSingleton<IReadinessCheck, ClusterMember>();
        builder.Services.AddOptions<EndpointOptions>().Configure<IOptions<ClusterSettings>>((endpoint, cluster) =>
        {
            endpoint.SiloPort = cluster.Value.SiloPort;
            endpoint.GatewayPort = cluster.Value.GatewayPort;
            if (IPAddress.TryParse(cluster.Value.Address, out var address))
            {
                endpoint.AdvertisedIPAddress = address;
            }
        });
        builder.Services.AddOptions<ClusterMembershipOptions>().Configure<IOptions<ClusterSettings>>((membership, cluster) =>
        {
            // One fixed pace: a silo that is gone is noticed in the time that is set, however slowly it answered before. That leaves
            // Orleans no room to be patient with a slow silo, or where the prober itself is short of CPU: the setting has to have it.
            var probe = TimeSpan.FromMilliseconds(cluster.Value.DeadAfterMs) / MissedProbes;
            membership.NumMissedProbesLimit = MissedProbes;
            membership.ProbeTimeout = probe;
            membership.MinProbeTimeout = probe;
            membership.MaxProbeTimeout = probe;

            // Else a silo that was killed and started again at its address keeps the one before alive in the list: what the new one
            // says of messages to the old one would count as a sign of its life, and no silo could join.
            membership.EnableConnectionLivenessCheck = false;
        });
        builder.UseOrleans(silo => silo
            .UseRedisClustering(_ => { })
            .AddAdoNetGrainStorage(StateStorage.Name, (OptionsBuilder<AdoNetGrainStorageOptions> storage) =>
                storage.Configure<NpgsqlDataSource>((options, ledger) =>
                {
                    options.Invariant = "Npgsql";
                    options.DataSource = ledger;
                    options.GrainStorageSerializer = new StateSerializer();
                }))
            .AddDashboard());
    }

    /// <summary>The Orleans Dashboard under <c>/dashboard</c>, with the services of the silo.</summary>
    public static void MapDashboard(this IEndpointRouteBuilder routes, IServiceProvider gateway)
    {
        var dashboard = new GatewayRoutes(routes, gateway).MapOrleansDashboard("/dashboard");
        ((IEndpointConventionBuilder)dashboard).Finally(endpoint =>
        {
            var handle = endpoint.RequestDelegate!;
            endpoint.RequestDelegate = context =>
            {
                context.RequestServices = gateway;
                return handle(context);
            };
        });
    }

    /// <summary>The operator's web server, with the gateway's services in place of its own.</summary>
    private sealed class GatewayRoutes(IEndpointRouteBuilder routes, IServiceProvider gateway) : IEndpointRouteBuilder
    {
        public IServiceProvider ServiceProvider => gateway;

        public ICollection<EndpointDataSource> DataSources => routes.DataSources;

        public IApplicationBuilder CreateApplicationBuilder() => routes.CreateApplicationBuilder();
    }

    /// <summary>A silo reads its storage's queries when it starts: the schema is there before.</summary>
    private sealed class SchemaBeforeSilo(LockService gatewayLock) : IHostedService
    {
        public async Task StartAsync(CancellationToken cancellationToken) =>
            await gatewayLock.WaitUntilHeldAsync(Timeout.InfiniteTimeSpan, cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>Whether the cluster counts this silo among its own.</summary>
    private sealed class ClusterMember(Orleans.Runtime.ISiloStatusOracle silos) : IReadinessCheck
    {
        public ValueTask<string?> ReasonAsync(CancellationToken cancellationToken) => ValueTask.FromResult(
            silos.CurrentStatus == Orleans.Runtime.SiloStatus.Active ? null : $"the silo is {silos.CurrentStatus} in the cluster");
    }
}
