using Orleans.Storage;
using OrleansGateway.Tests.Conformance.Grains;
using Xunit;

namespace OrleansGateway.Tests.Conformance;

public abstract class StateTests(GrainHost host) : ConformanceTests(host)
{
    private TestStorage Storage => Host.Storage;

    [Fact]
    public async Task State_NeverWritten_IsANewOne()
    {
        Assert.Equal(new StateView(0, null, false), await Grain<IStateGrain>().GetAsync());
        Assert.Equal(["activated: 0, False"], Probe.Notes);
    }

    [Fact]
    public async Task State_Written_IsThereWhenTheNextActivationBegins()
    {
        var grain = Grain<IStateGrain>();
        var written = await grain.WriteAsync(7);
        await grain.EndAsync();

        Assert.Equal(written, await grain.GetAsync());
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

        Assert.Equal(new StateView(1, "1", true), await grain.WriteAsync(1));
        Assert.Equal(new StateView(2, "2", true), await grain.WriteAsync(2));
    }

    [Fact]
    public async Task Read_AfterAnotherWrote_SeesIt()
    {
        var grain = Grain<IStateGrain>();
        await grain.WriteAsync(1);
        Storage.Put("counter", "a", new Counter { Value = 9 });
        Assert.Equal(1, (await grain.GetAsync()).Value);

        Assert.Equal(new StateView(9, "2", true), await grain.ReadAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Write_AfterAnotherWrote_IsRefused(bool isFirst)
    {
        var grain = Grain<IStateGrain>();
        await (isFirst ? grain.GetAsync() : grain.WriteAsync(1));
        Storage.Put("counter", "a", new Counter { Value = 9 });

        await Assert.ThrowsAsync<InconsistentStateException>(() => grain.WriteAsync(2));

        Assert.Equal(9, (await grain.ReadAsync()).Value);
    }

    [Fact]
    public async Task Write_RefusedAndTriedOnWhatIsTrue_Writes()
    {
        var grain = Grain<IStateGrain>();
        await grain.GetAsync();
        Storage.Put("counter", "a", new Counter { Value = 9 });

        Assert.Equal(new StateView(2, "2", true), await grain.WriteWithRetryAsync(2));
        Assert.Single(Probe.Notes);
    }

    [Fact]
    public async Task Read_ThatFails_FailsTheActivationAndALaterOneReads()
    {
        var grain = Grain<IStateGrain>();
        Storage.Put("counter", "a", new Counter { Value = 9 });
        Storage.Failure = new ProbeException("storage");

        var failure = await Assert.ThrowsAnyAsync<Exception>(() => grain.GetAsync());

        Assert.IsType<ProbeException>(failure.GetBaseException());
        Assert.Empty(Probe.Notes);
        Storage.Failure = null;
        Assert.Equal(9, (await grain.GetAsync()).Value);
    }

    [Fact]
    public async Task Write_ThatFails_LeavesWhatIsInMemoryAndTheActivation()
    {
        var grain = Grain<IStateGrain>();
        await grain.WriteAsync(1);
        Storage.Failure = new ProbeException("storage");

        var failure = await Assert.ThrowsAnyAsync<Exception>(() => grain.WriteAsync(2));

        Assert.IsType<ProbeException>(failure.GetBaseException());
        Assert.Equal(new StateView(2, "1", true), await grain.GetAsync());
        Storage.Failure = null;
        Assert.Equal("2", (await grain.WriteAsync(2)).Etag);
        Assert.Single(Probe.Notes);
    }

    [Fact]
    public async Task Clear_OfWhatWasWritten_LeavesANewState()
    {
        var grain = Grain<IStateGrain>();
        await grain.WriteAsync(1);

        Assert.Equal(new StateView(0, null, false), await grain.ClearAsync());
        Assert.False(Storage.Has("counter", "a"));
        Assert.True((await grain.WriteAsync(2)).RecordExists);
    }
}

/// <inheritdoc/>
public sealed class StateTestsOnTheEngine() : StateTests(new EngineHost());

/// <inheritdoc/>
public sealed class StateTestsOnOrleans() : StateTests(new OrleansHost());
