using Orleans;
using Orleans.Runtime;
using Orleans.Storage;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Storage;

/// <summary>An installation changes engine without moving data: both storages work on the same rows by the same rules.</summary>
public sealed class AdoNetStorageTests(AdoNetSilo silo) : IClassFixture<AdoNetSilo>
{
    private const string State = "note";

    public static TheoryData<string> Keys =>
    [
        "plain", "0123456789abcdef0123456789abcdef", "fedcba98-7654-3210-fedc-ba9876543210", "1f", "ffffffffffffffff", "00000000000000001",
        "fffffffffffffffff", "1f+more", "0123456789abcdef0123456789abcdef+more", "+", "with/slash", "Größe-名前-😀", " spaces ",
    ];

    private IGrainStorage AdoNet => silo.AdoNet;

    private IGrainStorage Embedded => silo.Embedded;

    [Theory]
    [MemberData(nameof(Keys))]
    public async Task State_OfEitherEngine_IsTheOthers(string key)
    {
        await WriteAsync(AdoNet, key, "1: AdoNet");

        var embedded = await ReadAsync(Embedded, key);
        Assert.Equal(("1: AdoNet", "1", true), (embedded.State!.Text, embedded.ETag, embedded.RecordExists));
        embedded.State = new() { Text = "2: embedded" };
        await Embedded.WriteStateAsync(State, Id(key), embedded);

        var adoNet = await ReadAsync(AdoNet, key);
        Assert.Equal(("2: embedded", "2", true), (adoNet.State!.Text, adoNet.ETag, adoNet.RecordExists));
        adoNet.State = new() { Text = "3: AdoNet" };
        await AdoNet.WriteStateAsync(State, Id(key), adoNet);

        Assert.Equal("3: AdoNet", (await ReadAsync(Embedded, key)).State!.Text);
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public async Task FirstState_OfTheEmbeddedEngine_IsOrleans(string key)
    {
        key += "0";
        await WriteAsync(Embedded, key, "embedded");

        var read = await ReadAsync(AdoNet, key);

        Assert.Equal(("embedded", "1", true), (read.State!.Text, read.ETag, read.RecordExists));
    }

    [Fact]
    public async Task Read_OfNothing_IsTheSame()
    {
        var (adoNet, embedded) = (await ReadAsync(AdoNet, "nothing"), await ReadAsync(Embedded, "nothing"));

        Assert.Equal(("", null, false), (adoNet.State!.Text, adoNet.ETag, adoNet.RecordExists));
        Assert.Equal(("", null, false), (embedded.State!.Text, embedded.ETag, embedded.RecordExists));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Write_WithAnEtagThatTheOtherMadeStale_IsRefused(bool adoNetIsLate)
    {
        var key = $"stale {adoNetIsLate}";
        var (early, late) = adoNetIsLate ? (Embedded, AdoNet) : (AdoNet, Embedded);
        var first = await WriteAsync(early, key, "first");
        var stale = await ReadAsync(late, key);
        first.State = new() { Text = "second" };
        await early.WriteStateAsync(State, Id(key), first);

        await Assert.ThrowsAsync<InconsistentStateException>(() => late.WriteStateAsync(State, Id(key), stale));
        await Assert.ThrowsAsync<InconsistentStateException>(() => late.ClearStateAsync(State, Id(key), stale));
        await Assert.ThrowsAsync<InconsistentStateException>(() => WriteAsync(late, key, "has read nothing"));

        Assert.Equal("second", (await ReadAsync(late, key)).State!.Text);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Clear_OfEitherEngine_IsTheOthers(bool adoNetClears)
    {
        var key = $"clear {adoNetClears}";
        var (clears, other) = adoNetClears ? (AdoNet, Embedded) : (Embedded, AdoNet);
        var state = await WriteAsync(other, key, "written");
        await clears.ClearStateAsync(State, Id(key), await ReadAsync(clears, key));

        await Assert.ThrowsAsync<InconsistentStateException>(() => other.WriteStateAsync(State, Id(key), state));
        var cleared = await ReadAsync(other, key);
        Assert.Equal(("", "2", false), (cleared.State!.Text, cleared.ETag, cleared.RecordExists));
        await other.WriteStateAsync(State, Id(key), cleared);

        Assert.Equal("3", (await ReadAsync(clears, key)).ETag);
    }

    [Fact]
    public async Task FirstWrites_RacedThroughAdoNet_HaveOneWinnerEach()
    {
        const int Races = 2000;

        for (var race = 0; race < Races; race++)
        {
            var key = $"race {race}";
            Assert.Equal(1, await WinnersAsync(() => WriteAsync(AdoNet, key, "one"), () => WriteAsync(AdoNet, key, "two")));
        }

        Assert.Equal(Races, await CountAsync("race %"));
    }

    [Fact]
    public async Task FirstWrites_RacedBetweenTheEngines_HaveOneWinnerEach()
    {
        const int Races = 500;

        for (var race = 0; race < Races; race++)
        {
            var key = $"mixed {race}";
            Assert.Equal(1, await WinnersAsync(() => WriteAsync(AdoNet, key, "one"), () => WriteAsync(Embedded, key, "two")));
        }

        Assert.Equal(Races, await CountAsync("mixed %"));
    }

    [Fact]
    public async Task Grain_WhoseStateTheOtherEngineWrote_EndsAndReadsIt()
    {
        var grain = silo.Grains.GetGrain<INoteGrain>("grain/ü");
        await grain.WriteAsync("Orleans");
        var state = new GrainState<Note>();
        await Embedded.ReadStateAsync("grain_note", Id("grain/ü"), state);
        Assert.Equal("Orleans", state.State!.Text);
        state.State = new() { Text = "embedded" };
        await Embedded.WriteStateAsync("grain_note", Id("grain/ü"), state);

        await Assert.ThrowsAsync<InconsistentStateException>(() => grain.WriteAsync("stale"));

        Assert.Equal("embedded", await grain.GetAsync());
        await grain.WriteAsync("Orleans again");
        await grain.EndAsync();
        Assert.Equal("Orleans again", await grain.GetAsync());
    }

    private static GrainId Id(string key) => GrainId.Create(GrainType.Create("note"), IdSpan.Create(key));

    private static async Task<GrainState<Note>> WriteAsync(IGrainStorage storage, string key, string text)
    {
        var state = new GrainState<Note>(new() { Text = text });
        await storage.WriteStateAsync(State, Id(key), state);
        return state;
    }

    private static async Task<GrainState<Note>> ReadAsync(IGrainStorage storage, string key)
    {
        var state = new GrainState<Note>();
        await storage.ReadStateAsync(State, Id(key), state);
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

    private async Task<long> CountAsync(string keys)
    {
        await using var command = silo.DataSource.CreateCommand($"SELECT count(*) FROM grain_state WHERE key_text LIKE '{keys}'");
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
