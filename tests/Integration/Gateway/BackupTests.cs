using System.Diagnostics;
using System.Net;
using Npgsql;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>What docs/operations.md says of backups.</summary>
public sealed class BackupTests(PostgresServer server)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Restore_OfADumpThatWasTakenUnderLoad_HasSoundBooksAndServes()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var account = await gateway.CreateAccountAsync("5");
        var key = await gateway.CreateKeyAsync(account);
        var dump = Path.Combine(Path.GetDirectoryName(gateway.CatalogPath)!, "ledger.dump");
        using var enough = new CancellationTokenSource();
        var clients = Enumerable.Range(0, 8).Select(_ => CallAsync(gateway, key, enough.Token)).ToArray();
        await Load.UntilAsync(async _ => await ChargesAsync(gateway) >= 50, "50 charges");

        await RunAsync("pg_dump", gateway.ConnectionString, "--format=custom", $"--file={dump}");

        await enough.CancelAsync();
        var calls = (await Task.WhenAll(clients)).Sum();
        var restored = await server.CreateDatabaseAsync();
        await RunAsync("pg_restore", restored, "--exit-on-error", "--no-owner", dump);
        await using (var dataSource = LedgerDataSource.Create(restored))
        {
            var report = await Verifier.RunAsync(dataSource, DateTimeOffset.UtcNow, Token);
            Assert.Empty(report.Problems);
            Assert.InRange(report.UsageRows, 50, calls);
        }

        await using var again = await GatewayFixture.StartAsync(server, connectionString: restored);
        Assert.Equal(HttpStatusCode.OK, await ChatAsync(again, key));
        var (exitCode, output, errors) = await again.CommandAsync("verify");
        Assert.True(exitCode == 0, $"{output}\n{errors}");
    }

    [Fact]
    public async Task Restore_OfABaseBackupToAMoment_HasTheBooksOfThatMomentAndServes()
    {
        await using var cluster = await PostgresCluster.StartNewAsync();
        await cluster.ArchiveAsync();
        await using var gateway = await GatewayFixture.StartAsync(null, connectionString: cluster.ConnectionString);
        var key = await gateway.CreateKeyAsync(await gateway.CreateAccountAsync("5"));
        await using var backup = await cluster.BackUpAsync();
        await CallAsync(3);
        string moment;
        await using (var now = gateway.DataSource.CreateCommand("SELECT clock_timestamp()::text"))
        {
            moment = (string)(await now.ExecuteScalarAsync(Token))!;
        }

        await CallAsync(2);
        await backup.RestoreAsync(cluster, moment);

        await using (var dataSource = LedgerDataSource.Create(backup.ConnectionString))
        {
            var report = await Verifier.RunAsync(dataSource, DateTimeOffset.UtcNow, Token);
            Assert.Empty(report.Problems);
            Assert.Equal(3, report.UsageRows);
        }

        await using var again = await GatewayFixture.StartAsync(null, connectionString: backup.ConnectionString);
        Assert.Equal(HttpStatusCode.OK, await ChatAsync(again, key));
        var (exitCode, output, errors) = await again.CommandAsync("verify");
        Assert.True(exitCode == 0, $"{output}\n{errors}");

        async Task CallAsync(int times)
        {
            for (var i = 0; i < times; i++)
            {
                Assert.Equal(HttpStatusCode.OK, await ChatAsync(gateway, key));
            }
        }
    }

    /// <returns>How many calls were sent until it was enough.</returns>
    private static async Task<int> CallAsync(GatewayFixture gateway, string key, CancellationToken enough)
    {
        var calls = 0;
        while (!enough.IsCancellationRequested)
        {
            calls++;
            Assert.Equal(HttpStatusCode.OK, await ChatAsync(gateway, key));
        }

        return calls;
    }

    private static async Task<HttpStatusCode> ChatAsync(GatewayFixture gateway, string key)
    {
        using var client = gateway.CreateClient(key);
        using var answer = await client.PostAsync("chat/completions", GatewayFixture.Chat(), Token);
        await answer.Content.ReadAsByteArrayAsync(Token);
        return answer.StatusCode;
    }

    private static async Task RunAsync(string program, string connectionString, params string[] arguments)
    {
        var parts = new NpgsqlConnectionStringBuilder(connectionString);
        string[] where = [$"--host={parts.Host}", $"--username={parts.Username}", $"--dbname={parts.Database}"];
        var start = new ProcessStartInfo(Path.Combine(PostgresCluster.FindBinaries(), program), [.. where, .. arguments]) { RedirectStandardError = true };
        if (parts.Port != NpgsqlConnection.DefaultPort)
        {
            start.ArgumentList.Add($"--port={parts.Port}");
        }

        start.Environment["PGPASSWORD"] = parts.Password;
        using var process = Process.Start(start)!;
        var errors = await process.StandardError.ReadToEndAsync(Token);
        await process.WaitForExitAsync(Token);
        Assert.True(process.ExitCode == 0, errors);
    }

    private static async Task<long> ChargesAsync(GatewayFixture gateway)
    {
        await using var command = gateway.DataSource.CreateCommand("SELECT count(*) FROM usage");
        return (long)(await command.ExecuteScalarAsync(Token))!;
    }
}
