using OrleansGateway.Tests.Cluster.Running;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Gateway;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Faults;

/// <summary>Silos are added, die, hang and come back under load. The edges live, so no answer is cut.</summary>
public sealed class SiloFaultTests
{
    /// <summary>Of four silos, that one takes none of so many is as good as impossible.</summary>
    private const int CustomersMax = 60;

    /// <summary>One load through all of it: starting a cluster, and waiting at its end until quarantine is over, take longer than the faults.</summary>
    [Fact]
    public async Task Silos_AddedKilledAndHung_CutNoAnswer()
    {
        await using var run = await ClusterRun.StartAsync("silos added, killed, hung");
        var before = await run.ProcessesAsync();
        var added = run.Cluster.AddSilo();
        await run.FaultAsync("start of one more", added.StartAsync);
        run.Payer.Operators = [added.OperatorSocket];
        await run.Load.CompletedAsync(200);

        // Accounts stay where they are; of those that come now a part is its own.
        var isTaking = false;
        for (var customers = 0; !isTaking && customers < CustomersMax; customers++)
        {
            var customer = await FaultPlan.CreateCustomerAsync(run.Cluster.Operator, "0.001");
            run.Newcomers.Add(customer);
            var sent = await run.Load.SendAsync(run.Load.Targets[0], customer, new ChatPlan(IsStream: false, Tokens: 3, TokenRate: 0));
            Assert.Equal(Fate.Completed, sent.Fate);
            isTaking = !before.IsSupersetOf(await run.ProcessesAsync());
        }

        Assert.True(isTaking, $"The silo that was added has taken none of {CustomersMax} accounts.");
        var killed = run.Cluster.Silos[1];
        await run.FaultAsync("SIGKILL", () => killed.Process.Signal(GatewayProcess.SigKill));
        Assert.Equal(128 + GatewayProcess.SigKill, await killed.Process.EndAsync());
        await killed.StartAsync();
        await run.Load.CompletedAsync(200);

        // Back as a twin within a lease of its last authority, and well after it: it ends by itself.
        foreach (var (silo, seconds) in new[] { (run.Cluster.Silos[1], 0), (run.Cluster.Silos[2], 12) })
        {
            await run.FaultAsync("SIGSTOP", async () =>
            {
                silo.Process.Signal(GatewayProcess.SigStop);
                await run.Cluster.DeclaredDeadAsync(silo);
                await Task.Delay(TimeSpan.FromSeconds(seconds), TestContext.Current.CancellationToken);
            });
            silo.Process.Signal(GatewayProcess.SigCont);
            Assert.NotEqual(0, await silo.Process.EndAsync());
            await silo.StartAsync();
            await run.Load.CompletedAsync(200);
        }

        await run.FinishAsync();
    }
}
