using OrleansGateway.Tests.Conformance.Grains;
using Xunit;

namespace OrleansGateway.Tests.Conformance;

public abstract class TurnTests(GrainHost host) : ConformanceTests(host)
{
    [Fact]
    public async Task Turns_OfManyInterleavingCalls_NeverOverlap()
    {
        var grain = Grain<IReentrantWorkGrain>();

        var overlaps = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => Task.Run(() => grain.CountOverlapsAsync(20))));

        Assert.Equal(0, overlaps.Sum());
    }

    [Fact]
    public async Task Calls_OfOneCaller_RunInOrder()
    {
        var grain = Grain<IWorkGrain>();
        await grain.GetInstanceAsync();
        Probe.OpenAll();

        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => grain.WorkAsync($"{i}")));

        Assert.Equal(Enumerable.Range(0, 100).SelectMany(i => new[] { $"{i} starts", $"{i} ends" }), Probe.Notes);
    }

    [Fact]
    public async Task Call_WhileAnotherAwaits_WaitsForItsEnd()
    {
        var grain = Grain<IWorkGrain>();
        var first = grain.WorkAsync("first");
        await Probe.NotedAsync("first starts");
        var second = grain.WorkAsync("second");

        Probe.Open("second");
        Probe.Open("first");
        await Task.WhenAll(first, second);

        Assert.Equal(["first starts", "first ends", "second starts", "second ends"], Probe.Notes);
    }

    [Fact]
    public async Task Call_OfReentrantClass_RunsWhileAnotherAwaits()
    {
        var grain = Grain<IReentrantWorkGrain>();
        var first = grain.WorkAsync("first");
        await Probe.NotedAsync("first starts");
        Probe.Open("second");

        await grain.WorkAsync("second");
        Probe.Open("first");
        await first;

        Assert.Equal(["first starts", "second starts", "second ends", "first ends"], Probe.Notes);
    }

    [Fact]
    public async Task AlwaysInterleave_WhileOneRunsAndOneWaits_Overtakes()
    {
        var grain = Grain<IWorkGrain>();
        var first = grain.WorkAsync("first");
        await Probe.NotedAsync("first starts");
        var waiting = grain.WorkAsync("waiting");
        Probe.Open("interleaving");

        await grain.InterleaveAsync("interleaving");
        Probe.Open("waiting");
        Probe.Open("first");
        await Task.WhenAll(first, waiting);

        Assert.Equal(
            ["first starts", "interleaving starts", "interleaving ends", "first ends", "waiting starts", "waiting ends"], Probe.Notes);
    }

    [Fact]
    public async Task Call_WhileOnlyAnInterleavingOneRuns_DoesNotWait()
    {
        var grain = Grain<IWorkGrain>();
        var interleaving = grain.InterleaveAsync("interleaving");
        await Probe.NotedAsync("interleaving starts");
        Probe.Open("call");

        await grain.WorkAsync("call");
        Probe.Open("interleaving");
        await interleaving;

        Assert.Equal(["interleaving starts", "call starts", "call ends", "interleaving ends"], Probe.Notes);
    }

    [Fact]
    public async Task Turn_ThroughAwaits_StaysOnTheActivationsScheduler() =>
        Assert.True(await Grain<IWorkGrain>().StaysOnItsSchedulerAsync());

    [Fact]
    public async Task Call_FromReentrantGrainToItself_RunsInTheSameActivation()
    {
        var grain = Grain<IReentrantWorkGrain>();

        Assert.Equal(await grain.GetInstanceAsync(), await grain.GetInstanceThroughReferenceAsync());
    }

    [Fact]
    public async Task FirstCalls_AThousandAtOnce_MeetOneActivation()
    {
        var instances = await Task.WhenAll(Enumerable.Range(0, 1000).Select(_ =>
            Task.Run(() => Grain<IWorkGrain>("new").GetInstanceAsync())));

        Assert.Single(instances.Distinct());
    }
}

/// <inheritdoc/>
public sealed class TurnTestsOnTheEngine() : TurnTests(new EngineHost());

/// <inheritdoc/>
public sealed class TurnTestsOnOrleans() : TurnTests(new OrleansHost());
