using Orleans;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

public sealed class GrainStorageTests(LedgerDatabase database) : IClassFixture<LedgerDatabase>
{
    private readonly PostgresGrainStorage _storage = new(database.DataSource, new StateSerializer());

    [Fact]
    public async Task Read_OfNothing_GivesANewState()
    {
        var read = await ReadAsync("nothing");

        Assert.Equal(("", null, false), (read.State!.Name, read.ETag, read.RecordExists));
    }

    [Fact]
    public async Task Write_ThenRead_GivesTheSame()
    {
        var written = await WriteAsync("written", "Größe 名前");
        Assert.Equal(("1", true), (written.ETag, written.RecordExists));
        written.State = new() { Name = "again", Count = 2 };
        await _storage.WriteStateAsync("test", Id("written"), written);

        var read = await ReadAsync("written");

        Assert.Equal(written.State, read.State);
        Assert.Equal(("2", true), (read.ETag, read.RecordExists));
    }

    [Fact]
    public async Task Write_OfAState_StoresJsonThatSqlReads()
    {
        await WriteAsync("readable/key", "Größe 名前");

        Assert.Equal(
            """{"name":"Größe 名前","count":1}""",
            await database.ScalarAsync<string>("SELECT state::text FROM grain_state WHERE key_text = 'readable/key'"));
        Assert.Equal(
            "Größe 名前",
            await database.ScalarAsync<string>(
                "SELECT state ->> 'name' FROM grain_state WHERE key_text = 'readable/key' AND state_name = 'test'"));
    }

    [Fact]
    public async Task Write_WithAStaleEtag_IsRefusedAndChangesNothing()
    {
        var first = await WriteAsync("stale", "first");
        var stale = await ReadAsync("stale");
        first.State = new() { Name = "second" };
        await _storage.WriteStateAsync("test", Id("stale"), first);

        stale.State = new() { Name = "stale" };
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync("test", Id("stale"), stale));
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.ClearStateAsync("test", Id("stale"), stale));

        Assert.Equal(("stale", "1"), (stale.State.Name, stale.ETag));
        Assert.Equal("second", (await ReadAsync("stale")).State!.Name);
    }

    [Fact]
    public async Task Write_OfWhatIsNotThere_IsRefused()
    {
        var state = new GrainState<Named>(new()) { ETag = "1" };

        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync("test", Id("gone"), state));

        Assert.Null((await ReadAsync("gone")).ETag);
    }

    [Fact]
    public async Task Clear_ThenWrite_GoesOnCounting()
    {
        var state = await WriteAsync("cleared", "before");
        var knowsTheOld = await ReadAsync("cleared");
        await _storage.ClearStateAsync("test", Id("cleared"), state);
        Assert.Equal(("", "2", false), (state.State!.Name, state.ETag, state.RecordExists));
        var read = await ReadAsync("cleared");
        Assert.Equal(("", "2", false), (read.State!.Name, read.ETag, read.RecordExists));

        await Assert.ThrowsAsync<InconsistentStateException>(() => WriteAsync("cleared", "has read nothing"));
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync("test", Id("cleared"), knowsTheOld));
        await _storage.WriteStateAsync("test", Id("cleared"), read);

        Assert.Equal(("3", true), (read.ETag, read.RecordExists));
    }

    [Fact]
    public async Task Clear_OfWhatWasNotRead_ClearsWhatIsThere()
    {
        await WriteAsync("unread", "there");
        var state = new GrainState<Named>(new());

        await _storage.ClearStateAsync("test", Id("unread"), state);

        Assert.Equal("2", state.ETag);
        Assert.False((await ReadAsync("unread")).RecordExists);
    }

    [Fact]
    public async Task FirstWrites_Raced_HaveOneWinnerEach()
    {
        const int Keys = 500;

        for (var key = 0; key < Keys; key++)
        {
            Assert.Equal(1, await WinnersAsync(writer => WriteAsync($"first {key}", $"{writer}")));
        }

        Assert.Equal(Keys, await database.ScalarAsync<long>("SELECT count(*) FROM grain_state WHERE key_text LIKE 'first %'"));
    }

    [Fact]
    public async Task LaterWrites_Raced_HaveOneWinnerEach()
    {
        await WriteAsync("later", "");
        for (var version = 1; version <= 200; version++)
        {
            var states = await Task.WhenAll(ReadAsync("later"), ReadAsync("later"));
            Assert.Equal(1, await WinnersAsync(writer => _storage.WriteStateAsync("test", Id("later"), states[writer])));
        }

        Assert.Equal("201", (await ReadAsync("later")).ETag);
    }

    [Fact]
    public async Task Keys_OfAnyForm_HaveStatesOfTheirOwn()
    {
        string[] keys =
        [
            "plain", "Plain", "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef+x", "1f", "1f+x", "x", "+", "+x",
            "ffffffffffffffff", "fffffffffffffffff", "a/b c", " ", "Größe-名前-😀", "'; DROP TABLE grain_state; --", new('k', 2000),
        ];
        foreach (var key in keys)
        {
            await _storage.WriteStateAsync("forms", Id(key), new GrainState<Named>(new() { Name = key }));
        }

        foreach (var key in keys)
        {
            var read = new GrainState<Named>();
            await _storage.ReadStateAsync("forms", Id(key), read);
            Assert.Equal(key, read.State!.Name);
        }
    }

    [Fact]
    public async Task States_OfOneKey_AreEachTheirOwn()
    {
        await WriteAsync("two", "test");
        await _storage.WriteStateAsync("other", Id("two"), new GrainState<Named>(new() { Name = "other" }));

        Assert.Equal("test", (await ReadAsync("two")).State!.Name);
    }

    private static GrainId Id(string key) => new(GrainType.Create("any"), IdSpan.Create(key));

    /// <summary>Two at once; how many were not refused.</summary>
    private static async Task<int> WinnersAsync(Func<int, Task> writeAsync)
    {
        var refused = await Task.WhenAll(Enumerable.Range(0, 2).Select(writer => Task.Run(async () =>
        {
            try
            {
                await writeAsync(writer);
                return 1;
            }
            catch (InconsistentStateException)
            {
                return 0;
            }
        })));
        return refused.Sum();
    }

    private async Task<GrainState<Named>> WriteAsync(string key, string name)
    {
        var state = new GrainState<Named>(new() { Name = name, Count = 1 });
        await _storage.WriteStateAsync("test", Id(key), state);
        return state;
    }

    private async Task<GrainState<Named>> ReadAsync(string key)
    {
        var state = new GrainState<Named>();
        await _storage.ReadStateAsync("test", Id(key), state);
        return state;
    }

    private sealed record Named
    {
        public string Name { get; init; } = "";

        public int Count { get; init; }
    }
}
