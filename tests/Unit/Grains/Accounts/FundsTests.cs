using OrleansGateway.Grains.Accounts;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

public sealed class FundsTests
{
    private static Funds Some => new() { Balance = 1000, Reserved = 300, Quarantined = 200, Own = 250, Inherited = 150 };

    [Fact]
    public void Available_IsWhatIsFreeAndWhatNoHoldNeedsOfTheReserve()
    {
        Assert.Equal((500L, 50L, 550L), (Some.Free, Some.Slack, Some.Available));
    }

    [Theory]
    // Of a hold of 40 inherited and 60 own: cost → charge, reserved, quarantined, gone beside own parts
    [InlineData(0, 0, 300, 200, 0)]
    [InlineData(30, 30, 300, 170, 0)]
    [InlineData(40, 40, 300, 160, 0)]
    [InlineData(41, 41, 299, 160, 0)]
    [InlineData(100, 100, 240, 160, 0)]
    [InlineData(600, 600, 240, 160, 0)]
    [InlineData(620, 620, 220, 160, 20)]
    [InlineData(650, 650, 190, 160, 50)]
    [InlineData(9999, 650, 190, 160, 50)]
    public void Close_TakesInheritedThenOwnThenFreeThenSlack(long cost, long charge, long reserved, long quarantined, long gone)
    {
        var funds = Some;

        Assert.Equal(charge, funds.Close(own: 60, inherited: 40, cost));

        Assert.Equal(
            (1000 - charge, reserved, quarantined, 190L, 110L, gone),
            (funds.Balance, funds.Reserved, funds.Quarantined, funds.Own, funds.Inherited, funds.ReservedGone));
    }

    [Theory]
    [InlineData(500, 300, 0)]
    [InlineData(520, 280, 20)]
    [InlineData(550, 250, 50)]
    public void Take_FreeFirstThenSlack(long amount, long reserved, long gone)
    {
        var funds = Some;
        funds.Take(amount);

        Assert.Equal((1000 - amount, reserved, gone), (funds.Balance, funds.Reserved, funds.ReservedGone));
    }

    [Fact]
    public void Take_MoreThanIsAvailable_BreaksARule()
    {
        var funds = Some;
        Assert.Throws<InvariantException>(() => funds.Take(551));
        Assert.Throws<InvariantException>(() => funds.Take(-1));
        Assert.Throws<InvariantException>(() => funds.ExtendReserve(501));
        Assert.Throws<InvariantException>(() => funds.ExtendReserve(-1));
        Assert.Throws<InvariantException>(() => funds.Credit(-1));
        Assert.Throws<OverflowException>(() => funds.Credit(long.MaxValue));
    }

    [Fact]
    public void GiveBackSlack_LeavesWhatHoldsNeed()
    {
        var funds = Some;
        funds.GiveBackSlack();

        Assert.Equal((250L, 50L, 550L), (funds.Reserved, funds.ReservedGone, funds.Available));
    }

    [Fact]
    public void EndQuarantine_MakesWhatIsLeftReserveAndInheritedOwn()
    {
        var funds = Some;
        funds.EndQuarantine();

        Assert.Equal((500L, 0L, 400L, 0L), (funds.Reserved, funds.Quarantined, funds.Own, funds.Inherited));
    }

    [Theory]
    [InlineData(-1, 0, 0, 0, 0)]
    [InlineData(10, 11, 0, 0, 0)]
    [InlineData(10, 5, 6, 0, 0)]
    [InlineData(10, 5, 5, 6, 0)]
    [InlineData(10, 5, 5, 0, 6)]
    [InlineData(10, 5, 5, -1, 0)]
    [InlineData(10, 5, 5, 0, -1)]
    public void Check_MoneyThatDoesNotAddUp_BreaksARule(long balance, long reserved, long quarantined, long own, long inherited)
    {
        var funds = new Funds { Balance = balance, Reserved = reserved, Quarantined = quarantined, Own = own, Inherited = inherited };

        Assert.Throws<InvariantException>(funds.Check);
    }
}
