using OrleansGateway.Edge.Accounting;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using Xunit;

namespace OrleansGateway.Tests.Unit.Edge.Accounting;

public sealed class AccountClientTests
{
    [Fact]
    public void Admit_AsksToRetry_IsRepeatedWithTheHighestEpochSeen()
    {
        var world = new EdgeWorld();
        world.Account.OnAdmit = request => request.Epoch < 9
            ? new AdmitAnswer { Outcome = AdmitOutcome.Retry, Epoch = 9 }
            : new AdmitAnswer { Outcome = AdmitOutcome.Admitted, Epoch = 4, TotalNanos = 1000 };

        var admitting = world.Start(() => world.AdmitAsync("a"));
        world.Pass(0.1);
        var hold = EdgeWorld.Done(admitting).Hold!;
        EdgeWorld.Done(world.Settle(hold, 5));

        Assert.Equal(9, world.Account.All<SettleRequest>().Single().Epoch);
    }

    [Fact]
    public void Admit_NeverAnswered_IsUnavailableAndTakesNoPlace()
    {
        var world = new EdgeWorld(new AccountingOptions { OpenHoldsMax = 1 });
        world.Account.OnAdmit = _ => null;

        var admitting = world.Start(() => world.AdmitAsync("a"));
        world.Pass(12);

        Assert.Equal(AdmitOutcome.Unavailable, EdgeWorld.Done(admitting).Answer.Outcome);
        Assert.True(world.Account.All<AdmitRequest>().Count() > 2);
        Assert.All(world.Account.All<AdmitRequest>(), request => Assert.Equal("a", request.HoldId));
        world.Account.OnAdmit = null;
        Assert.True(world.Admit("b").Answer.IsAdmitted);
    }

    [Fact]
    public void FindKey_NeverAnswered_IsUnavailableInTheEnd()
    {
        var world = new EdgeWorld();
        world.Account.OnFindKey = _ => null;

        var finding = world.Start(() => world.Client.FindKeyAsync(new ApiKey("acct", "key", default), "10.0.0.1").AsTask());
        world.Pass(12);

        Assert.Equal(AdmitOutcome.Unavailable, EdgeWorld.Done(finding).Outcome);
        Assert.True(world.Account.All<FindKeyRequest>().Count() > 2);
    }

    [Fact]
    public void FindKey_AsksToRetry_IsRepeatedWithTheHighestEpochSeen()
    {
        var world = new EdgeWorld();
        world.Account.OnFindKey = request => new KeyAnswer
        {
            Outcome = request.Epoch < 9 ? AdmitOutcome.Retry : AdmitOutcome.Admitted,
            Epoch = 9,
        };

        var finding = world.Start(() => world.Client.FindKeyAsync(new ApiKey("acct", "key", default), "10.0.0.1").AsTask());
        world.Pass(0.1);

        Assert.Equal(AdmitOutcome.Admitted, EdgeWorld.Done(finding).Outcome);
    }

    [Fact]
    public void Admit_AllPlacesTaken_IsUnavailableUntilOneIsSettled()
    {
        var world = new EdgeWorld(new AccountingOptions { OpenHoldsMax = 1 });
        var first = world.Admit("a").Hold!;

        Assert.Equal(AdmitOutcome.Unavailable, world.Admit("b").Answer.Outcome);
        EdgeWorld.Done(world.Settle(first, 1));

        Assert.True(world.Admit("c").Answer.IsAdmitted);
    }

    [Fact]
    public void Settle_Committed_SaysTheTicketWhole()
    {
        var world = new EdgeWorld();
        var hold = world.Admit("a", most: 1000, least: 100).Hold!;
        hold.ServedBy("channel", 2);
        world.Pass(1.5);

        var settled = EdgeWorld.Done(world.Settle(hold, 42));

        Assert.Equal(new Settled(true, 42), settled);
        var ticket = world.Account.All<SettleRequest>().Single().Ticket;
        Assert.Equal(("a", "key", "price", "model", "channel", "10.0.0.1"), (ticket.HoldId, ticket.KeyId, ticket.PriceId, ticket.Model, ticket.Channel, ticket.ClientAddress));
        Assert.Equal((100L, 1500L, 2), (ticket.TotalNanos, ticket.AgeMs, ticket.ExtraAttempts));
        Assert.Equal(0, world.Client.OpenHolds);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Settle_UnansweredForLong_GivesTheResponseUpAndGoesOn(bool clientGotOutput)
    {
        var world = new EdgeWorld();
        var hold = world.Admit("a").Hold!;
        world.Account.OnSettle = _ => null;

        var settling = world.Settle(hold, 42, clientGotOutput);
        world.Pass(29.5);
        Assert.False(settling.IsCompleted);
        world.Pass(1);
        Assert.Equal(new Settled(false, 0), EdgeWorld.Done(settling));
        Assert.Equal(1, world.Client.OpenHolds);

        world.Pass(60);
        var times = world.Account.Times<SettleRequest>();
        Assert.All(times.Zip(times.Skip(1), (before, after) => after - before), gap => Assert.InRange(gap, 0, 7.1));
        world.Account.OnSettle = null;
        world.Pass(8);

        Assert.Equal(0, world.Client.OpenHolds);
        Assert.Equal(clientGotOutput ? [] : [new MoveRequest(1, EntryKind.Compensation, "a", 42)], world.Account.All<MoveRequest>());
    }

    [Theory]
    [InlineData(false, 0, false)]
    [InlineData(false, 7, true)]
    [InlineData(true, 7, false)]
    public void Settle_ClosedByLease_IsPaidBackWhereTheClientGotNothing(bool clientGotOutput, long charged, bool isPaidBack)
    {
        var world = new EdgeWorld();
        var hold = world.Admit("a").Hold!;
        world.Account.OnSettle = _ => new SettleAnswer(SettleOutcome.ClosedByLease, 1, charged, 0);

        Assert.Equal(new Settled(false, charged), EdgeWorld.Done(world.Settle(hold, 42, clientGotOutput)));

        Assert.Equal(isPaidBack, world.Account.All<MoveRequest>().Any(move => move.AmountNanos == charged && move.Ref == "a"));
        Assert.Equal(0, world.Client.OpenHolds);
    }

    [Fact]
    public void Settle_OnItsWay_TheHoldIsRenewedNoLonger()
    {
        var world = new EdgeWorld();
        var hold = world.Admit("a").Hold!;
        world.Account.OnSettle = _ => null;

        world.Settle(hold, 42);
        world.Pass(20);

        Assert.Empty(world.Account.All<RenewRequest>());
    }

    [Fact]
    public void Stop_WithOpenHolds_WaitsForThemAndAdmitsNothing()
    {
        var world = new EdgeWorld();
        var hold = world.Admit("a").Hold!;

        var stopping = world.Start(() => world.Client.StopAsync(TimeSpan.FromSeconds(10)));
        world.Pass(1);
        Assert.False(stopping.IsCompleted);
        Assert.Equal(AdmitOutcome.Unavailable, world.Admit("b").Answer.Outcome);
        EdgeWorld.Done(world.Settle(hold, 1));
        world.Pass(0.1);

        Assert.True(EdgeWorld.Done(stopping));
    }

    [Fact]
    public void Stop_HoldsThatStay_IsGivenUpInTime()
    {
        var world = new EdgeWorld();
        world.Admit("a");

        var stopping = world.Start(() => world.Client.StopAsync(TimeSpan.FromSeconds(10)));
        world.Pass(10.2);

        Assert.False(EdgeWorld.Done(stopping));
    }
}
