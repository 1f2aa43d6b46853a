using OrleansGateway.Tests.Cluster.Running;
using OrleansGateway.Tests.Programs.Gateway;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Faults;

/// <summary>What the cluster keeps its membership or its books in goes away for some seconds under load.</summary>
public sealed class StoreFaultTests
{
    private static readonly TimeSpan Away = TimeSpan.FromSeconds(8);

    [Fact]
    public async Task RedisAndPostgres_GoneAndBack_CutNoAnswerAndLoseNothing()
    {
        await using var run = await ClusterRun.StartAsync("Redis and PostgreSQL away");
        await run.FaultAsync("Redis away", async () =>
        {
            await run.Cluster.Redis.KillAsync();
            foreach (var node in run.Cluster.Silos.Concat(run.Cluster.Edges))
            {
                await node.Process.LineAsync("Cluster:Redis: the connection is lost");
            }

            await run.Load.CompletedAsync(200);
            await Task.Delay(Away, TestContext.Current.CancellationToken);
            await run.Cluster.Redis.StartAsync();
        });

        // Membership works again: who dies now is found dead.
        var silo = run.Cluster.Silos[1];
        await run.FaultAsync("SIGKILL afterwards", () => silo.Process.Signal(GatewayProcess.SigKill));
        await silo.StartAsync();

        await run.FaultAsync("PostgreSQL away", async () =>
        {
            await run.Cluster.Postgres.StopAsync("immediate");
            await Task.Delay(Away, TestContext.Current.CancellationToken);
            await run.Cluster.Postgres.StartAsync();
            run.Cluster.DataSource.Clear();
        });
        foreach (var running in run.Cluster.Silos)
        {
            await running.ReadyAsync();
        }

        await run.FinishAsync();
    }
}
