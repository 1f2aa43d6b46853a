using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

public sealed class ServerCrashTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("immediate")]
    [InlineData("fast")]
    public async Task Commit_ServerStopsAndReturns_KeepsWhatWasCommittedAndAppliesTheRestOnce(string mode)
    {
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable("ConnectionStrings__Ledger") is null, "Stops a server, which must be our own.");
        await using var cluster = await PostgresCluster.StartNewAsync();
        await using var dataSource = LedgerDataSource.Create(cluster.ConnectionString);
        await LedgerMigrator.ApplyAsync(dataSource, Token);
        var ledger = new PostgresLedger(dataSource, dataSource, TimeProvider.System);
        var account = await TestAccount.CreateAsync(ledger);
        await account.ApplyAsync(ledger, account.Settle("before", 10));

        await cluster.StopAsync(mode);
        var during = account.Settle("during", 10);
        await Assert.ThrowsAsync<LedgerLostException>(() => ledger.CommitAsync([during], Token));
        await cluster.StartAsync();

        await account.ApplyAsync(ledger, during);
        var found = await ledger.FindEntriesAsync(
            account.Id, [new(EntryKind.Charge, "before"), new(EntryKind.Charge, "during")], Token);
        Assert.Equal([2, 3], found.Select(entry => entry.Seq));
    }
}
