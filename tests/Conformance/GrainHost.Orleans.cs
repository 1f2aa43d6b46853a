using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Storage;
using Orleans.TestingHost;
using OrleansGateway.Tests.Shared;

namespace OrleansGateway.Tests.Conformance;

/// <summary>A running engine with this assembly's grains, here Orleans' in-process cluster of one silo.</summary>
internal sealed class GrainHost : IAsyncDisposable
{
    private static readonly TimeSpan CollectionAge = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan CollectionQuantum = TimeSpan.FromMinutes(1);

    private readonly InProcessTestCluster _cluster;

    public GrainHost()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureHost(host => host.Logging.SetMinimumLevel(LogLevel.None));
        builder.ConfigureSilo((_, silo) =>
        {
            // The time of timers alone; collection, and what keeps the cluster together, go by the machine's.
            silo.Services.AddKeyedSingleton<TimeProvider>(TimeProviderNames.Grains, Time);
            silo.Services.AddSingleton(Probe);
            silo.Services.AddScoped<PerActivation>();
            silo.Services.AddKeyedSingleton<IGrainStorage>(TestStorage.Name, Storage);
            silo.Services.AddKeyedSingleton<IGrainStorage>(TestStorage.OtherName, OtherStorage);
            silo.Configure<GrainCollectionOptions>(options =>
            {
                options.CollectionAge = CollectionAge;
                options.CollectionQuantum = CollectionQuantum;
            });
        });
        _cluster = builder.Build();
    }

    /// <summary>The silo's own, as in one process: a client's calls may overtake each other.</summary>
    public IGrainFactory GrainFactory => _cluster.GetSiloServiceProvider().GetRequiredService<IGrainFactory>();

    /// <summary>Drives grain timers.</summary>
    public FakeTimeProvider Time { get; } = new();

    /// <summary>Shared with the grains.</summary>
    public Probe Probe { get; } = new();

    /// <summary>The storage of <see cref="TestStorage.Name"/>.</summary>
    public TestStorage Storage { get; } = new();

    /// <summary>The storage of <see cref="TestStorage.OtherName"/>.</summary>
    public TestStorage OtherStorage { get; } = new();

    public Task StartAsync() => _cluster.DeployAsync();

    /// <summary>Lets half the collection age pass: what was used just before stays.</summary>
    public void PassHalfAge() => Time.Advance(CollectionAge / 2);

    /// <summary>Lets so much time pass that whatever was not used meanwhile is collected.</summary>
    public void PassCollectionAge()
    {
        Time.Advance(CollectionAge + CollectionQuantum);
        GrainFactory.GetGrain<IManagementGrain>(0).ForceActivationCollection(TimeSpan.Zero).GetAwaiter().GetResult();
    }

    /// <summary>Stops the engine as its host would.</summary>
    public Task StopAsync() => _cluster.StopAllSilosAsync();

    public async ValueTask DisposeAsync()
    {
        Probe.OpenAll();
        await _cluster.DisposeAsync();
    }
}
