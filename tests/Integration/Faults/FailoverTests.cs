using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>The database has a synchronous standby, which takes over.</summary>
[Collection(FaultsCollection.Name)]
public sealed class FailoverTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Standby_StandsStillAndTakesOver_HasAllThatClientsSawComplete()
    {
        await using var primary = await PostgresCluster.StartNewAsync();
        await using var standby = await primary.StartStandbyAsync();
        await using var run = await FaultRun.StartAsync(null, "failover", primary.ConnectionString);
        await run.Load.EventsAsync(run.Random.Next(100, 2000));

        await standby.FreezeReceiverAsync();
        // Longer than a session may not answer and than a statement may take: whoever would take an answer for the standby's has it by now.
        await Task.Delay(TimeSpan.FromSeconds(12), Cancellation);
        await primary.KillAsync();
        await standby.TakeOverAsync(primary);
        await run.Load.CompletedAsync(100);

        await run.FinishAsync(run.Gateway.Process, 0, Fate.Cut);
    }
}
