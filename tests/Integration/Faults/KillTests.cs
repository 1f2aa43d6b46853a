using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>The gateway's process ends under load, killed or asked to.</summary>
[Collection(FaultsCollection.Name)]
public sealed class KillTests(PostgresServer server)
{
    /// <summary>Some seconds of load.</summary>
    private const int EventsMax = 5000;

    [Fact]
    public async Task Gateway_KilledUnderLoadAndStartedAgain_KeepsItsBooks()
    {
        await using var run = await FaultRun.StartAsync(server, "SIGKILL and restart");
        run.IsAnyLost = true;
        var rounds = FaultPlan.Rounds(5);
        for (var round = 0; round < rounds; round++)
        {
            // From the first admissions to requests of all ages: each round is killed at a random moment of its own share.
            await run.Load.EventsAsync(1 + (int)(EventsMax * (round + run.Random.NextDouble()) / rounds));
            run.Gateway.Process.Signal(GatewayProcess.SigKill);
            await run.Gateway.StartGatewayAsync();
            await run.Load.CompletedAsync(20);
        }

        await run.FinishAsync(run.Gateway.Process, rounds * FaultPlan.Clients, Fate.Cut, Fate.Unanswered);
    }

    [Fact]
    public async Task Gateway_StoppedUnderLoad_EndsWhatRunsAndKeepsItsBooks()
    {
        await using var run = await FaultRun.StartAsync(server, "SIGTERM under load");
        for (var round = 0; round < FaultPlan.Rounds(1); round++)
        {
            await run.Load.EventsAsync(run.Random.Next(500, 3000));
            run.Gateway.Process.Signal(GatewayProcess.SigTerm);
            Assert.Equal(0, await run.Gateway.Process.EndAsync());
            await using (var command = run.Gateway.DataSource.CreateCommand("SELECT sum(reserved + quarantined)::bigint FROM account"))
            {
                Assert.Equal(0L, await command.ExecuteScalarAsync(TestContext.Current.CancellationToken));
            }

            await run.Gateway.StartGatewayAsync();
            await run.Load.CompletedAsync(20);
        }

        // Those that were sent on a connection that was just being closed.
        await run.FinishAsync(run.Gateway.Process, FaultPlan.Rounds(1) * FaultPlan.Clients / 4, Fate.Unanswered);
    }
}
