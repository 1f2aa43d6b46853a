using OrleansGateway.Tests.Conformance.Grains;
using Xunit;

namespace OrleansGateway.Tests.Conformance.EngineOnly;

/// <summary>Timers and collection on one clock, which Orleans does not let a test set for its collection.</summary>
public sealed class KeepAliveTests() : ConformanceTests(new EngineHost())
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Timer_WithoutKeepAlive_LetsTheGrainBeCollected()
    {
        var grain = Grain<ITimerGrain>();
        await grain.StartAsync(Second, TimeSpan.FromMinutes(1));

        Assert.True(await TicksUntilCollectedAsync(50) > 1);
    }

    [Fact]
    public async Task Timer_WithKeepAlive_KeepsTheGrain()
    {
        var grain = Grain<ITimerGrain>();
        await grain.StartAsync(Second, TimeSpan.FromMinutes(1), keepAlive: true);

        Assert.Null(await TicksUntilCollectedAsync(50));
    }

    /// <summary>Lets a timer of one minute tick; returns after how many ticks the grain was collected, null when it was not.</summary>
    private async Task<int?> TicksUntilCollectedAsync(int ticksMax)
    {
        Probe.OpenAll();
        var collected = Probe.NotedAsync("deactivated: ActivationIdle");
        for (var ticks = 0; ticks < ticksMax; ticks++)
        {
            // Collection looks between two ticks.
            Time.Advance(TimeSpan.FromSeconds(30));
            while (Probe.Count("tick ends") <= ticks && !collected.IsCompleted)
            {
                await Task.Yield();
            }

            if (collected.IsCompleted)
            {
                return ticks;
            }

            Time.Advance(TimeSpan.FromSeconds(30));
        }

        return null;
    }
}
