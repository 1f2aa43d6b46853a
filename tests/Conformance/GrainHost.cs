using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Storage;
using OrleansGateway.Tests.Shared;

namespace OrleansGateway.Tests.Conformance;

/// <summary>Something that runs this assembly's grains.</summary>
public abstract class GrainHost : IAsyncDisposable
{
    protected static readonly TimeSpan CollectionAge = TimeSpan.FromMinutes(5);

    /// <summary>Drives grain timers.</summary>
    internal FakeTimeProvider Time { get; } = new();

    /// <summary>Shared with the grains.</summary>
    public Probe Probe { get; } = new();

    /// <summary>The storage of <see cref="TestStorage.Name"/>.</summary>
    public TestStorage Storage { get; } = new();

    public abstract TGrain GetGrain<TGrain>(string key)
        where TGrain : IGrainWithStringKey;

    public virtual Task StartAsync() => Task.CompletedTask;

    /// <summary>Lets so much time pass that whatever was not used meanwhile is collected.</summary>
    public abstract void PassCollectionAge();

    /// <summary>Stops it as its process would.</summary>
    public abstract Task StopAsync();

    public virtual async ValueTask DisposeAsync()
    {
        Probe.OpenAll();
        await StopAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Adds what the grains ask for.</summary>
    protected void AddServices(IServiceCollection services)
    {
        services.AddLogging(static logging => logging.SetMinimumLevel(LogLevel.None));
        services.AddSingleton(this);
        services.AddSingleton(Probe);
        services.AddKeyedSingleton<IGrainStorage>(TestStorage.Name, Storage);
    }
}
