using System.Globalization;
using OrleansGateway.Tests.Integration.Gateway;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>The database is away for long while many requests end. Nothing in it depends on when things happen: it runs beside other tests.</summary>
public sealed class AbsenceTests
{
    private const int Requests = 2000;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Settlements_WhileTheDatabaseIsAway_TakeNoMoreMemoryAndAllCommitOnce()
    {
        await using var cluster = await PostgresCluster.StartNewAsync();
        await using var gateway = await GatewayFixture.StartAsync(
            null,
            // What is garbage is collected soon: what grows is what is kept.
            static fixture => fixture.Settings["DOTNET_GCgen0size"] = "1000000",
            cluster.ConnectionString);
        var customer = await FaultPlan.CreateCustomerAsync(gateway.Operator, "100");
        using var client = new ChatClient();
        var running = Enumerable.Range(0, Requests)
            .Select(i => Task.Run(() => client.SendAsync(gateway.Url, customer, new ChatPlan(IsStream: i % 2 == 0, Tokens: 40, TokenRate: 1)))).ToList();
        await Load.UntilAsync(() => gateway.Provider.Stats.Running == Requests, "all requests to run at once");

        await cluster.StopAsync("immediate");
        await Load.UntilAsync(() => gateway.Provider.Stats.Running == 0, "the provider to have answered all");
        var lengths = new List<long>();
        for (var part = 0; part < 4; part++)
        {
            await Task.Delay(FaultPlan.Absence / 4, Cancellation);
            lengths.Add(await ResidentAsync(gateway.Process));
        }

        var line = $"{Requests} settlements wait for {FaultPlan.Absence}: {string.Join(", ", lengths.Select(static bytes => $"{bytes >> 20} MiB"))}";
        Console.WriteLine(line);
        // Its first part makes what is needed once.
        Assert.True(lengths[^1] < lengths[1] * 11 / 10, line);

        await cluster.StartAsync();
        var sent = await Task.WhenAll(running);
        await Load.UntilAsync(async _ => await FaultPlan.OpenHoldsAsync(gateway.Operator, [customer]) == 0, "all holds to be settled");
        var after = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.SendAsync(gateway.Url, customer, new ChatPlan(true, 10, 1000))));
        gateway.Process.Signal(GatewayProcess.SigTerm);
        Assert.Equal(0, await gateway.Process.EndAsync());
        await FaultAudit.CheckAsync("PostgreSQL away for long", gateway.DataSource, [.. sent, .. after], [], [Fate.Cut], unansweredMax: 0, isAnyLost: false, providerFails: false);
        await using var charges = gateway.DataSource.CreateCommand("SELECT count(*) FROM ledger WHERE kind = 'charge'");
        Assert.Equal(Requests + 20L, await charges.ExecuteScalarAsync(Cancellation));
    }

    /// <summary>What of a process is in memory, bytes.</summary>
    private static async Task<long> ResidentAsync(GatewayProcess process)
    {
        var status = await File.ReadAllLinesAsync($"/proc/{process.Id}/status", Cancellation);
        var line = status.Single(static line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line["VmRSS:".Length..^"kB".Length], NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture) * 1024;
    }
}
