using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.TestingHost;

namespace OrleansGateway.Tests.Conformance;

/// <summary>Orleans' in-process cluster of one silo.</summary>
internal sealed class OrleansHost : GrainHost
{
    private readonly InProcessTestCluster _cluster;

    public OrleansHost()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            AddServices(silo.Services);

            // The time of timers alone; collection, and what keeps the cluster together, go by the machine's.
            silo.Services.AddKeyedSingleton<TimeProvider>(TimeProviderNames.Grains, Time);
            silo.Configure<GrainCollectionOptions>(static options => options.CollectionAge = CollectionAge);
        });
        _cluster = builder.Build();
    }

    /// <summary>The silo's own, as in one process: a client's calls may overtake each other.</summary>
    private IGrainFactory GrainFactory => _cluster.GetSiloServiceProvider().GetRequiredService<IGrainFactory>();

    public override TGrain GetGrain<TGrain>(string key) => GrainFactory.GetGrain<TGrain>(key);

    public override Task StartAsync() => _cluster.DeployAsync();

    public override void PassCollectionAge() =>
        GrainFactory.GetGrain<IManagementGrain>(0).ForceActivationCollection(TimeSpan.Zero).GetAwaiter().GetResult();

    public override Task StopAsync() => _cluster.StopAllSilosAsync();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _cluster.DisposeAsync();
    }
}
