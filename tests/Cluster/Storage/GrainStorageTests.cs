using Orleans;
using Orleans.Runtime;
using Orleans.Storage;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Storage;

/// <summary>What the grains' storage promises: Microsoft.Orleans.Persistence.AdoNet on the statements of our migrations.</summary>
public sealed class GrainStorageTests(StorageSilo silo) : IClassFixture<StorageSilo>
{
    private const string State = "note";

    private IGrainStorage Storage => silo.Storage;

    [Fact]
    public async Task Read_OfNothing_GivesANewState()
    {
        var read = await ReadAsync("nothing");

        Assert.Equal(("", null, false), (read.State!.Text, read.ETag, read.RecordExists));
    }

    [Fact]
    public async Task Write_ThenRead_GivesTheSame()
    {
        var written = await WriteAsync("written", "Größe 名前");
        Assert.Equal(("1", true), (written.ETag, written.RecordExists));
        written.State = new() { Text = "again" };
        await Storage.WriteStateAsync(State, Id("written"), written);

        var read = await ReadAsync("written");

        Assert.Equal(("again", "2", true), (read.State!.Text, read.ETag, read.RecordExists));
    }

    [Fact]
    public async Task Write_OfAState_StoresJsonThatSqlReads()
    {
        await WriteAsync("readable/key", "Größe 名前");

        Assert.Equal(
            "Größe 名前",
            await silo.ScalarAsync<string>("SELECT state ->> 'text' FROM grain_state WHERE key_text = 'readable/key' AND state_name = 'note'"));
    }

    [Fact]
    public async Task Write_WithAStaleEtag_IsRefusedAndChangesNothing()
    {
        var first = await WriteAsync("stale", "first");
        var stale = await ReadAsync("stale");
        first.State = new() { Text = "second" };
        await Storage.WriteStateAsync(State, Id("stale"), first);

        await Assert.ThrowsAsync<InconsistentStateException>(() => Storage.WriteStateAsync(State, Id("stale"), stale));
        await Assert.ThrowsAsync<InconsistentStateException>(() => Storage.ClearStateAsync(State, Id("stale"), stale));
        await Assert.ThrowsAsync<InconsistentStateException>(() => WriteAsync("stale", "has read nothing"));

        Assert.Equal("second", (await ReadAsync("stale")).State!.Text);
    }

    [Fact]
    public async Task Write_OfWhatIsNotThere_IsRefused()
    {
        var state = new GrainState<Note>(new()) { ETag = "1" };

        await Assert.ThrowsAsync<InconsistentStateException>(() => Storage.WriteStateAsync(State, Id("gone"), state));

        Assert.Null((await ReadAsync("gone")).ETag);
    }

    [Fact]
    public async Task Clear_ThenWrite_GoesOnCounting()
    {
        var state = await WriteAsync("cleared", "before");
        var knowsTheOld = await ReadAsync("cleared");
        await Storage.ClearStateAsync(State, Id("cleared"), state);
        var read = await ReadAsync("cleared");
        Assert.Equal(("", "2", false), (read.State!.Text, read.ETag, read.RecordExists));

        await Assert.ThrowsAsync<InconsistentStateException>(() => WriteAsync("cleared", "has read nothing"));
        await Assert.ThrowsAsync<InconsistentStateException>(() => Storage.WriteStateAsync(State, Id("cleared"), knowsTheOld));
        await Storage.WriteStateAsync(State, Id("cleared"), read);

        Assert.Equal(("3", true), (read.ETag, read.RecordExists));
    }

    [Fact]
    public async Task FirstWrites_Raced_HaveOneWinnerEach()
    {
        const int Races = 500;

        for (var race = 0; race < Races; race++)
        {
            var key = $"race {race}";
            Assert.Equal(1, await WinnersAsync(() => WriteAsync(key, "one"), () => WriteAsync(key, "two")));
        }

        Assert.Equal(Races, await silo.ScalarAsync<long>("SELECT count(*) FROM grain_state WHERE key_text LIKE 'race %'"));
    }

    [Fact]
    public async Task LaterWrites_Raced_HaveOneWinnerEach()
    {
        await WriteAsync("later", "");
        for (var version = 1; version <= 200; version++)
        {
            var states = await Task.WhenAll(ReadAsync("later"), ReadAsync("later"));
            Assert.Equal(1, await WinnersAsync(
                () => Storage.WriteStateAsync(State, Id("later"), states[0]), () => Storage.WriteStateAsync(State, Id("later"), states[1])));
        }

        Assert.Equal("201", (await ReadAsync("later")).ETag);
    }

    [Fact]
    public async Task Keys_OfAnyForm_HaveStatesOfTheirOwn()
    {
        string[] keys =
        [
            "plain", "Plain", "0123456789abcdef0123456789abcdef", "0123456789ABCDEF0123456789abcdef", "0123456789abcdef0123456789abcdef+x",
            "0123456789abcdef0123456789abcdeF+x", "01234567-89ab-cdef-0123-456789abcdef", "1f", "1F", "01f", "=1f", "==1f", "1f+x", "1F+x", "1f+X",
            "x", "=x", "+", "+x", "ffffffffffffffff", "FFFFFFFFFFFFFFFF", "fffffffffffffffff", "00000000000000001", "abcdefABCDEF", "ABCDEFabcdef",
            "a/b c", " ", "Größe-名前-😀", "'; DROP TABLE grain_state; --", new('k', 2000),
        ];
        foreach (var key in keys)
        {
            await Storage.WriteStateAsync("forms", Id(key), new GrainState<Note>(new() { Text = key }));
        }

        foreach (var key in keys)
        {
            var read = new GrainState<Note>();
            await Storage.ReadStateAsync("forms", Id(key), read);
            Assert.Equal((key, "1"), (read.State!.Text, read.ETag));
        }
    }

    [Fact]
    public async Task States_OfOneKey_AreEachTheirOwn()
    {
        await WriteAsync("two", "note");
        await Storage.WriteStateAsync("other", Id("two"), new GrainState<Note>(new() { Text = "other" }));

        Assert.Equal("note", (await ReadAsync("two")).State!.Text);
    }

    [Fact]
    public async Task Grain_WhoseStateAnotherWrote_EndsAndReadsIt()
    {
        var grain = silo.Grains.GetGrain<INoteGrain>("grain/ü");
        await grain.WriteAsync("first");
        var state = new GrainState<Note>();
        await Storage.ReadStateAsync("grain_note", Id("grain/ü"), state);
        state.State = new() { Text = "another's" };
        await Storage.WriteStateAsync("grain_note", Id("grain/ü"), state);

        await Assert.ThrowsAsync<InconsistentStateException>(() => grain.WriteAsync("stale"));

        Assert.Equal("another's", await grain.GetAsync());
        await grain.WriteAsync("again");
        await grain.EndAsync();
        Assert.Equal("again", await grain.GetAsync());
    }

    private static GrainId Id(string key) => GrainId.Create(GrainType.Create("note"), IdSpan.Create(key));

    private async Task<GrainState<Note>> WriteAsync(string key, string text)
    {
        var state = new GrainState<Note>(new() { Text = text });
        await Storage.WriteStateAsync(State, Id(key), state);
        return state;
    }

    private async Task<GrainState<Note>> ReadAsync(string key)
    {
        var state = new GrainState<Note>();
        await Storage.ReadStateAsync(State, Id(key), state);
        return state;
    }

    /// <summary>All at once; how many were not refused.</summary>
    private static async Task<int> WinnersAsync(params Func<Task>[] writes)
    {
        var won = await Task.WhenAll(writes.Select(writeAsync => Task.Run(async () =>
        {
            try
            {
                await writeAsync();
                return 1;
            }
            catch (InconsistentStateException)
            {
                return 0;
            }
        })));
        return won.Sum();
    }
}
