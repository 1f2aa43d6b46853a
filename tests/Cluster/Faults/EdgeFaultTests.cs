using OrleansGateway.Tests.Cluster.Running;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Gateway;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Faults;

/// <summary>An edge dies under load.</summary>
public sealed class EdgeFaultTests
{
    [Fact]
    public async Task Edge_Killed_CutsItsAnswersAndTheOtherServesOn()
    {
        await using var run = await ClusterRun.StartAsync("edge killed");
        var edge = run.Cluster.Edges[0];
        await run.FaultAsync("SIGKILL", () => edge.Process.Signal(GatewayProcess.SigKill));
        Assert.Equal(128 + GatewayProcess.SigKill, await edge.Process.EndAsync());
        await edge.StartAsync();
        await run.Load.CompletedAsync(200);
        await run.FinishAsync(ClusterRun.Clients + run.Customers.Count, Fate.Cut, Fate.Unanswered);
    }
}
