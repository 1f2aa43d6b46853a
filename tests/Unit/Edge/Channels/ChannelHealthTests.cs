using OrleansGateway.Edge;
using OrleansGateway.Edge.Channels;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Tests.Shared;
using Xunit;

namespace OrleansGateway.Tests.Unit.Edge.Channels;

public sealed class ChannelHealthTests
{
    private static readonly EdgeOptions Options = new() { FailuresToRest = 3, FailureWindowMs = 10_000, RestMs = 1000, LongRestMs = 3000 };

    private static readonly Channel Channel = new()
    {
        Name = "c",
        Provider = new() { Name = "p", Kind = ProviderKinds.OpenAI, BaseUrl = new Uri("http://127.0.0.1/"), DisplayName = "p" },
        Models = [],
        Key = new ProviderKey("old"),
    };

    private static readonly Route Route = new(Channel, "m");
    private static readonly Route OtherModel = new(Channel, "other");

    private readonly FakeTimeProvider _clock = new();
    private readonly ChannelHealth _health;

    public ChannelHealthTests() => _health = new ChannelHealth(_clock, Microsoft.Extensions.Options.Options.Create(Options));

    private RouteState State => _health.StateOf(Route, out _);

    [Fact]
    public void Failed_FewerThanTheThreshold_RestsNothing()
    {
        Fail(2);
        Assert.Equal(RouteState.Ready, State);
        Pass(10_000);
        Fail(2);
        Assert.Equal(RouteState.Ready, State);
    }

    [Fact]
    public void Failed_AsOftenAsTheThreshold_RestsThatModelAlone()
    {
        Fail(3);
        Assert.Equal(RouteState.Resting, _health.StateOf(Route, out var restMs));
        Assert.Equal(1000, restMs);
        Assert.Equal(RouteState.Ready, _health.StateOf(OtherModel, out _));
    }

    [Fact]
    public void Failed_AmongMoreSuccesses_RestsNothing()
    {
        Fail(1);
        for (var i = 0; i < 5; i++)
        {
            _health.Succeeded(Route, _health.NowMs);
        }

        Fail(3);
        Assert.Equal(RouteState.Ready, State);
        Fail(1);
        Assert.Equal(RouteState.Resting, State);
    }

    [Fact]
    public void Failed_AtEachTrial_RestsTwiceAsLongUpToTheLongest()
    {
        Fail(3);
        foreach (var next in (int[])[2000, 3000, 3000])
        {
            _health.StateOf(Route, out var restMs);
            Pass((int)restMs);
            Assert.Equal(RouteState.OnTrial, State);
            Assert.True(_health.TryBegin(Route));
            Fail(1);
            _health.StateOf(Route, out restMs);
            Assert.Equal(next, restMs);
        }
    }

    [Fact]
    public void Succeeded_ByAnAttemptFromBeforeTheRest_DoesNotEndIt()
    {
        var began = _health.NowMs;
        Pass(1);
        Fail(3);
        _health.Succeeded(Route, began);
        Assert.Equal(RouteState.Resting, State);
        Pass(1000);
        _health.Succeeded(Route, _health.NowMs);
        Assert.Equal(RouteState.Ready, State);
    }

    [Fact]
    public void Refuse_OfTheWholeChannel_IsForEachOfItsModelsUntilItsKeyIsChanged()
    {
        _health.Refuse(Route, 5000, isWholeChannel: true);
        Assert.Equal(RouteState.Refused, _health.StateOf(OtherModel, out _));
        Assert.Equal(RouteState.Ready, _health.StateOf(OtherModel with { Channel = Channel with { Key = new ProviderKey("new") } }, out _));
    }

    [Fact]
    public void Rest_ShorterThanTheOneThatRuns_ChangesNothing()
    {
        _health.Refuse(Route, 5000, isWholeChannel: false);
        _health.Rest(Route, 1000);
        Assert.Equal(RouteState.Refused, _health.StateOf(Route, out var restMs));
        Assert.Equal(5000, restMs);
    }

    [Fact]
    public void TryBegin_ModelIsOnAnothersTrial_LeavesTheChannelsTrialFree()
    {
        _health.Rest(Route, 1000);
        _health.Refuse(Route, 1000, isWholeChannel: true);
        Pass(1000);
        Assert.True(_health.TryBegin(Route));
        _health.Ended(OtherModel);
        Assert.False(_health.TryBegin(Route));
        Assert.True(_health.TryBegin(OtherModel));
    }

    private void Fail(int times)
    {
        for (var i = 0; i < times; i++)
        {
            _health.Failed(Route, _health.NowMs);
        }
    }

    private void Pass(int ms) => _clock.Advance(TimeSpan.FromMilliseconds(ms));
}
