using OrleansGateway.Edge.Accounting;
using OrleansGateway.Grains.Contracts.Accounts;
using Xunit;
using static OrleansGateway.Grains.Contracts.Pricing.Unit;

namespace OrleansGateway.Tests.Unit.Edge.Accounting;

/// <summary>Holds that are renewed and grow.</summary>
public sealed class HoldSessionTests
{
    [Fact]
    public void Renew_ShortRequest_IsNeverRenewed()
    {
        var world = new EdgeWorld();
        for (var i = 0; i < 50; i++)
        {
            var hold = world.Admit($"h{i}").Hold!;
            world.Pass(0.4);
            EdgeWorld.Done(world.Settle(hold, 1));
        }

        Assert.Empty(world.Account.All<RenewRequest>());
    }

    [Fact]
    public void Renew_LongRequest_IsRenewedWellWithinItsLease()
    {
        var world = new EdgeWorld();
        world.Pass(1.3);
        var hold = world.Admit("a").Hold!;

        for (var i = 0; i < 60; i++)
        {
            world.Report(hold, i);
            world.Pass(1);
        }

        double[] times = [1.3, .. world.Account.Times<RenewRequest>()];
        Assert.InRange(times.Length, 11, 14);
        Assert.All(times.Zip(times.Skip(1), (before, after) => after - before), gap => Assert.InRange(gap, 2.4, 7.5));
        var items = world.Account.All<RenewRequest>().Select(request => request.Items.Single()).ToList();
        Assert.Equal(items.Select(item => item.ProgressNanos).Order(), items.Select(item => item.ProgressNanos));
        Assert.InRange(items[^1].ProgressNanos, 50, 60);
        Assert.Equal(items[^1].ProgressNanos, items[^1].Usage[Output]);
    }

    [Fact]
    public void Renew_ManyHolds_IsOneMessageForEachAccount()
    {
        var world = new EdgeWorld(new AccountingOptions { ItemsMax = 8 });
        for (var i = 0; i < 10; i++)
        {
            world.Admit($"a{i}", account: "one");
            world.Admit($"b{i}", account: "two");
        }

        world.Pass(5);

        Assert.Equal([8, 2], world["one"].All<RenewRequest>().Select(request => request.Items.Length));
        Assert.Equal([8, 2], world["two"].All<RenewRequest>().Select(request => request.Items.Length));
    }

    [Fact]
    public void Renew_Unanswered_IsRepeatedBeforeTheLeaseEnds()
    {
        var world = new EdgeWorld();
        world.Admit("a");
        world.Account.OnRenew = _ => null;

        world.Pass(14);

        Assert.True(world.Account.All<RenewRequest>().Count() >= 4);
        Assert.Equal(0, world.Lost);
    }

    [Fact]
    public void Renew_Closed_CutsTheRequestOnce()
    {
        var world = new EdgeWorld();
        var hold = world.Admit("a").Hold!;
        world.Account.OnRenew = item => new RenewedHold(item.Ticket.HoldId, RenewOutcome.Closed, 0);

        world.Pass(20);

        Assert.Equal(1, world.Lost);
        Assert.Equal(HoldState.Lost, world.Report(hold, 1));
    }

    /// <summary>A renewal that was taken when the tier of the answer was known, and comes before or after the settlement.</summary>
    [Fact]
    public void Renew_OvertakenByTheSettlement_NamesThePriceOfItsProgressAndCutsNothing()
    {
        var world = new EdgeWorld();
        var hold = world.Admit("a").Hold!;
        world.Report(hold, 5);
        hold.ChargedBy("price#flex");

        Assert.Equal(("price", 5), (hold.RenewItem().Ticket.PriceId, hold.RenewItem().ProgressNanos));
        var settled = world.Settle(hold, 3);
        hold.Renewed(new RenewedHold(hold.HoldId, RenewOutcome.Closed, 0), hold.TotalNanos);

        Assert.Equal((true, 3L), (EdgeWorld.Done(settled).IsCommitted, EdgeWorld.Done(settled).ChargedNanos));
        Assert.Equal("price#flex", world.Account.All<SettleRequest>().Single().Ticket.PriceId);
        Assert.Equal(0, world.Lost);
    }

    [Fact]
    public void Renew_LessIsHeldThanThought_EndsTheStreamWhereThatIsUsedUp()
    {
        var world = new EdgeWorld();
        var hold = world.Admit("a", most: 1000).Hold!;
        world.Account.OnRenew = item => new RenewedHold(item.Ticket.HoldId, RenewOutcome.Held, 300);

        world.Pass(5);

        Assert.Equal(300, hold.TotalNanos);
        Assert.Equal(HoldState.Covered, world.Report(hold, 300));
        Assert.Equal(HoldState.Exhausted, world.Report(hold, 301));
        Assert.Empty(world.Account.All<ExtendRequest>());
    }

    [Fact]
    public void Report_NearTheEndOfWhatIsHeld_AsksAheadAndDoubles()
    {
        var world = new EdgeWorld();
        var hold = world.Admit("a", most: 10_000, least: 1000).Hold!;

        Assert.Equal(HoldState.Covered, world.Report(hold, 400));
        Assert.Empty(world.Account.All<ExtendRequest>());
        Assert.Equal(HoldState.Covered, world.Report(hold, 600));

        Assert.Equal(2000, world.Account.All<ExtendRequest>().Single().NewTotalNanos);
        Assert.Equal(2000, hold.TotalNanos);
        for (var cost = 600; cost <= 10_000; cost += 10)
        {
            Assert.Equal(HoldState.Covered, world.Report(hold, cost));
        }

        Assert.InRange(world.Account.All<ExtendRequest>().Count(), 4, 5);
        Assert.Equal(10_000, hold.TotalNanos);
    }

    [Fact]
    public void Report_DoublingRefused_TakesTheSmallestStepsToTheLast()
    {
        var world = new EdgeWorld();
        world.Account.OnExtend = request => new ExtendAnswer(
            request.NewTotalNanos <= 1750 ? ExtendOutcome.Extended : ExtendOutcome.Refused, 1, request.NewTotalNanos <= 1750 ? request.NewTotalNanos : request.Ticket.TotalNanos);
        var hold = world.Admit("a", most: 10_000, least: 1000).Hold!;
        var (cost, state) = (0, HoldState.Covered);

        while (state is HoldState.Covered or HoldState.Growing)
        {
            state = world.Report(hold, cost += 50);
            world.Pass(0.1);
        }

        Assert.Equal(HoldState.Exhausted, state);
        Assert.Equal(1500, hold.TotalNanos);
        Assert.Equal(1550, cost);
    }

    [Fact]
    public void Report_HoldUnknownToTheActivation_IsPresentedFirst()
    {
        var world = new EdgeWorld();
        var known = false;
        world.Account.OnRenew = item =>
        {
            known = true;
            return new RenewedHold(item.Ticket.HoldId, RenewOutcome.Held, item.Ticket.TotalNanos);
        };
        world.Account.OnExtend = request => known
            ? new ExtendAnswer(ExtendOutcome.Extended, 2, request.NewTotalNanos)
            : new ExtendAnswer(ExtendOutcome.NotHeld, 2, 0);
        var hold = world.Admit("a", most: 10_000, least: 1000).Hold!;

        world.Report(hold, 900);
        world.Pass(0.1);

        Assert.Equal(2000, hold.TotalNanos);
        Assert.Single(world.Account.All<RenewRequest>());
        Assert.Equal(2, world.Account.All<ExtendRequest>().Last().Epoch);
    }

    [Fact]
    public void Report_NoAnswerToGrowth_HoldsTheStreamUpAndThenEndsIt()
    {
        var world = new EdgeWorld();
        world.Account.OnExtend = _ => new ExtendAnswer(ExtendOutcome.Unavailable, 1, 0);
        var hold = world.Admit("a", most: 10_000, least: 1000).Hold!;

        Assert.Equal(HoldState.Growing, world.Report(hold, 1001));
        world.Pass(25);
        Assert.Equal(HoldState.Growing, world.Report(hold, 1001));
        world.Pass(12);

        Assert.Equal(HoldState.Exhausted, world.Report(hold, 1001));
        Assert.True(hold.GrownAsync().IsCompletedSuccessfully);
    }

    [Fact]
    public void Report_CostBeyondTheBound_IsCovered()
    {
        var world = new EdgeWorld();
        var hold = world.Admit("a", most: 1000).Hold!;

        Assert.Equal(HoldState.Covered, world.Report(hold, 5000));
        Assert.Empty(world.Account.All<ExtendRequest>());
    }
}
