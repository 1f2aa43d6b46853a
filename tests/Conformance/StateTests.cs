using Orleans.Runtime;
using Orleans.Storage;
using OrleansGateway.Tests.Conformance.Grains;
using Xunit;

namespace OrleansGateway.Tests.Conformance;

public sealed class StateTests : ConformanceTests
{
    private TestStorage Storage => Host.Storage;

    [Fact]
    public async Task State_NeverWritten_IsANewOne()
    {
        var view = await Grain<IStateGrain>().GetAsync();

        Assert.Equal(0, view.Value);
        Assert.Null(view.Etag);
        Assert.False(view.RecordExists);
        Assert.Equal(["constructed: True, not read", "activated: 0, False"], Probe.Notes);
        Assert.Equal(["read counter state/a"], Storage.Log);
    }

    [Fact]
    public async Task State_Written_IsThereWhenTheNextActivationBegins()
    {
        var grain = Grain<IStateGrain>();
        var written = await grain.WriteAsync(7);
        await grain.EndAsync();

        var view = await grain.GetAsync();

        Assert.Equal(7, view.Value);
        Assert.Equal(written.Etag, view.Etag);
        Assert.True(view.RecordExists);
        Assert.Equal("activated: 7, True", Probe.Notes[^1]);
    }

    [Fact]
    public async Task State_OnlySet_IsForgotten()
    {
        var grain = Grain<IStateGrain>();
        await grain.SetAsync(7);
        Assert.Equal(7, (await grain.GetAsync()).Value);
        await grain.EndAsync();

        Assert.Equal(0, (await grain.GetAsync()).Value);
    }

    [Fact]
    public async Task Etag_AfterEachWrite_IsAnother()
    {
        var grain = Grain<IStateGrain>();

        var first = await grain.WriteAsync(1);
        var second = await grain.WriteAsync(2);

        Assert.True(first.RecordExists);
        Assert.Equal(("1", "2"), (first.Etag, second.Etag));
    }

    [Fact]
    public async Task Read_AfterAnotherWrote_SeesIt()
    {
        var grain = Grain<IStateGrain>();
        await grain.WriteAsync(1);
        Storage.Put("counter", "a", new Counter { Value = 9 });
        Assert.Equal(1, (await grain.GetAsync()).Value);

        var view = await grain.ReadAsync();

        Assert.Equal((9, "2"), (view.Value, view.Etag));
    }

    [Fact]
    public async Task Write_AfterAnotherWrote_EndsTheActivationAndTheNextReadsWhatIsTrue()
    {
        var grain = Grain<IStateGrain>();
        await grain.WriteAsync(1);
        var before = await grain.GetInstanceAsync();
        Storage.Put("counter", "a", new Counter { Value = 9 });

        await Assert.ThrowsAsync<InconsistentStateException>(() => grain.WriteAsync(2));

        Assert.Equal(9, (await grain.GetAsync()).Value);
        Assert.NotEqual(before, await grain.GetInstanceAsync());
        Assert.Equal(1, Probe.Count("deactivated: ApplicationError"));
        Assert.Equal("3", (await grain.WriteAsync(2)).Etag);
    }

    [Fact]
    public async Task Write_OfTheFirstStateAfterAnotherWrote_IsRefused()
    {
        var grain = Grain<IStateGrain>();
        await grain.GetAsync();
        Storage.Put("counter", "a", new Counter { Value = 9 });

        await Assert.ThrowsAsync<InconsistentStateException>(() => grain.WriteAsync(2));

        Assert.Equal(9, (await grain.GetAsync()).Value);
    }

    [Fact]
    public async Task Clear_AfterAnotherWrote_EndsTheActivation()
    {
        var grain = Grain<IStateGrain>();
        await grain.WriteAsync(1);
        Storage.Put("counter", "a", new Counter { Value = 9 });

        await Assert.ThrowsAsync<InconsistentStateException>(() => grain.ClearAsync());

        Assert.Equal(9, (await grain.GetAsync()).Value);
        Assert.Equal(1, Probe.Count("deactivated: ApplicationError"));
    }

    [Fact]
    public async Task InconsistentState_HandledByTheGrain_LeavesTheActivation()
    {
        var grain = Grain<IStateGrain>();
        var before = await grain.GetInstanceAsync();
        Storage.Put("counter", "a", new Counter { Value = 9 });

        var view = await grain.WriteWithRetryAsync(2);

        Assert.Equal((2, "2"), (view.Value, view.Etag));
        Assert.Equal(before, await grain.GetInstanceAsync());
    }

    [Fact]
    public async Task InconsistentState_OfAnotherGrain_LeavesTheCallersActivation()
    {
        var caller = Grain<IStateGrain>("caller");
        var before = await caller.GetInstanceAsync();
        await Grain<IStateGrain>("other").GetAsync();
        Storage.Put("counter", "other", new Counter { Value = 9 });

        await Assert.ThrowsAsync<InconsistentStateException>(() => caller.WriteOtherAsync("other", 2));
        await Probe.NotedAsync("deactivated: ApplicationError");

        Assert.Equal(before, await caller.GetInstanceAsync());
        Assert.Equal(9, (await Grain<IStateGrain>("other").GetAsync()).Value);
        Assert.Equal(1, Probe.Count("deactivated: ApplicationError"));
    }

    [Fact]
    public async Task InconsistentState_OfATimer_EndsTheActivation()
    {
        var grain = Grain<IStateGrain>();
        await grain.WriteAsync(1);
        Storage.Put("counter", "a", new Counter { Value = 9 });

        await grain.WriteByTimerAsync();
        Time.Advance(TimeSpan.FromSeconds(1));
        await Probe.NotedAsync("deactivated: ApplicationError");

        Assert.Equal(9, (await grain.GetAsync()).Value);
    }

    [Fact]
    public async Task Read_ThatFails_FailsTheActivationAndALaterOneReads()
    {
        var grain = Grain<IStateGrain>();
        Storage.Put("counter", "a", new Counter { Value = 9 });
        Storage.Failure = new ProbeException("storage");

        var failure = await Assert.ThrowsAsync<OrleansException>(() => grain.GetAsync());

        Assert.Equal("storage", Assert.IsType<ProbeException>(failure.InnerException).Message);
        Assert.Equal(0, Probe.Count("activated: 0, False"));
        Storage.Failure = null;
        Assert.Equal(9, (await grain.GetAsync()).Value);
    }

    [Fact]
    public async Task Write_ThatFails_LeavesWhatIsInMemoryAndTheActivation()
    {
        var grain = Grain<IStateGrain>();
        await grain.WriteAsync(1);
        var before = await grain.GetInstanceAsync();
        Storage.Failure = new ProbeException("storage");

        var failure = await Assert.ThrowsAsync<OrleansException>(() => grain.WriteAsync(2));

        Assert.IsType<ProbeException>(failure.InnerException);
        var view = await grain.GetAsync();
        Assert.Equal((2, "1", true), (view.Value, view.Etag, view.RecordExists));
        Assert.Equal(before, await grain.GetInstanceAsync());
        Storage.Failure = null;
        Assert.Equal("2", (await grain.WriteAsync(2)).Etag);
    }

    [Fact]
    public async Task Write_ThatFailsWithAnExceptionOfTheEngine_IsNotWrapped()
    {
        var grain = Grain<IStateGrain>();
        await grain.GetAsync();
        Storage.Failure = new OrleansException("storage");

        var failure = await Assert.ThrowsAsync<OrleansException>(() => grain.WriteAsync(2));

        Assert.Equal("storage", failure.Message);
    }

    [Fact]
    public async Task Write_Cancelled_IsCancelled()
    {
        var grain = Grain<IStateGrain>();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => grain.WriteCancelledAsync());

        Assert.False((await grain.GetAsync()).RecordExists);
    }

    [Fact]
    public async Task Clear_OfWhatWasWritten_LeavesANewState()
    {
        var grain = Grain<IStateGrain>();
        await grain.WriteAsync(1);

        var view = await grain.ClearAsync();

        Assert.Equal((0, null, false), (view.Value, view.Etag, view.RecordExists));
        Assert.False(Storage.Has("counter", "a"));
        Assert.True((await grain.WriteAsync(2)).RecordExists);
    }

    [Fact]
    public async Task Clear_ThatFails_LeavesWhatIsInMemory()
    {
        var grain = Grain<IStateGrain>();
        await grain.WriteAsync(1);
        Storage.Failure = new ProbeException("storage");

        await Assert.ThrowsAsync<OrleansException>(() => grain.ClearAsync());

        var view = await grain.GetAsync();
        Assert.Equal((1, "1", true), (view.Value, view.Etag, view.RecordExists));
    }

    [Fact]
    public async Task Writes_OfOneTurn_AreOneAndTheReadAfterThemNone()
    {
        var grain = Grain<IStateGrain>();

        await grain.WriteOftenAsync(3);

        Assert.Equal(["read counter state/a", "write counter state/a"], Storage.Log);
        Assert.Equal("1", (await grain.GetAsync()).Etag);
    }

    [Fact]
    public async Task State_OutsideTheGrainsTurns_IsRefused() =>
        await Assert.ThrowsAsync<InvalidOperationException>(() => Grain<IStateGrain>().GetFromElsewhereAsync());

    [Fact]
    public async Task States_OfOneGrain_AreEachTheirOwn()
    {
        var grain = Grain<ITwoStatesGrain>();
        await grain.WriteAsync([1, 2, 3]);
        await grain.EndAsync();

        var values = await grain.GetAsync();
        Assert.Equal([1, 2, 3], values);
        Assert.Contains("write second two-of-them/a", Storage.Log);
        Assert.Contains("write elsewhere two-of-them/a", Host.OtherStorage.Log);
        Assert.False(Storage.Has("elsewhere", "a"));
    }

    [Fact]
    public async Task Storage_ThatIsNotThere_FailsTheConstruction()
    {
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => Grain<IHomelessGrain>().GetAsync());

        Assert.IsType<BadProviderConfigException>(failure.GetBaseException());
    }

    [Theory]
    [InlineData("k")]
    [InlineData("00000000000000000000000000000001")]
    [InlineData("1f")]
    [InlineData("a/b+c|d\\e?f#g%20")]
    [InlineData(" leading and trailing ")]
    [InlineData("счёт-账户-😀-é")]
    public async Task Key_OfAnyForm_HasItsState(string key)
    {
        var grain = Grain<IStateGrain>(key);
        await grain.WriteAsync(1);
        await Grain<IStateGrain>(key + "0").WriteAsync(2);
        await grain.EndAsync();

        Assert.Equal(1, (await grain.GetAsync()).Value);
        Assert.True(Storage.Has("counter", key));
    }
}
