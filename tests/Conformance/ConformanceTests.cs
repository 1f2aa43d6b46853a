using Orleans;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Conformance;

/// <summary>Gives each test an engine of its own.</summary>
public abstract class ConformanceTests : IAsyncLifetime
{
    internal GrainHost Host { get; } = new();

    protected Probe Probe => Host.Probe;

    internal FakeTimeProvider Time => Host.Time;

    protected TGrain Grain<TGrain>(string key = "a")
        where TGrain : IGrainWithStringKey => Host.GrainFactory.GetGrain<TGrain>(key);

    public async ValueTask InitializeAsync() => await Host.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
