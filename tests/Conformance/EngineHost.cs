using Microsoft.Extensions.DependencyInjection;
using OrleansGateway.Tests.Conformance.EngineOnly;
using OrleansGateway.Tests.Conformance.Grains;
using OrleansGateway.Tests.Engine;

namespace OrleansGateway.Tests.Conformance;

/// <summary>The test engine.</summary>
internal sealed class EngineHost : GrainHost
{
    private static readonly Type[] GrainClasses =
    [
        typeof(CallGrain), typeof(LifeGrain), typeof(StateGrain), typeof(TimerGrain), typeof(WorkGrain), typeof(ReentrantWorkGrain), typeof(WandererGrain),
    ];

    private readonly TestEngine _engine;

    /// <param name="scheduler">Null for the thread pool.</param>
    public EngineHost(TaskScheduler? scheduler = null)
    {
        var services = new ServiceCollection();
        AddServices(services);
        services.AddSingleton<TimeProvider>(Time);
        _engine = new TestEngine(services, scheduler ?? TaskScheduler.Default, GrainClasses, CollectionAge);
    }

    public override TGrain GetGrain<TGrain>(string key) => _engine.GetGrain<TGrain>(key);

    public override void PassCollectionAge() => Time.Advance(2 * CollectionAge);

    public override Task StopAsync() => _engine.StopAsync();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _engine.Dispose();
    }
}
