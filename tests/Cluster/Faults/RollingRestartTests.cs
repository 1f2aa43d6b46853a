using OrleansGateway.Tests.Cluster.Running;
using OrleansGateway.Tests.Programs.Faults;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Faults;

/// <summary>Everything is replaced under load, one after the other.</summary>
public sealed class RollingRestartTests
{
    [Fact]
    public async Task RollingRestart_OfSilosAndEdges_CutsNoAnswer()
    {
        await using var run = await ClusterRun.StartAsync("rolling restart");
        foreach (var node in run.Cluster.Silos.Concat(run.Cluster.Edges))
        {
            await run.FaultAsync($"{node} restarted", async () =>
            {
                await node.StopAsync();
                await node.StartAsync();
            });
        }

        // A request that is sent on a connection that its edge is just closing has no answer, and no charge.
        await run.FinishAsync(run.Cluster.Edges.Count * ClusterRun.Clients / 4, Fate.Unanswered);
    }
}
