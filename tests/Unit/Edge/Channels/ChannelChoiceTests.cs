using System.Collections.Immutable;
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
        _health = new ChannelHealth(_clock);
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
        _health.LetRest(routes[0].Channel, 5000, isFirm: false);
        var tried = 0UL;

        Assert.Equal("c1", _choice.Next(routes, ref tried, out _)!.Channel.Name);
        Assert.Equal("c0", _choice.Next(routes, ref tried, out _)!.Channel.Name);
        _clock.Advance(TimeSpan.FromSeconds(6));
        tried = 0;
        Assert.Equal("c0", _choice.Next(routes, ref tried, out _)!.Channel.Name);
    }

    [Fact]
    public void Next_AllRestFirmly_TellsWhenOneIsBack()
    {
        var routes = Routes((0, 1), (1, 1));
        _health.LetRest(routes[0].Channel, 5000, isFirm: true);
        _health.LetRest(routes[1].Channel, 3000, isFirm: true);
        var tried = 0UL;

        Assert.Null(_choice.Next(routes, ref tried, out var retryAfterMs));
        Assert.Equal(3000, retryAfterMs);
        _health.Recovered(routes[0].Channel);
        Assert.Equal("c0", _choice.Next(routes, ref tried, out _)!.Channel.Name);
    }

    [Fact]
    public void RestsForMs_KeyWasChanged_StartsAfresh()
    {
        var channel = Routes((0, 1))[0].Channel;
        _health.LetRest(channel, 5000, isFirm: true);

        Assert.Equal(5000, _health.RestsForMs(channel, out _));
        Assert.Equal(0, _health.RestsForMs(channel with { Key = new ProviderKey("new") }, out _));
    }

    private static ImmutableArray<Route> Routes(params (int Priority, int Weight)[] channels) =>
    [
        .. channels.Select((channel, index) => new Route(
            new Channel { Name = $"c{index}", Provider = Provider, Models = [], Priority = channel.Priority, Weight = channel.Weight }, "m")),
    ];
}
