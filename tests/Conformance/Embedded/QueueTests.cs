using OrleansGateway.Tests.Conformance.Grains;
using Xunit;

namespace OrleansGateway.Tests.Conformance.Embedded;

/// <summary>What holds because calls and cancellations are no messages here: none is on its way when another arrives.</summary>
public sealed class QueueTests : ConformanceTests
{
    [Fact]
    public async Task Token_CancelledWhileTheCallIsQueued_NeverStartsIt()
    {
        var grain = Grain<ICallGrain>();
        var running = grain.WaitAsync("running", CancellationToken.None);
        await Probe.NotedAsync("waiting");
        using var source = new CancellationTokenSource();
        var queued = grain.WaitAsync("never", source.Token);

        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queued);
        Probe.Open("running");
        await running;
        await grain.AddAsync(1, 1);

        Assert.Equal(["waiting"], Probe.Notes);
    }

    [Fact]
    public async Task Activation_Fails_FailsTheCallsThatWaitWithIt()
    {
        var grain = Grain<ILifeGrain>();
        Probe.FailActivation = true;
        var calls = Enumerable.Range(0, 3).Select(_ => grain.TouchAsync()).ToList();

        Probe.Open("activation");
        foreach (var call in calls)
        {
            await Assert.ThrowsAsync<ProbeException>(() => call);
        }

        Assert.Equal(1, Probe.Count("constructed"));
    }
}
