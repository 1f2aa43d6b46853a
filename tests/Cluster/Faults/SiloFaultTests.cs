using OrleansGateway.Tests.Cluster.Running;
using OrleansGateway.Tests.Integration.Gateway;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Faults;

/// <summary>Silos die, hang, come back and are added under load. The edges live, so no answer is cut.</summary>
public sealed class SiloFaultTests
{
    [Fact]
    public async Task Silo_Killed_IsReplacedAndNoAnswerIsCut()
    {
        await using var run = await ClusterRun.StartAsync("silo killed");
        var silo = run.Cluster.Silos[1];
        await run.FaultAsync("SIGKILL", () => silo.Process.Signal(GatewayProcess.SigKill));
        Assert.Equal(128 + GatewayProcess.SigKill, await silo.Process.EndAsync());
        await silo.StartAsync();
        await run.Load.CompletedAsync(200);
        await run.FinishAsync();
    }

    [Fact]
    public async Task Silo_HungAndBackAsATwin_EndsByItselfAndNoAnswerIsCut()
    {
        await using var run = await ClusterRun.StartAsync("silo hung");

        // Back within a lease of its last authority, and well after it.
        foreach (var (silo, seconds) in new[] { (run.Cluster.Silos[1], 0), (run.Cluster.Silos[2], 16) })
        {
            await run.FaultAsync("SIGSTOP", async () =>
            {
                silo.Process.Signal(GatewayProcess.SigStop);
                await Task.Delay(TimeSpan.FromSeconds(seconds), TestContext.Current.CancellationToken);
            });
            silo.Process.Signal(GatewayProcess.SigCont);
            Assert.NotEqual(0, await silo.Process.EndAsync());
            await silo.StartAsync();
            await run.Load.CompletedAsync(200);
        }

        await run.FinishAsync();
    }

    [Fact]
    public async Task Silo_Added_TakesPartAndNoAnswerIsCut()
    {
        await using var run = await ClusterRun.StartAsync("silo added");
        var silo = run.Cluster.AddSilo();
        await run.FaultAsync("start", silo.StartAsync);
        run.Payer.Operators = [silo.Url];
        await run.Load.CompletedAsync(200);
        await run.FinishAsync();
    }
}
