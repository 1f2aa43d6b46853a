using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Storage;

/// <summary>What the reminders' table promises: Microsoft.Orleans.Reminders.AdoNet on the statements of our migrations.</summary>
public sealed class ReminderTests(StorageSilo silo) : IClassFixture<StorageSilo>
{
    private static readonly DateTime Start = new(2026, 3, 29, 1, 30, 0, 123, DateTimeKind.Utc);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private IReminderTable Table => silo.Reminders;

    [Fact]
    public async Task Upsert_ThenRead_GivesTheSame()
    {
        var etag = await Table.UpsertRow(Entry("read", "daily"), Token);

        var row = await Table.ReadRow(Id("read"), "daily", Token);

        Assert.Equal((Id("read"), "daily", Start, TimeSpan.FromDays(90), etag), (row!.GrainId, row.ReminderName, row.StartAt, row.Period, row.ETag));
        Assert.Null(await Table.ReadRow(Id("read"), "weekly", Token));
    }

    [Fact]
    public async Task Rows_OfGrainsThatDifferInCase_AreEachTheirOwn()
    {
        await Table.UpsertRow(Entry("1f", "daily"), Token);
        await Table.UpsertRow(Entry("1F", "daily"), Token);
        await Table.UpsertRow(Entry("1F", "Daily"), Token);

        Assert.Single((await Table.ReadRows(Id("1f"), Token)).Reminders);
        Assert.Equal(2, (await Table.ReadRows(Id("1F"), Token)).Reminders.Count);
    }

    [Fact]
    public async Task Ranges_OfTheRing_HaveEachRowOnce()
    {
        for (var grain = 0; grain < 50; grain++)
        {
            await Table.UpsertRow(Entry($"ring {grain}", "daily"), Token);
        }

        uint[] cuts = [0, 0x4000_0000, 0x8000_0000, 0xC000_0000, 0];
        var found = new List<GrainId>();
        for (var i = 0; i + 1 < cuts.Length; i++)
        {
            found.AddRange((await Table.ReadRows(cuts[i], cuts[i + 1], Token)).Reminders.Select(row => row.GrainId));
        }

        var ours = found.Where(id => id.Key.ToString()!.StartsWith("ring ", StringComparison.Ordinal)).ToList();
        Assert.Equal(50, ours.Count);
        Assert.Equal(50, ours.Distinct().Count());
    }

    [Fact]
    public async Task Remove_ByTheVersionBeforeARemoval_LeavesTheNewRow()
    {
        var old = await Table.UpsertRow(Entry("again", "daily"), Token);
        Assert.True(await Table.RemoveRow(Id("again"), "daily", old!, Token));
        await Table.UpsertRow(Entry("again", "daily"), Token);

        Assert.False(await Table.RemoveRow(Id("again"), "daily", old!, Token));

        Assert.NotNull(await Table.ReadRow(Id("again"), "daily", Token));
    }

    [Fact]
    public async Task Remove_ByTheVersionBeforeAChange_LeavesTheRow()
    {
        var old = await Table.UpsertRow(Entry("changed", "daily"), Token);
        var current = await Table.UpsertRow(Entry("changed", "daily"), Token);

        Assert.False(await Table.RemoveRow(Id("changed"), "daily", old!, Token));
        Assert.True(await Table.RemoveRow(Id("changed"), "daily", current!, Token));
    }

    [Fact]
    public async Task Upserts_AtOnce_LeaveOneRowWithTheLastVersion()
    {
        var etags = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => Table.UpsertRow(Entry("raced", "daily"), Token))));

        Assert.Equal(20, etags.Distinct().Count());
        Assert.Contains((await Table.ReadRow(Id("raced"), "daily", Token))!.ETag, etags);
    }

    [Fact]
    public async Task Reminder_OfAGrain_Ticks()
    {
        var grain = silo.Grains.GetGrain<IAlarmGrain>("alarm");

        await grain.SetAsync();

        Assert.Equal("soon", await grain.RangAsync());
    }

    private static GrainId Id(string key) => GrainId.Create(GrainType.Create("alarm"), IdSpan.Create(key));

    private static ReminderEntry Entry(string key, string name) =>
        new() { GrainId = Id(key), ReminderName = name, StartAt = Start, Period = TimeSpan.FromDays(90) };
}

public interface IAlarmGrain : IGrainWithStringKey
{
    Task SetAsync();

    /// <summary>The reminder that has ticked, once one has.</summary>
    [AlwaysInterleave]
    Task<string> RangAsync();
}

public sealed class AlarmGrain : Grain, IAlarmGrain, IRemindable
{
    private readonly TaskCompletionSource<string> _rang = new();

    public Task SetAsync() => this.RegisterOrUpdateReminder("soon", TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));

    public Task<string> RangAsync() => _rang.Task;

    public Task ReceiveReminder(string reminderName, TickStatus status)
    {
        _rang.TrySetResult(reminderName);
        return Task.CompletedTask;
    }
}
