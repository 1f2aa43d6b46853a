using OrleansGateway.Grains.Contracts;
using Xunit;

namespace OrleansGateway.Tests.Unit.Keys;

public sealed class RecentTests
{
    [Fact]
    public void GetOrAdd_NameThatIsThere_MakesNothing()
    {
        var recent = new Recent<object>(2);
        var made = recent.GetOrAdd("a", 0, static (_, _) => new object());

        Assert.Same(made, recent.GetOrAdd("a", 0, static (_, _) => throw new InvalidOperationException()));
        Assert.True(recent.TryGet("a", out var found));
        Assert.Same(made, found);
        Assert.False(recent.TryGet("b", out _));
    }

    [Fact]
    public void TryGet_NotUsedForTwoGenerations_IsForgotten()
    {
        var recent = new Recent<int>(2);
        for (var i = 0; i < 6; i++)
        {
            recent.GetOrAdd($"{i}", i, static (_, i) => i);
        }

        // Two generations of two: the last four.
        Assert.False(recent.TryGet("0", out _));
        Assert.False(recent.TryGet("1", out _));
        Assert.True(recent.TryGet("2", out _));
    }

    [Fact]
    public void TryGet_UsedAgain_StaysWithTheYounger()
    {
        var recent = new Recent<int>(2);
        for (var i = 0; i < 100; i++)
        {
            recent.GetOrAdd($"{i}", i, static (_, i) => i);
            Assert.True(recent.TryGet("0", out _), $"after {i}");
        }
    }
}
