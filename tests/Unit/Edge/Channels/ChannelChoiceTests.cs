using System.Collections.Immutable;
using System.Text;
using Microsoft.AspNetCore.Http;
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

    [Fact]
    public void Next_OneConversation_StaysOnItsChannelUnlessThatRests()
    {
        var routes = Routes((0, 1), (0, 1), (0, 1), (1, 1));
        foreach (var affinity in Conversations(50))
        {
            var own = First(routes, affinity)!;
            Assert.NotEqual("c3", own);
            Assert.Equal(own, First([.. routes.Reverse().OrderBy(static route => route.Channel.Priority)], affinity));
        }

        // What was another channel's stays there; only what is the resting one's moves, and comes back.
        var before = Conversations(200).Select(affinity => First(routes, affinity)).ToList();
        _health.Rest(routes[1], 5000);
        var meanwhile = Conversations(200).Select(affinity => First(routes, affinity)).ToList();
        Assert.All(before.Zip(meanwhile), pair => Assert.True(pair.First == "c1" ? pair.Second is "c0" or "c2" : pair.Second == pair.First));
        Assert.Contains("c1", before);
        _health.Succeeded(routes[1], _health.NowMs);
        _clock.Advance(TimeSpan.FromSeconds(6));
        _health.Succeeded(routes[1], _health.NowMs);
        Assert.Equal(before, Conversations(200).Select(affinity => First(routes, affinity)));
    }

    [Fact]
    public void Next_ManyConversations_AreSharedByWeight()
    {
        var routes = Routes((0, 6), (0, 3), (0, 1));
        var counts = new int[3];
        foreach (var affinity in Conversations(10_000))
        {
            counts[First(routes, affinity)![1] - '0']++;
        }

        Assert.InRange(counts[0], 5700, 6300);
        Assert.InRange(counts[1], 2700, 3300);
        Assert.InRange(counts[2], 800, 1200);
    }

    [Fact]
    public void Next_AfterAFailure_GoesToTheConversationsSecondChannelAndNeverTwice()
    {
        var routes = Routes((0, 1), (0, 1), (0, 1));
        var (tried, names) = (0UL, new List<string>());
        while (_choice.Next(routes, ref tried, out _, affinity: 7) is { } route)
        {
            names.Add(route.Channel.Name);
        }

        Assert.Equal(["c0", "c1", "c2"], names.Order());
    }

    /// <summary>What goes on from an answer is where that was made, whatever comes first otherwise, but waits for no channel that rests.</summary>
    [Fact]
    public void Next_OneIsPreferred_GoesThereUnlessItRestsOrIsGone()
    {
        var routes = Routes((0, 9), (0, 9), (1, 1));
        Assert.Equal("c2", First(routes, affinity: 7, preferred: "c2"));
        Assert.Contains(First(routes, affinity: 7, preferred: "gone"), (string[])["c0", "c1"]);
        var tried = 1UL << 2;
        Assert.Contains(_choice.Next(routes, ref tried, out _, preferred: "c2")!.Channel.Name, (string[])["c0", "c1"]);

        _health.Rest(routes[2], 5000);
        Assert.Contains(First(routes, preferred: "c2"), (string[])["c0", "c1"]);
        _clock.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal("c2", First(routes, preferred: "c2"));
    }

    private static IEnumerable<ulong> Conversations(int count) => Enumerable.Range(0, count).Select(number =>
        Affinity.Of("acct", new HeaderDictionary(), Encoding.UTF8.GetBytes($$"""{"prompt_cache_key":"{{number}}"}""")));

    private string? First(ImmutableArray<Route> routes, ulong affinity = 0, string? preferred = null)
    {
        var tried = 0UL;
        return _choice.Next(routes, ref tried, out _, affinity, preferred)?.Channel.Name;
    }

    private static ImmutableArray<Route> Routes(params (int Priority, int Weight)[] channels) =>
    [
        .. channels.Select((channel, index) => new Route(
            new Channel { Name = $"c{index}", Provider = Provider, Models = [], Priority = channel.Priority, Weight = channel.Weight }, "m")),
    ];
}
