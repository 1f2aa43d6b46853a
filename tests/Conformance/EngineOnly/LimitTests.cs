using Orleans.Runtime;
using OrleansGateway.Tests.Conformance.Grains;
using OrleansGateway.Tests.Engine;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Conformance.EngineOnly;

/// <summary>Limits that Orleans has too but counts on the wall clock or in other words.</summary>
public sealed class LimitTests() : ConformanceTests(new EngineHost())
{
    [Fact]
    public async Task Activation_LongerThanItsLimit_FailsTheCall()
    {
        var call = Grain<ILifeGrain>().TouchAsync();
        await Probe.NotedAsync("activating");

        Time.Advance(TestEngine.Limit);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
    }

    [Fact]
    public async Task Deactivation_LongerThanItsLimit_IsLeftBehind()
    {
        Probe.Open("activation");
        var grain = Grain<ILifeGrain>();
        await grain.GetKeysAsync();
        await Probe.NotedAsync("deactivating: ApplicationRequested");
        var next = grain.TouchAsync();
        Assert.False(next.IsCompleted);

        Time.Advance(TestEngine.Limit);
        await next;

        Assert.Equal("touched", Probe.Notes[^1]);
    }

    [Fact]
    public async Task Stop_WithARequestThatHangs_GivesUpAfterItsLimit()
    {
        var grain = Grain<IWorkGrain>();
        _ = grain.WorkAsync("hanging");
        await Probe.NotedAsync("hanging starts");
        var stop = Host.StopAsync();
        Assert.False(stop.IsCompleted);

        Time.Advance(TestEngine.Limit);
        await stop;

        Assert.DoesNotContain("deactivated: ShuttingDown", Probe.Notes);
    }

    [Fact]
    public async Task Call_AfterTheStop_IsRefused()
    {
        var grain = Grain<IWorkGrain>();
        await grain.GetInstanceAsync();
        await Host.StopAsync();

        await Assert.ThrowsAsync<SiloUnavailableException>(() => grain.GetInstanceAsync());
        await Assert.ThrowsAsync<SiloUnavailableException>(() => Grain<IWorkGrain>("new").GetInstanceAsync());
    }

    [Fact]
    public async Task Stop_BeforeAnActivationBegan_DoesNotBeginIt()
    {
        var scheduler = new SeededScheduler(0);
        await using var host = new EngineHost(scheduler);
        var call = host.GetGrain<ILifeGrain>("a").TouchAsync();
        var stop = host.StopAsync();

        scheduler.RunUntilIdle();
        await stop;

        await Assert.ThrowsAsync<SiloUnavailableException>(() => call);
        Assert.DoesNotContain("constructed", host.Probe.Notes);
    }

    [Fact]
    public async Task Call_ThatWaitsAtTheStop_IsRefused()
    {
        var grain = Grain<IWorkGrain>();
        var running = grain.WorkAsync("running");
        await Probe.NotedAsync("running starts");
        var waiting = grain.GetInstanceAsync();
        var stop = Host.StopAsync();

        Probe.Open("running");
        await running;
        await stop;

        await Assert.ThrowsAsync<SiloUnavailableException>(() => waiting);
    }
}
