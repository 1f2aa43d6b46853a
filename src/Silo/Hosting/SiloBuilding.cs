using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Dashboard;
using Orleans.Hosting;
using OrleansGateway.Edge;
using OrleansGateway.Hosting.Cluster;
using OrleansGateway.Silo.Storage;

namespace OrleansGateway.Silo.Hosting;

/// <summary>The Orleans silo that runs the grains: alone on one machine, or one of a cluster.</summary>
internal static class SiloBuilding
{
    /// <summary>Probes that a silo may leave unanswered; the time of one is that part of what makes it dead.</summary>
    private const int MissedProbes = 3;

    private const int SiloPort = 11111;
    private const int EdgePort = 30000;
    private const int DeadAfterMs = 5000;

    private static readonly TimeSpan DeactivationMargin = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan TableRefresh = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LastWords = TimeSpan.FromMilliseconds(500);

    /// <summary>A silo with the grains, which starts once it has the database lock.</summary>
    public static void AddGrains(this IHostApplicationBuilder builder)
    {
        ClusterSettings.Add(builder, isEdge: false);
        var mode = ClusterSettings.ModeIn(builder.Configuration);
        SiloService.Add(builder.Services, () => builder.UseOrleans(silo =>
        {
            if (mode == ClusterMode.Cluster)
            {
                silo.AddCluster();
            }
            else
            {
                silo.AddSingle();
            }

            silo.AddGrainStorage();

            // Grains that take longer than the stop's own limit would be cut off rather than given up.
            silo.Configure<GrainCollectionOptions>(static collection => collection.DeactivationTimeout = SiloService.StopLimit - DeactivationMargin);
        }));
        builder.Services.AddSingleton<IGrains, LocalGrains>();
    }

    /// <summary>
    /// One silo, known to nobody, whose list of silos is in memory. Orleans wants a port for other silos: a free one on loopback that closes
    /// every connection before it reads a byte. There is none for clients.
    /// </summary>
    private static void AddSingle(this ISiloBuilder silo)
    {
        silo.UseLocalhostClustering(siloPort: 1, gatewayPort: 0);
        silo.Services.AddSingleton<HeldPort>();
        silo.Services.AddOptions<EndpointOptions>().Configure<HeldPort>((endpoint, port) => endpoint.SiloPort = port.Port);
        silo.Services.AddOptions<SiloConnectionOptions>().Configure(connections =>
            connections.ConfigureSiloInboundConnection(connection => connection.Run(static inbound =>
            {
                inbound.Abort();
                return Task.CompletedTask;
            })));
        silo.SetLastWords(TimeSpan.Zero);
    }

    private static void AddCluster(this ISiloBuilder silo)
    {
        // Before Orleans' own.
        SiloService.AddPart(silo.Services, static provider => ActivatorUtilities.CreateInstance<SiloPorts>(provider), needsSilo: false);
        silo.UseRedisClustering(_ => { });

        // It costs a little of every call, and shows of one silo what the metrics do.
        silo.AddDashboard();
        silo.Services.AddOptions<EndpointOptions>().Configure<IOptions<ClusterSettings>>((endpoint, cluster) =>
        {
            endpoint.SiloPort = cluster.Value.SiloPort ?? SiloPort;
            endpoint.GatewayPort = cluster.Value.EdgePort ?? EdgePort;
            if (IPAddress.TryParse(cluster.Value.Address, out var address))
            {
                endpoint.AdvertisedIPAddress = address;
            }
        });
        silo.Services.AddOptions<ClusterMembershipOptions>().Configure<IOptions<ClusterSettings>>((membership, cluster) =>
        {
            // One fixed pace: a silo that is gone is noticed in the time that is set, however slowly it answered before. That leaves
            // Orleans no room to be patient with a slow silo, or where the prober itself is short of CPU: the setting has to have it.
            var probe = TimeSpan.FromMilliseconds(cluster.Value.DeadAfterMs ?? DeadAfterMs) / MissedProbes;
            membership.NumMissedProbesLimit = MissedProbes;
            membership.ProbeTimeout = probe;
            membership.MinProbeTimeout = probe;
            membership.MaxProbeTimeout = probe;

            // Else a silo that was killed and started again at its address keeps the one before alive in the list: what the new one
            // says of messages to the old one would count as a sign of its life, and no silo could join.
            membership.EnableConnectionLivenessCheck = false;

            // Nobody tells a silo that it was declared dead: it reads so in the list, and until then keeps the edges that reach the cluster
            // through it from their accounts.
            membership.TableRefreshTimeout = TableRefresh;
        });
        silo.SetLastWords(LastWords);
    }

    /// <summary>How long a silo that stops lets what it has said reach the others. Its grains have been deactivated by then.</summary>
    private static void SetLastWords(this ISiloBuilder silo, TimeSpan wait) =>
        silo.Configure<SiloMessagingOptions>(messaging => messaging.WaitForMessageToBeQueuedForOutboundTime = wait);

    /// <summary>In a cluster, the Orleans Dashboard under <c>/dashboard</c>, with the services of the silo.</summary>
    public static void MapDashboard(this IEndpointRouteBuilder routes, IServiceProvider gateway)
    {
        if (gateway.GetRequiredService<IOptions<ClusterSettings>>().Value.Mode != ClusterMode.Cluster)
        {
            return;
        }

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
}
