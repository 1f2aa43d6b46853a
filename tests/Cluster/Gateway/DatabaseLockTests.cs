using Npgsql;
using OrleansGateway.Tests.Cluster.Running;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Gateway;

/// <summary>Silos share the lock on their database, which a gateway of one machine has for itself: either keeps the other out.</summary>
public sealed class DatabaseLockTests
{
    private const long Key = 0x6F67_0003;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Lock_OfAGatewayAndOfSilos_KeepEachOtherOut()
    {
        await using var cluster = await ClusterFixture.StartAsync(silos: 0, edges: 0);
        await using var gateway = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(cluster.Postgres.ConnectionString) { Pooling = false }.ConnectionString);
        await gateway.OpenAsync(Cancellation);
        Assert.True(await AskAsync($"SELECT pg_try_advisory_lock({Key})"));
        var silos = new[] { cluster.AddSilo(), cluster.AddSilo() };
        foreach (var silo in silos)
        {
            silo.Start();
            await silo.UnreadyAsync("database lock");
        }

        var calledOff = cluster.AddSilo();
        calledOff.Start();
        await calledOff.UnreadyAsync("database lock");
        await calledOff.StopAsync();

        Assert.True(await AskAsync($"SELECT pg_advisory_unlock({Key})"));
        foreach (var silo in silos)
        {
            await silo.ReadyAsync();
        }

        foreach (var silo in silos)
        {
            Assert.False(await AskAsync($"SELECT pg_try_advisory_lock({Key})"));
            await silo.StopAsync();
        }

        Assert.True(await AskAsync($"SELECT pg_try_advisory_lock({Key})"));

        async Task<bool> AskAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, gateway);
            return (bool)(await command.ExecuteScalarAsync(Cancellation))!;
        }
    }
}
