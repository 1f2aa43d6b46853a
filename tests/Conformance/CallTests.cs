using Orleans;
using OrleansGateway.Tests.Conformance.Grains;
using Xunit;

namespace OrleansGateway.Tests.Conformance;

public abstract class CallTests(GrainHost host) : ConformanceTests(host)
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

    [Theory]
    [InlineData("k")]
    [InlineData("K")]
    [InlineData("a/b+c|d\\e?f#g%20")]
    [InlineData("счёт-账户-😀-é")]
    public async Task Key_OfAnyForm_NamesItsGrain(string key)
    {
        var grain = Grain<ICallGrain>(key);

        Assert.Equal(key, await grain.GetKeyAsync());
        Assert.Equal(key, grain.GetPrimaryKeyString());
    }

    [Fact]
    public void References_ToOneGrain_AreEqual()
    {
        Assert.Equal(Grain<ICallGrain>("a"), Grain<ICallGrain>("a"));
        Assert.NotEqual(Grain<ICallGrain>("a"), Grain<ICallGrain>("b"));
    }
}

/// <inheritdoc/>
public sealed class CallTestsOnTheEngine() : CallTests(new EngineHost());

/// <inheritdoc/>
public sealed class CallTestsOnOrleans() : CallTests(new OrleansHost());
