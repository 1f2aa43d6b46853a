using OrleansGateway.Grains.Accounts;
using OrleansGateway.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

public sealed class ClosedHoldsTests
{
    [Fact]
    public void Remember_IsForgottenAfterItsTime_OldestFirst()
    {
        var holds = new ClosedHolds(TimeSpan.FromMinutes(1));
        var closed = new ClosedHold(ClosedBy.Settlement, 1, 0);
        holds.Remember("a", closed, TimeSpan.Zero);
        holds.Remember("b", closed with { Charge = 2 }, TimeSpan.FromSeconds(30));
        holds.Remember("a", closed with { Charge = 3 }, TimeSpan.FromSeconds(50));

        Assert.True(holds.TryGet("a", out var first));
        Assert.Equal(1, first.Charge);
        holds.Forget(TimeSpan.FromSeconds(60));
        Assert.True(holds.TryGet("a", out _));
        holds.Forget(TimeSpan.FromSeconds(60.1));
        Assert.False(holds.TryGet("a", out _));
        Assert.True(holds.TryGet("b", out _));
        holds.Forget(TimeSpan.FromSeconds(91));
        Assert.True(holds.IsEmpty);
    }
}
