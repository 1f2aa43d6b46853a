using Orleans;
using Orleans.Runtime;
using OrleansGateway.Silo.Upkeep;
using OrleansGateway.Tests.Programs.Faults;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Storage;

/// <summary>The ledger's upkeep by its grain: at once, and at each reminder.</summary>
public sealed class UpkeepTests(StorageSilo silo) : IClassFixture<StorageSilo>
{
    private const string Partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'usage'::regclass AND inhrelid <> 'usage_default'::regclass";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Reminder_AfterTheRunOfTheStart_RunsAgain()
    {
        var grain = silo.Grains.GetGrain<IUpkeepGrain>(IUpkeepGrain.Key);
        await grain.StartAsync();
        await Load.UntilAsync(_ => AreThereAsync(), "the first run to make the partitions");
        Assert.NotNull(await silo.Reminders.ReadRow(grain.GetGrainId(), "hourly", Token));
        var last = await silo.ScalarAsync<string>("SELECT max(relname)::text FROM pg_class WHERE relkind = 'r' AND relname ~ '^usage_\\d{8}$'");
        await using (var drop = silo.DataSource.CreateCommand($"DROP TABLE {last}"))
        {
            await drop.ExecuteNonQueryAsync(Token);
        }

        // One that comes while the first run goes on is left out.
        await Load.UntilAsync(
            async _ =>
            {
                await grain.AsReference<IRemindable>().ReceiveReminder("hourly", new TickStatus(), Token);
                return await AreThereAsync();
            },
            "the reminder's run to make the partition again");
    }

    private async Task<bool> AreThereAsync() => await silo.ScalarAsync<long>(Partitions) >= 3;
}
