using OrleansGateway.Grains.Accounts;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

public sealed class TurnsTests
{
    [Fact]
    public void Enter_WhileBusy_WaitsInOrder()
    {
        var turns = new Turns();
        Assert.True(turns.EnterAsync("a").IsCompleted);
        var second = turns.EnterAsync("a");
        var third = turns.EnterAsync("a");
        Assert.True(turns.EnterAsync("b").IsCompleted);
        Assert.False(second.IsCompleted);

        turns.Leave("a");
        Assert.True(second.IsCompleted);
        Assert.False(third.IsCompleted);
        turns.Leave("a");
        Assert.True(third.IsCompleted);
        Assert.True(turns.IsBusy("a"));
        turns.Leave("a");

        Assert.False(turns.IsBusy("a"));
        Assert.True(turns.EnterAsync("a").IsCompleted);
    }
}
