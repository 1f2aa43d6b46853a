using System.Collections.Immutable;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge;
using OrleansGateway.Edge.Channels;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Tests.Shared;
using OrleansGateway.Tests.Unit.Keys;
using Xunit;

namespace OrleansGateway.Tests.Unit.Edge.Channels;

public sealed class ChannelChoiceTests
{
    private static readonly Provider Provider = new() { Name = "p", Kind = ProviderKinds.OpenAI, BaseUrl = new Uri("http://127.0.0.1/"), DisplayName = "p" };

    private readonly FakeTimeProvider _clock = new();
    private readonly ChannelHealth _health;
    private readonly ChannelChoice _choice;

    public ChannelChoiceTests()
    {
        _health = new ChannelHealth(_clock, Options.Create(new EdgeOptions()));
        _choice = new ChannelChoice(_health, new SeededRandom(1));
    }

    [Fact]
    public void Next_Repeated_GoesByPriorityAndNeverTwice()
    {
        var routes = Routes((0, 1), (0, 1), (1, 1), (2, 1));
        var tried = 0UL;
        var order = new List<string>();
        while (_choice.Next(routes, ref tried, out _) is { } route)
        {
            order.Add(route.Channel.Name);
        }

        Assert.Equal(["c0", "c1"], order[..2].Order());
        Assert.Equal(["c2", "c3"], order[2..]);
    }

    [Fact]
    public void Next_ManyTimes_SharesByWeight()
    {
        var routes = Routes((0, 6), (0, 3), (0, 1));
        var counts = new int[3];
        for (var i = 0; i < 10_000; i++)
        {
            var tried = 0UL;
            counts[_choice.Next(routes, ref tried, out _)!.Channel.Name[1] - '0']++;
        }

        Assert.InRange(counts[0], 5700, 6300);
        Assert.InRange(counts[1], 2700, 3300);
        Assert.InRange(counts[2], 800, 1200);
    }

    [Fact]
    public void Next_SomeRest_TakesTheOthersFirst()
    {
        var routes = Routes((0, 1), (1, 1));
        _health.Rest(routes[0], 5000);
        var tried = 0UL;

        Assert.Equal("c1", _choice.Next(routes, ref tried, out _)!.Channel.Name);
        Assert.Equal("c0", _choice.Next(routes, ref tried, out _)!.Channel.Name);
        _clock.Advance(TimeSpan.FromSeconds(6));
        tried = 0;
        Assert.Equal("c0", _choice.Next(routes, ref tried, out _)!.Channel.Name);
    }

    [Fact]
    public void Next_AllRest_TakesTheOneThatIsBackFirst()
    {
        var routes = Routes((0, 1), (1, 1));
        _health.Rest(routes[0], 5000);
        _health.Rest(routes[1], 3000);
        var tried = 0UL;

        Assert.Equal("c1", _choice.Next(routes, ref tried, out _)!.Channel.Name);
        Assert.Equal("c0", _choice.Next(routes, ref tried, out _)!.Channel.Name);
    }

    [Fact]
    public void Next_AllAreRefused_TellsWhenOneIsBack()
    {
        var routes = Routes((0, 1), (1, 1));
        _health.Refuse(routes[0], 5000, isWholeChannel: true);
        _health.Refuse(routes[1], 3000, isWholeChannel: false);
        var tried = 0UL;

        Assert.Null(_choice.Next(routes, ref tried, out var retryAfterMs));
        Assert.Equal(3000, retryAfterMs);
    }

    [Fact]
    public void Next_RestIsOver_LetsOneRequestTryIt()
    {
        var routes = Routes((0, 1), (1, 1));
        _health.Rest(routes[0], 5000);
        _clock.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal("c0", First(routes));
        Assert.Equal("c1", First(routes));
        _health.Succeeded(routes[0], _health.NowMs);
        Assert.Equal("c0", First(routes));
        Assert.Equal("c0", First(routes));
    }

    [Fact]
    public void Next_TrialEndsWithoutAVerdict_LetsAnotherTry()
    {
        var routes = Routes((0, 1), (1, 1));
        _health.Rest(routes[0], 5000);
        _clock.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal("c0", First(routes));
        _health.Ended(routes[0]);
        Assert.Equal("c0", First(routes));
        _clock.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal("c0", First(routes));
    }

    private string? First(ImmutableArray<Route> routes)
    {
        var tried = 0UL;
        return _choice.Next(routes, ref tried, out _)?.Channel.Name;
    }

    private static ImmutableArray<Route> Routes(params (int Priority, int Weight)[] channels) =>
    [
        .. channels.Select((channel, index) => new Route(
            new Channel { Name = $"c{index}", Provider = Provider, Models = [], Priority = channel.Priority, Weight = channel.Weight }, "m")),
    ];
}
