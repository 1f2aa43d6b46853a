using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>The gateway keeps its ledger's tables by itself, from its start on.</summary>
public sealed class UpkeepTests(PostgresServer server)
{
    private const string Done = "Upkeep: ";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Upkeep_AtEachStart_CountsUsageAndDropsWhatIsOlderThanTheSetting()
    {
        await using var gateway = await GatewayFixture.StartAsync(server, fixture => fixture.Settings["Retention:CallsDays"] = "7");
        Assert.Contains("made 3 partitions, counted 0 charges, dropped 0 days", await gateway.Process.LineAsync(Done), StringComparison.Ordinal);
        var account = await gateway.CreateAccountAsync("1");
        using (var client = gateway.CreateClient(await gateway.CreateKeyAsync(account)))
        {
            using var answer = await client.PostAsync("chat/completions", GatewayFixture.Chat(), Token);
            answer.EnsureSuccessStatusCode();
        }

        gateway.Process.Signal(GatewayProcess.SigTerm);
        Assert.Equal(0, await gateway.Process.EndAsync());
        await using (var age = gateway.DataSource.CreateCommand(
            """
            SET session_replication_role = replica;
            UPDATE usage SET at = at - interval '8 days';
            UPDATE ledger SET at = at - interval '8 days';
            UPDATE account SET created_at = created_at - interval '8 days';
            RESET session_replication_role
            """))
        {
            await age.ExecuteNonQueryAsync(Token);
        }

        await gateway.StartGatewayAsync();

        Assert.Contains("made 1 partitions, counted 1 charges, dropped 1 days", await gateway.Process.LineAsync(Done), StringComparison.Ordinal);
        Assert.Equal(0, await CountAsync(gateway, "SELECT count(*) FROM usage"));
        Assert.Equal(1, await CountAsync(gateway, "SELECT sum(requests)::bigint FROM usage_day"));
        var (exitCode, output, errors) = await gateway.CommandAsync("verify");
        Assert.True(exitCode == 0, $"{output}\n{errors}");
    }

    private static async Task<long> CountAsync(GatewayFixture gateway, string sql)
    {
        await using var command = gateway.DataSource.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync(Token))!;
    }
}
