using OrleansGateway.Tests.Conformance.Grains;
using Xunit;

namespace OrleansGateway.Tests.Conformance;

public abstract class LifeTests(GrainHost host) : ConformanceTests(host)
{
    [Fact]
    public async Task FirstCall_WhileActivating_Waits()
    {
        var call = Grain<ILifeGrain>().TouchAsync();
        await Probe.NotedAsync("activating");
        Assert.False(call.IsCompleted);

        Probe.Open("activation");
        await call;

        Assert.Equal(["constructed", "activating", "activated", "touched"], Probe.Notes);
    }

    [Fact]
    public async Task Activation_Fails_FailsWaitingCallsAndTheNextTriesAnew()
    {
        var grain = Grain<ILifeGrain>();
        Probe.FailActivation = true;
        var calls = Enumerable.Range(0, 3).Select(_ => grain.TouchAsync()).ToList();
        Probe.Open("activation");
        foreach (var call in calls)
        {
            Assert.Equal("activation", (await Assert.ThrowsAsync<ProbeException>(() => call)).Message);
        }

        Probe.FailActivation = false;
        await grain.TouchAsync();

        Assert.Equal("touched", Probe.Notes[^1]);
        Assert.DoesNotContain(Probe.Notes, note => note.StartsWith("deactivating", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Construction_Fails_FailsTheCallAndTheNextTriesAnew()
    {
        var grain = Grain<ILifeGrain>();
        Probe.Open("activation");
        Probe.FailConstruction = true;
        var failure = await Assert.ThrowsAnyAsync<Exception>(() => grain.TouchAsync());
        Assert.IsType<ProbeException>(failure.GetBaseException());

        Probe.FailConstruction = false;
        await grain.TouchAsync();

        Assert.Equal("touched", Probe.Notes[^1]);
    }

    [Fact]
    public async Task Key_InConstructorAndActivation_IsKnown()
    {
        Probe.OpenAll();

        Assert.Equal("kk", await Grain<ILifeGrain>("k").GetKeysAsync());
    }

    [Fact]
    public async Task DeactivateOnIdle_FollowedByCall_RunsOnANewActivation()
    {
        var grain = Grain<IWorkGrain>();
        var before = await grain.GetInstanceAsync();
        await grain.EndAsync();

        Assert.NotEqual(before, await grain.GetInstanceAsync());
        Assert.Equal(["deactivated: ApplicationRequested"], Probe.Notes);
    }

    [Fact]
    public async Task DeactivateOnIdle_WhileAnotherRequestRuns_WaitsForItAndSendsNewCallsOn()
    {
        var grain = Grain<IReentrantWorkGrain>();
        var before = await grain.GetInstanceAsync();
        var running = grain.WorkAsync("running");
        await Probe.NotedAsync("running starts");
        await grain.EndAsync();
        var late = grain.GetInstanceAsync();

        Assert.Equal(["running starts"], Probe.Notes);
        Assert.False(late.IsCompleted);
        Probe.Open("running");
        await running;

        Assert.NotEqual(before, await late);
        Assert.Equal(["running starts", "running ends", "deactivated: ApplicationRequested"], Probe.Notes);
    }

    [Fact]
    public async Task DeactivateOnIdle_WithCallsQueued_SendsThemToTheNextActivationInOrder()
    {
        var grain = Grain<IWorkGrain>();
        var running = grain.WorkAsync("running");
        await Probe.NotedAsync("running starts");
        var end = grain.EndAsync();
        var first = grain.WorkAsync("first");
        var second = grain.WorkAsync("second");

        Probe.OpenAll();
        await Task.WhenAll(running, end, first, second);

        Assert.Equal(
            [
                "running starts", "running ends", "deactivated: ApplicationRequested",
                "first starts", "first ends", "second starts", "second ends",
            ],
            Probe.Notes);
    }

    [Fact]
    public async Task Deactivation_ThatFails_EndsTheActivationAllTheSame()
    {
        Probe.OpenAll();
        var grain = Grain<ILifeGrain>();
        await grain.GetKeysAsync();

        await grain.TouchAsync();

        Assert.Equal(2, Probe.Count("constructed"));
        Assert.Equal(1, Probe.Count("deactivating: ApplicationRequested"));
    }

    [Fact]
    public async Task Stop_OfTheHost_DeactivatesEveryGrain()
    {
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => Grain<IWorkGrain>($"{i}").GetInstanceAsync()));

        await Host.StopAsync();

        Assert.Equal(50, Probe.Count("deactivated: ShuttingDown"));
    }

    [Fact]
    public async Task Idle_ForTheCollectionAge_IsCollected()
    {
        var grain = Grain<IWorkGrain>();
        var before = await grain.GetInstanceAsync();

        Host.PassCollectionAge();
        await Probe.NotedAsync("deactivated: ActivationIdle");

        Assert.NotEqual(before, await grain.GetInstanceAsync());
    }

    [Fact]
    public async Task Idle_WhileARequestRuns_Stays()
    {
        var grain = Grain<IWorkGrain>();
        var running = grain.WorkAsync("running");
        await Probe.NotedAsync("running starts");

        Host.PassCollectionAge();
        Probe.Open("running");
        await running;
        await grain.GetInstanceAsync();

        Assert.DoesNotContain("deactivated: ActivationIdle", Probe.Notes);
    }
}

/// <inheritdoc/>
public sealed class LifeTestsOnTheEngine() : LifeTests(new EngineHost());

/// <inheritdoc/>
public sealed class LifeTestsOnOrleans() : LifeTests(new OrleansHost());
