using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Embedded;
using Orleans.Runtime;
using OrleansGateway.Tests.Conformance.Grains;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Conformance.Embedded;

/// <summary>Limits that Orleans has too but counts on the wall clock or in other words.</summary>
public sealed class LimitTests : ConformanceTests
{
    [Fact]
    public async Task Activation_LongerThanItsLimit_FailsTheCall()
    {
        var call = Grain<ILifeGrain>().TouchAsync();
        await Probe.NotedAsync("activating");

        Time.Advance(new EmbeddedOptions().ActivationTimeout);

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

        Time.Advance(new EmbeddedOptions().DeactivationTimeout);
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

        Time.Advance(new EmbeddedOptions().ShutdownTimeout);
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
        await using var host = new GrainHost(options => options.Scheduler = scheduler);
        var call = host.GrainFactory.GetGrain<ILifeGrain>("a").TouchAsync();
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

    [Fact]
    public async Task Call_ToAGrainThatEndsInActivation_IsGivenUp() =>
        await Assert.ThrowsAsync<OrleansMessageRejectionException>(() => Grain<IFleetingGrain>().TouchAsync());

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(0, 2, 1)]
    [InlineData(1, 2, 0)]
    public void Options_ThatCannotBe_AreRefused(int quantumMinutes, int ageMinutes, int turns)
    {
        var services = new ServiceCollection();
        services.AddEmbeddedGrains(options =>
        {
            options.CollectionQuantum = TimeSpan.FromMinutes(quantumMinutes);
            options.CollectionAge = TimeSpan.FromMinutes(ageMinutes);
            options.TurnsPerWorkItem = turns;
        });
        using var provider = services.BuildServiceProvider();

        Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IGrainFactory>());
    }
}

public interface IFleetingGrain : IGrainWithStringKey
{
    Task TouchAsync();
}

/// <summary>Ends before it has begun.</summary>
public sealed class FleetingGrain : Grain, IFleetingGrain
{
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public Task TouchAsync() => Task.CompletedTask;
}
