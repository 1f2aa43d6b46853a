using Orleans;
using OrleansGateway.Tests.Conformance.Grains;
using Xunit;

namespace OrleansGateway.Tests.Conformance;

public sealed class CallTests : ConformanceTests
{
    [Fact]
    public async Task Call_OfEveryReturnType_Answers()
    {
        var grain = Grain<ICallGrain>();

        Assert.Equal(5, await grain.AddAsync(2, 3));
        Assert.Equal(5, await grain.AddValueAsync(2, 3));
        Assert.Equal(5, await grain.AddValueLaterAsync(2, 3));
        Assert.Null(await grain.EchoAsync(null));
        await grain.NothingAsync();
        Assert.Equal(["nothing"], Probe.Notes);
    }

    [Fact]
    public async Task Call_ThatThrows_ThrowsTheSameToTheCaller()
    {
        var grain = Grain<ICallGrain>();

        Assert.Equal("1", (await Assert.ThrowsAsync<ProbeException>(() => grain.ThrowAtOnceAsync("1"))).Message);
        Assert.Equal("2", (await Assert.ThrowsAsync<ProbeException>(() => grain.ThrowLaterAsync("2"))).Message);
        Assert.Equal("3", (await Assert.ThrowsAsync<ProbeException>(async () => await grain.ThrowValueAsync("3"))).Message);
        Assert.Equal("4", (await Assert.ThrowsAsync<ProbeException>(() => grain.CallOtherAsync("b", throws: "4"))).Message);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => grain.CancelAsync());
        Assert.Equal(2, await grain.AddAsync(1, 1));
    }

    [Fact]
    public async Task Call_FromGrainToGrain_Answers() => Assert.Equal("b", await Grain<ICallGrain>("a").CallOtherAsync("b"));

    [Fact]
    public async Task Token_CancelledDuringTheCall_ReachesTheGrainAndFreesTheCaller()
    {
        var grain = Grain<ICallGrain>();
        using var source = new CancellationTokenSource();
        var call = grain.WaitAsync("never", source.Token);
        await Probe.NotedAsync("waiting");

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await Probe.NotedAsync("cancelled");
        Assert.Equal(2, await grain.AddAsync(1, 1));
    }

    [Fact]
    public async Task Token_CancelledBeforeTheCall_CallsNothing()
    {
        var grain = Grain<ICallGrain>();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => grain.WaitAsync("never", new CancellationToken(true)));
        await grain.AddAsync(1, 1);

        Assert.Empty(Probe.Notes);
    }

    [Fact]
    public async Task Token_CancelledWhileTheCallIsQueued_FreesTheCallerAndTheGrain()
    {
        var grain = Grain<ICallGrain>();
        var running = grain.WaitAsync("running", CancellationToken.None);
        await Probe.NotedAsync("waiting");
        using var source = new CancellationTokenSource();
        var queued = grain.WaitAsync("never", source.Token);

        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queued);
        Probe.Open("running");
        await running;

        Assert.Equal(2, await grain.AddAsync(1, 1));
    }

    [Theory]
    [InlineData("k")]
    [InlineData("K")]
    [InlineData(" leading and trailing ")]
    [InlineData("a/b+c|d\\e?f#g%20")]
    [InlineData("счёт-账户-😀-é")]
    [InlineData("\0\n")]
    public async Task Key_OfAnyForm_NamesItsGrain(string key)
    {
        var grain = Grain<ICallGrain>(key);

        Assert.Equal(key, await grain.GetKeyAsync());
        Assert.Equal(key, grain.GetPrimaryKeyString());
    }

    [Fact]
    public async Task Key_VeryLong_NamesItsGrain()
    {
        var key = new string('k', 10_000);

        Assert.Equal(key, await Grain<ICallGrain>(key).GetKeyAsync());
        Assert.Equal(key + "2", await Grain<ICallGrain>(key + "2").GetKeyAsync());
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("\t\n")]
    public void Key_EmptyOrWhiteSpace_IsRefused(string key) => Assert.Throws<ArgumentException>(() => Grain<ICallGrain>(key));

    [Fact]
    public void Key_Null_IsRefused() => Assert.Throws<ArgumentNullException>(() => Grain<ICallGrain>(null!));

    [Fact]
    public void GetGrain_OfAnInterfaceThatNoClassImplements_IsRefused() =>
        Assert.Throws<ArgumentException>(() => Grain<INobodysGrain>());

    [Fact]
    public async Task References_ToOneGrain_AreEqual()
    {
        Assert.Equal(Grain<ICallGrain>("a"), Grain<ICallGrain>("a"));
        Assert.NotEqual(Grain<ICallGrain>("a"), Grain<ICallGrain>("b"));
        Assert.Equal("a", await Grain<IBaseCallGrain>("a").GetKeyAsync());
    }
}

/// <summary>No class implements it.</summary>
public interface INobodysGrain : IGrainWithStringKey;
