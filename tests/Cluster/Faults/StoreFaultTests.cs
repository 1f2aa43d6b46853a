using OrleansGateway.Tests.Cluster.Running;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Faults;

/// <summary>What the cluster keeps its membership or its books in goes away for some seconds under load.</summary>
public sealed class StoreFaultTests
{
    private static readonly TimeSpan Away = TimeSpan.FromSeconds(8);

    [Fact]
    public async Task Redis_KilledAndStartedAgain_IsNotNoticedByClients()
    {
        await using var run = await ClusterRun.StartAsync("Redis away");
        await run.FaultAsync("Redis away", async () =>
        {
            await run.Cluster.Redis.KillAsync();
            await run.Load.CompletedAsync(200);
            await Task.Delay(Away, TestContext.Current.CancellationToken);
            await run.Cluster.Redis.StartAsync();
        });

        // Membership works again: who dies now is found dead.
        var silo = run.Cluster.Silos[1];
        await run.FaultAsync("SIGKILL afterwards", () => silo.Process.Signal(Integration.Gateway.GatewayProcess.SigKill));
        await silo.StartAsync();
        await run.FinishAsync();
    }

    [Fact]
    public async Task Postgres_CrashedAndStartedAgain_DelaysSettlementsAndLosesNone()
    {
        await using var run = await ClusterRun.StartAsync("PostgreSQL away");
        await run.FaultAsync("PostgreSQL away", async () =>
        {
            await run.Cluster.Postgres.StopAsync("immediate");
            await Task.Delay(Away, TestContext.Current.CancellationToken);
            await run.Cluster.Postgres.StartAsync();
            run.Cluster.DataSource.Clear();
        });
        foreach (var silo in run.Cluster.Silos)
        {
            await silo.ReadyAsync();
        }

        await run.FinishAsync();
    }
}
