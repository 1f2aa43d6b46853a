using OrleansGateway.Tests.Conformance.Grains;
using Xunit;

namespace OrleansGateway.Tests.Conformance;

public abstract class TimerTests(GrainHost host) : ConformanceTests(host)
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private int Ticks => Probe.Count("tick");

    [Fact]
    public async Task Timer_DueTimeThenPeriods_TicksAtEach()
    {
        var grain = Grain<ITimerGrain>();
        Probe.OpenAll();
        await grain.StartAsync(3 * Second, Second);

        int[] expected = [0, 0, 1, 2, 3];
        foreach (var ticks in expected)
        {
            await PassAsync(grain, Second);
            Assert.Equal(ticks, Ticks);
        }
    }

    [Fact]
    public async Task Timer_WithInfinitePeriod_TicksOnce()
    {
        var grain = Grain<ITimerGrain>();
        Probe.OpenAll();
        await grain.StartAsync(Second, Timeout.InfiniteTimeSpan);

        await PassAsync(grain, Second);
        await PassAsync(grain, 100 * Second);

        Assert.Equal(1, Ticks);
    }

    [Fact]
    public async Task Tick_LongerThanThePeriod_NeverOverlapsAndCountsFromItsEnd()
    {
        var grain = Grain<ITimerGrain>();
        await grain.StartAsync(Second, Second);
        Time.Advance(Second);
        await Probe.NotedAsync("tick");
        Time.Advance(10 * Second);
        Assert.Equal(1, Ticks);

        Probe.OpenAll();
        await grain.SyncAsync();
        await PassAsync(grain, Second / 2);
        Assert.Equal(1, Ticks);
        await PassAsync(grain, Second / 2);

        Assert.Equal(2, Ticks);
    }

    [Fact]
    public async Task Tick_WhileACallAwaits_WaitsForItsEnd()
    {
        var grain = Grain<ITimerGrain>();
        Probe.Open("tick");
        await grain.StartAsync(Second, Second);
        var blocking = grain.BlockAsync();

        Time.Advance(Second);
        Assert.Equal(0, Ticks);
        Probe.Open("block");
        await blocking;
        await grain.SyncAsync();

        Assert.Equal(1, Ticks);
    }

    [Fact]
    public async Task Tick_Interleaving_RunsWhileACallAwaits()
    {
        var grain = Grain<ITimerGrain>();
        await grain.StartAsync(Second, Second, interleave: true);
        var blocking = grain.BlockAsync();

        Time.Advance(Second);
        await Probe.NotedAsync("tick");

        Assert.False(blocking.IsCompleted);
    }

    [Fact]
    public async Task Call_WhileATickAwaits_WaitsForItsEnd()
    {
        var grain = Grain<ITimerGrain>();
        await grain.StartAsync(Second, Second);
        Time.Advance(Second);
        await Probe.NotedAsync("tick");
        var call = grain.SyncAsync();
        Assert.False(call.IsCompleted);

        Probe.Open("tick");
        await call;

        Assert.Equal(1, Probe.Count("tick ends"));
    }

    [Fact]
    public async Task Tick_ThatFails_DoesNotStopTheTimer()
    {
        var grain = Grain<ITimerGrain>();
        Probe.OpenAll();
        await grain.StartAsync(Second, Second);
        await grain.FailNextTickAsync();

        await PassAsync(grain, Second);
        await PassAsync(grain, Second);

        Assert.Equal(["tick", "tick", "tick ends"], Probe.Notes);
    }

    [Fact]
    public async Task Dispose_BetweenTicks_StopsThem()
    {
        var grain = Grain<ITimerGrain>();
        Probe.OpenAll();
        await grain.StartAsync(Second, Second);
        await PassAsync(grain, Second);
        await grain.DisposeTimerAsync();

        await PassAsync(grain, 10 * Second);

        Assert.Equal(1, Ticks);
    }

    [Fact]
    public async Task Dispose_DuringATick_CancelsItsTokenAndIsTheLast()
    {
        var grain = Grain<ITimerGrain>();
        await grain.StartAsync(Second, Second, interleave: true);
        Time.Advance(Second);
        await Probe.NotedAsync("tick");

        await grain.DisposeTimerAsync();
        Probe.OpenAll();
        await Probe.NotedAsync("tick ends");
        await PassAsync(grain, 10 * Second);

        Assert.Equal(["tick", "tick cancelled", "tick ends"], Probe.Notes);
    }

    [Fact]
    public async Task Deactivation_StopsTheTimers()
    {
        var grain = Grain<ITimerGrain>();
        Probe.OpenAll();
        await grain.StartAsync(Second, Second);
        await grain.EndAsync();
        await grain.SyncAsync();

        await PassAsync(grain, 10 * Second);

        Assert.Equal(["deactivated: ApplicationRequested"], Probe.Notes);
    }

    [Fact]
    public async Task Timer_OfEveryKind_CallsItsCallback()
    {
        var grain = Grain<ITimerGrain>();
        await grain.StartEveryKindAsync();

        await PassAsync(grain, Second);

        Assert.Equal(["plain", "token", "state", "state and token"], Probe.Notes);
    }

    /// <summary>Lets time pass and every tick that came due end.</summary>
    private async Task PassAsync(ITimerGrain grain, TimeSpan time)
    {
        Time.Advance(time);
        await grain.SyncAsync();
    }
}

/// <inheritdoc/>
public sealed class TimerTestsOnTheEngine() : TimerTests(new EngineHost());

/// <inheritdoc/>
public sealed class TimerTestsOnOrleans() : TimerTests(new OrleansHost());
