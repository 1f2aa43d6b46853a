using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Embedded;
using Orleans.Storage;
using OrleansGateway.Tests.Shared;

namespace OrleansGateway.Tests.Conformance;

/// <summary>A running engine with this assembly's grains, here the embedded one. Its counterpart for Orleans is the other file that knows an engine.</summary>
internal sealed class GrainHost : IAsyncDisposable
{
    private static readonly TimeSpan CollectionAge = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan CollectionQuantum = TimeSpan.FromMinutes(1);

    private readonly ServiceProvider _services;
    private bool _stopped;

    public GrainHost(Action<EmbeddedOptions>? configure = null)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.None));
        services.AddSingleton<TimeProvider>(Time);
        services.AddSingleton(Probe);
        services.AddScoped<PerActivation>();
        services.AddKeyedSingleton<IGrainStorage>(TestStorage.Name, Storage);
        services.AddKeyedSingleton<IGrainStorage>(TestStorage.OtherName, OtherStorage);
        services.AddEmbeddedGrains(options =>
        {
            options.AddGrains(typeof(GrainHost).Assembly);
            options.CollectionAge = CollectionAge;
            options.CollectionQuantum = CollectionQuantum;
            configure?.Invoke(options);
        });
        _services = services.BuildServiceProvider(new ServiceProviderOptions { ValidateScopes = true });
        GrainFactory = _services.GetRequiredService<IGrainFactory>();
    }

    public IGrainFactory GrainFactory { get; }

    /// <summary>Drives grain timers.</summary>
    public FakeTimeProvider Time { get; } = new();

    /// <summary>Shared with the grains.</summary>
    public Probe Probe { get; } = new();

    /// <summary>The storage of <see cref="TestStorage.Name"/>.</summary>
    public TestStorage Storage { get; } = new();

    /// <summary>The storage of <see cref="TestStorage.OtherName"/>.</summary>
    public TestStorage OtherStorage { get; } = new();

    public Task StartAsync() => Task.WhenAll(_services.GetServices<IHostedService>().Select(service => service.StartAsync(CancellationToken.None)));

    /// <summary>Lets half the collection age pass: what was used just before stays.</summary>
    public void PassHalfAge() => Time.Advance(CollectionAge / 2);

    /// <summary>Lets so much time pass that whatever was not used meanwhile is collected.</summary>
    public void PassCollectionAge() => Time.Advance(CollectionAge + CollectionQuantum);

    /// <summary>Stops the engine as its host would.</summary>
    public async Task StopAsync()
    {
        if (!_stopped)
        {
            _stopped = true;
            await Task.WhenAll(_services.GetServices<IHostedService>().Select(service => service.StopAsync(CancellationToken.None)));
        }
    }

    public async ValueTask DisposeAsync()
    {
        Probe.OpenAll();
        await StopAsync();
        await _services.DisposeAsync();
    }
}
