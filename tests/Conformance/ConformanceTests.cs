using Orleans;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Conformance;

/// <summary>
/// What the test engine and Orleans both promise. Each class of tests runs on both, each test on one of its own: the simulation means Orleans.
/// </summary>
public abstract class ConformanceTests(GrainHost host) : IAsyncLifetime
{
    protected GrainHost Host => host;

    protected Probe Probe => host.Probe;

    internal FakeTimeProvider Time => host.Time;

    protected TGrain Grain<TGrain>(string key = "a")
        where TGrain : IGrainWithStringKey => host.GetGrain<TGrain>(key);

    public async ValueTask InitializeAsync() => await host.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
