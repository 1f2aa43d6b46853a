using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Tests.Shared.Ledger;
using Xunit;
using static OrleansGateway.Grains.Contracts.Pricing.Unit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

/// <summary>Extend, and renewals of what is held.</summary>
public sealed class RunningTests
{
    [Fact]
    public void Extend_WithinTheReserve_IsGivenAtOnceAndWritesNothing()
    {
        using var world = AccountWorld.With(80_000);
        world.Admit("h", 100);
        var commits = world.Commits;

        Assert.Equal(new ExtendAnswer(ExtendOutcome.Extended, 1, 500), world.Extend("h", 100, 500));
        Assert.Equal((500L, commits), (world.View.HeldNanos, world.Commits));
    }

    [Fact]
    public void Extend_BeyondTheReserve_ExtendsThatFirst()
    {
        using var world = AccountWorld.With(80_000);
        world.Admit("h", 100);

        Assert.Equal(ExtendOutcome.Extended, world.Extend("h", 100, 30_000).Outcome);
        Assert.True(world.Row.Reserved >= 30_000);
    }

    [Fact]
    public void Extend_Repeated_ChangesNothing()
    {
        using var world = AccountWorld.With(80_000);
        world.Admit("h", 100);
        world.Extend("h", 100, 500);

        Assert.Equal(500, world.Extend("h", 100, 500).TotalNanos);
        Assert.Equal(500, world.Extend("h", 100, 300).TotalNanos);
        Assert.Equal(500, world.View.HeldNanos);
    }

    [Fact]
    public void Extend_MoreThanThereIs_IsRefusedAndWhatWasHeldStaysHeld()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);

        Assert.Equal(new ExtendAnswer(ExtendOutcome.Refused, 1, 100), world.Extend("h", 100, 1001));
        Assert.Equal(new ExtendAnswer(ExtendOutcome.Extended, 1, 1000), world.Extend("h", 100, 1000));
    }

    [Fact]
    public void Extend_Refused_StartsTheLeaseAfresh()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Pass(14);

        world.Extend("h", 100, 1001);
        world.Pass(14);

        Assert.Equal(1, world.View.OpenHolds);
    }

    [Fact]
    public void Extend_OverTheKeysCap_IsRefused()
    {
        using var world = AccountWorld.With(1000, new SpendCaps(500, null, null, null));
        world.Admit("h", 100);
        world.Admit("other", 100);

        Assert.Equal(ExtendOutcome.Refused, world.Extend("h", 100, 401).Outcome);
        Assert.Equal(ExtendOutcome.Extended, world.Extend("h", 100, 400).Outcome);
    }

    [Fact]
    public void Extend_HoldThatIsNotHere_MustBePresented()
    {
        using var world = AccountWorld.With(1000);

        Assert.Equal(ExtendOutcome.NotHeld, world.Extend("h", 100, 200).Outcome);
    }

    [Fact]
    public void Extend_TicketNamesMoreThanIsHeld_AsksForThePresentation()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);

        Assert.Equal((ExtendOutcome.NotHeld, 0L), Of(world.Extend("h", 150, 200)));
        Assert.Equal(100, world.View.HeldNanos);

        static (ExtendOutcome, long) Of(ExtendAnswer answer) => (answer.Outcome, answer.TotalNanos);
    }

    [Fact]
    public void Extend_AfterItsSettlement_IsClosed()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Settle("h", 100, 1);

        Assert.Equal(ExtendOutcome.Closed, world.Extend("h", 100, 200).Outcome);
    }

    [Fact]
    public void Extend_LedgerAway_IsUnavailableAfterPatience()
    {
        using var world = AccountWorld.With(80_000);
        world.Admit("h", 100);
        world.Ledger.IsAway = true;

        var call = world.StartExtend("h", 100, 50_000);
        world.Pass(4);
        Assert.False(call.IsAnswered);
        world.Pass(3);

        Assert.Equal(ExtendOutcome.Unavailable, call.Answer.Outcome);
    }

    [Fact]
    public void Renew_KeepsTheHoldAndTellsItsTotal()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        for (var i = 0; i < 10; i++)
        {
            world.Pass(5);
            Assert.Equal(new RenewedHold("h", RenewOutcome.Held, 100), world.Renew("h", 100));
        }
    }

    [Fact]
    public void Renew_WithAuthority_IsAnsweredWithoutTheLedger()
    {
        using var world = AccountWorld.With(80_000);
        world.Admit("h", 100);
        var calls = world.Ledger.Calls.Count;

        world.Renew("h", 100);

        Assert.Equal(calls, world.Ledger.Calls.Count);
    }

    [Fact]
    public void Renew_ManyHolds_AnswersInTheirOrder()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("a", 10);
        world.Admit("b", 20);
        world.Settle("a", 10, 0);

        var items = new[] { ("b", 20), ("a", 10), ("c", 30) }
            .Select(h => new RenewItem(AccountWorld.Ticket(h.Item1, h.Item2), 0, default));
        var answer = world.Run(() => world.Grain.RenewAsync(new RenewRequest(0, [.. items])));

        Assert.Equal(
            [new("b", RenewOutcome.Held, 20), new("a", RenewOutcome.Closed, 0), new("c", RenewOutcome.Held, 30)], answer.Holds);
    }

    [Fact]
    public void Renew_WithoutAuthority_ExtendsTheLeaseAtOnceAndOnlyItsAnswerWaits()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Pass(10);
        world.Renew("h", 100);
        world.Pass(8);
        var gate = world.HoldBack(LedgerMethod.Commit);

        var call = world.StartRenew("h", 100);
        Assert.False(call.IsAnswered);
        world.Pass(6);
        Assert.Equal(RenewOutcome.Retry, call.Answer.Holds[0].Outcome);
        gate.Open();
        world.Pass(7);

        Assert.Equal(1, world.View.OpenHolds);
    }

    [Fact]
    public void Renew_UnknownHold_IsHeldAgainAsOwn()
    {
        using var world = AccountWorld.With(1000);

        Assert.Equal(new RenewedHold("h", RenewOutcome.Held, 300), world.Renew("h", 300));

        Assert.Equal(300, world.View.HeldNanos);
        Assert.Equal(AdmitOutcome.InsufficientFunds, world.Admit("other", 701).Outcome);
    }

    [Fact]
    public void Renew_UnknownHoldBeyondWhatIsThere_TellsWhatIsHeld()
    {
        using var world = AccountWorld.With(1000);

        Assert.Equal(new RenewedHold("h", RenewOutcome.Held, 0), world.Renew("h", 1001));
    }

    [Fact]
    public void Renew_RowIsInTheLedger_IsClosed()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Settle("h", 100, 1);
        world.Pass(62);

        Assert.Equal(RenewOutcome.Closed, world.Renew("h", 100).Outcome);
        Assert.Equal(0, world.View.OpenHolds);
    }

    [Fact]
    public void Renew_TicketOlderThanAnyRequest_IsClosed()
    {
        using var world = AccountWorld.With(1000);
        var ageMax = (long)new AccountOptions { ProcessId = "" }.TicketAgeMax.TotalMilliseconds;

        Assert.Equal(RenewOutcome.Closed, world.Renew("old", 100, ageMs: ageMax + 1).Outcome);
        Assert.Equal(RenewOutcome.Held, world.Renew("new", 100, ageMs: ageMax).Outcome);
    }

    [Fact]
    public void Renew_LookIntoTheLedgerFails_IsRetry()
    {
        using var world = AccountWorld.With(1000);
        world.Strike(LedgerMethod.FindEntries, LedgerFault.LostAfter);

        Assert.Equal(RenewOutcome.Retry, world.Renew("h", 100).Outcome);
        Assert.Equal(RenewOutcome.Held, world.Renew("h", 100).Outcome);
    }

    [Fact]
    public void Renew_LowerProgressThanBefore_TheHighestWins()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Renew("h", 100, progress: 70);
        world.Renew("h", 100, progress: 30);
        world.Pass(17);

        Assert.Equal(-70, world.Charge("h").Amount);
        Assert.Equal(70, world.Rows.Usage.Single().Usage[Output]);
    }

    [Fact]
    public void Renew_NumbersThatTheLedgerWouldRefuse_HurtNobody()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);

        var item = new RenewItem(AccountWorld.Ticket("h", 100), 1, new Usage { [Output] = -1 });
        Assert.IsType<InvariantException>(world.Start(() => world.Grain.RenewAsync(new RenewRequest(0, [item]))).Error);
        Assert.IsType<InvariantException>(world.StartRenew("h", 100, -1).Error);

        Assert.Equal(RenewOutcome.Held, world.Renew("h", 100).Outcome);
        Assert.Equal(1, world.Row.Epoch);
    }

    [Fact]
    public void Messages_AboutOneHold_AreHandledInTheOrderOfArrival()
    {
        using var world = AccountWorld.With(80_000);
        var gate = world.HoldBack(LedgerMethod.Commit);
        var admit = world.StartAdmit("h", 20_000);
        var extend = world.StartExtend("h", 20_000, 21_000);
        var settle = world.StartSettle("h", 21_000, 5);
        var late = world.StartExtend("h", 21_000, 22_000);
        var other = world.StartAdmit("other", 0);

        Assert.True(other.IsAnswered);
        gate.Open();
        world.RunUntilIdle();

        Assert.Equal(AdmitOutcome.Admitted, admit.Answer.Outcome);
        Assert.Equal(ExtendOutcome.Extended, extend.Answer.Outcome);
        Assert.Equal(SettleOutcome.Committed, settle.Answer.Outcome);
        Assert.Equal(ExtendOutcome.Closed, late.Answer.Outcome);
    }
}
