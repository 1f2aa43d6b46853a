using Npgsql;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>The database does not answer for a while, under load.</summary>
[Collection(FaultsCollection.Name)]
public sealed class DatabaseAwayTests
{
    /// <summary>Leaves without waiting for its settlement.</summary>
    private static readonly ChatPlan Probe = new(IsStream: true, Tokens: 10, TokenRate: 20, LeaveAfter: 3);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Database_FrozenUnderLoad_DelaysSettlementsAndLosesNone()
    {
        await using var cluster = await PostgresCluster.StartNewAsync();
        await using var run = await FaultRun.StartAsync(null, "PostgreSQL frozen", cluster.ConnectionString);
        for (var round = 0; round < FaultPlan.Rounds(1); round++)
        {
            await run.Load.EventsAsync(run.Random.Next(100, 2000));
            await cluster.FreezeAsync();
            var from = run.Load.Events;
            var admitted = await run.Load.SendAsync(run.Gateway.Url, run.Customers[0], Probe);
            Assert.Equal(200, admitted.Status);
            // An authority's length, which is longer than any statement waits: every answer that was on its way is lost.
            await SentAwayAsync(run);
            var to = run.Load.Events;
            await cluster.ThawAsync();
            await run.Load.CompletedAsync(100);
            Assert.Contains(run.Load.Sent, sent => sent.Fate == Fate.Completed && sent.From <= from && sent.To >= to);
        }

        await run.FinishAsync(run.Gateway.Process);
    }

    [Fact]
    public async Task Database_CrashedUnderLoad_LosesNothing()
    {
        await using var cluster = await PostgresCluster.StartNewAsync();
        await using var run = await FaultRun.StartAsync(null, "PostgreSQL crashed", cluster.ConnectionString);
        for (var round = 0; round < FaultPlan.Rounds(3); round++)
        {
            await run.Load.EventsAsync(run.Random.Next(100, 2000));
            await cluster.StopAsync("immediate");
            await Task.Delay(run.Random.Next(3000), Cancellation);
            await cluster.StartAsync();
            await run.Load.CompletedAsync(100);
        }

        await run.FinishAsync(run.Gateway.Process);
    }

    [Fact]
    public async Task Database_WithoutFreeSessions_DelaysSettlementsAndLosesNone()
    {
        await using var cluster = await PostgresCluster.StartNewAsync(connectionsMax: 40);
        await using var run = await FaultRun.StartAsync(null, "PostgreSQL full", cluster.ConnectionString);
        var sessions = new NpgsqlConnectionStringBuilder(cluster.ConnectionString) { Pooling = false, ApplicationName = "hog" }.ConnectionString;
        for (var round = 0; round < FaultPlan.Rounds(1); round++)
        {
            await run.Load.EventsAsync(run.Random.Next(100, 2000));
            var hogs = new List<NpgsqlConnection>();
            try
            {
                // Each of the gateway's sessions that is ended leaves a place; who is quicker gets it.
                await Load.UntilAsync(async _ => await FillAsync(hogs, sessions), "the gateway to be without sessions");
                await Task.Delay(TimeSpan.FromSeconds(3), Cancellation);
            }
            finally
            {
                foreach (var hog in hogs)
                {
                    await hog.DisposeAsync();
                }
            }

            await run.Load.CompletedAsync(100);
        }

        await run.FinishAsync(run.Gateway.Process);
    }

    /// <summary>Ends the gateway's sessions, but not the one with its lock, and takes all places.</summary>
    /// <returns>Whether the gateway has none left.</returns>
    private static async Task<bool> FillAsync(List<NpgsqlConnection> hogs, string sessions)
    {
        const string Others =
            """
            FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> 'hog'
                AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')
            """;
        try
        {
            while (true)
            {
                var hog = new NpgsqlConnection(sessions);
                await hog.OpenAsync(Cancellation);
                hogs.Add(hog);
            }
        }
        catch (PostgresException full) when (full.SqlState == PostgresErrorCodes.TooManyConnections)
        {
        }

        await using var count = new NpgsqlCommand($"SELECT count(*) {Others}", hogs[0]);
        if ((long)(await count.ExecuteScalarAsync(Cancellation))! == 0)
        {
            return true;
        }

        await using var end = new NpgsqlCommand($"SELECT pg_terminate_backend(pid) {Others}", hogs[0]);
        await end.ExecuteNonQueryAsync(Cancellation);
        return false;
    }

    /// <summary>Waits until new requests are refused in the way that clients can act on.</summary>
    private static Task SentAwayAsync(FaultRun run) => Load.UntilAsync(
        async _ => await run.Load.SendAsync(run.Gateway.Url, run.Customers[0], Probe) is { Status: 503, HasRetryAfter: true },
        "new requests to be sent away");
}
