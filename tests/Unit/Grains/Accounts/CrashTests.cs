using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

/// <summary>Activations that follow or fence others: quarantine, adoption, twins.</summary>
public sealed class CrashTests
{
    /// <summary>An account whose activation in another process of the installation was lost with 600 of 1000 reserved.</summary>
    private static (AccountWorld World, Silo Old, Silo New) Crashed(string newProcess = "p1")
    {
        var world = AccountWorld.With(1000);
        world.Admit("h", 150);
        Assert.Equal(600, world.Row.Reserved);

        // The same process id: another activation of a cluster, whose edges may live.
        return (world, world.Silo, world.AddSilo(newProcess));
    }

    [Fact]
    public void Activate_AfterACrash_PutsTheReserveIntoQuarantine()
    {
        var (world, _, next) = Crashed();
        using var _ = world;

        var view = world.Run(() => next.Grain.ShowAsync())!;

        Assert.Equal((2L, 600L, 50L, 400L), (view.Epoch, view.QuarantinedNanos, view.ReservedNanos, view.AvailableNanos));
    }

    [Fact]
    public void Activate_AfterALateActivationOfADeadProcess_KeepsTheQuarantineOfItsOwnEdges()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 150);
        world.Run(() => world.Ledger.ActivateAsync(AccountWorld.AccountId, "late", "dead", world.Clock.GetUtcNow(), CancellationToken.None));
        Assert.Equal(AdmitOutcome.Retry, world.Run(() => world.Grain.AdmitAsync(AccountWorld.Request("finds out", 900))).Outcome);

        Assert.Equal(650, world.View.QuarantinedNanos);
        world.Pass(24);
        Assert.Equal(650, world.View.QuarantinedNanos);
        world.Pass(2);
        Assert.Equal(0, world.View.QuarantinedNanos);
    }

    [Fact]
    public void Quarantine_LedgerAwayWhileHoldsArePresented_EndsOnlyAfterTheyCouldBe()
    {
        var (world, _, next) = Crashed();
        using var _ = world;
        world.Run(() => next.Grain.ShowAsync());
        world.Ledger.IsAway = true;
        for (var seconds = 0.0; seconds < 30; seconds += 2.5)
        {
            Assert.Equal(RenewOutcome.Retry, world.Run(() => next.Grain.RenewAsync(AccountWorld.Renewal("h", 150))).Holds[0].Outcome);
            world.Pass(2.5);
        }

        world.Ledger.IsAway = false;
        world.Pass(2.5);

        Assert.Equal(AdmitOutcome.FundsInQuarantine, world.Run(() => next.Grain.AdmitAsync(AccountWorld.Request("all", 900))).Outcome);
        Assert.Equal((RenewOutcome.Held, 150L), Held(world.Run(() => next.Grain.RenewAsync(AccountWorld.Renewal("h", 150)))));
        world.Pass(10);
        Assert.Equal(0, world.Run(() => next.Grain.ShowAsync())!.QuarantinedNanos);

        static (RenewOutcome, long) Held(RenewAnswer answer) => (answer.Holds[0].Outcome, answer.Holds[0].TotalNanos);
    }

    [Fact]
    public void Renew_LookingForItsHoldMeetsABug_IsAlarmedAndTheActivationStepsDown()
    {
        var (world, _, next) = Crashed();
        using var _ = world;
        var epoch = world.Run(() => next.Grain.ShowAsync())!.Epoch;
        world.Break(LedgerMethod.FindEntries);

        Assert.Equal(RenewOutcome.Retry, world.Run(() => next.Grain.RenewAsync(AccountWorld.Renewal("h", 150))).Holds[0].Outcome);
        Assert.Contains(nameof(KeyNotFoundException), Assert.Single(world.Alarms.Messages), StringComparison.Ordinal);
        Assert.Equal(epoch + 1, world.Run(() => next.Grain.ShowAsync())!.Epoch);
    }

    [Fact]
    public void Admit_MoneyIsInQuarantine_SaysWhenToRetry()
    {
        var (world, _, next) = Crashed();
        using var _ = world;
        world.Run(() => next.Grain.ShowAsync());
        world.Pass(5);

        var refused = world.Run(() => next.Grain.AdmitAsync(AccountWorld.Request("big", 500)));
        var never = world.Run(() => next.Grain.AdmitAsync(AccountWorld.Request("bigger", 1001)));

        Assert.Equal((AdmitOutcome.FundsInQuarantine, 20_000L), (refused.Outcome, refused.RetryAfterMs));
        Assert.Equal((AdmitOutcome.InsufficientFunds, 400L), (never.Outcome, never.AvailableNanos));
        world.Pass(21);
        Assert.True(world.Run(() => next.Grain.AdmitAsync(AccountWorld.Request("big", 500))).IsAdmitted);
    }

    [Fact]
    public void Admit_QuarantineIsHeldByOthers_IsInsufficientFunds()
    {
        var (world, _, next) = Crashed();
        using var _ = world;
        world.Run(() => next.Grain.RenewAsync(AccountWorld.Renewal("h", 600)));

        Assert.Equal(AdmitOutcome.InsufficientFunds, world.Run(() => next.Grain.AdmitAsync(AccountWorld.Request("big", 500))).Outcome);
    }

    [Fact]
    public void Renew_DuringQuarantine_AdoptsOutOfIt()
    {
        var (world, _, next) = Crashed();
        using var _ = world;

        Assert.Equal(150, world.Run(() => next.Grain.RenewAsync(AccountWorld.Renewal("h", 150))).Holds[0].TotalNanos);
        var view = world.Run(() => next.Grain.ShowAsync())!;

        Assert.Equal((150L, 400L), (view.HeldNanos, view.AvailableNanos));
    }

    [Fact]
    public void Renew_MoreThanQuarantineBacks_TheRestIsOwn()
    {
        var (world, _, next) = Crashed();
        using var _ = world;

        Assert.Equal(700, world.Run(() => next.Grain.RenewAsync(AccountWorld.Renewal("h", 700))).Holds[0].TotalNanos);
        Assert.Equal(300, world.Run(() => next.Grain.RenewAsync(AccountWorld.Renewal("i", 300))).Holds[0].TotalNanos);
        Assert.Equal(0, world.Run(() => next.Grain.RenewAsync(AccountWorld.Renewal("j", 1))).Holds[0].TotalNanos);

        Assert.Equal(0, world.Run(() => next.Grain.ShowAsync())!.AvailableNanos);
        Assert.Equal(600, world.Row.Quarantined);
    }

    [Fact]
    public void Renew_ManyHoldsThatAreUnknown_AreLookedForInOneStatement()
    {
        using var world = AccountWorld.With(10_000);
        for (var i = 0; i < 5000; i++)
        {
            world.Admit($"h{i}", 1);
        }

        world.Settle("h7", 1, 1);
        var next = world.AddSilo("p2");
        world.Ledger.Calls.Clear();
        var answers = world.Run(() => Task.WhenAll(Enumerable.Range(0, 5).Select(part => next.Grain.RenewAsync(new RenewRequest(
            0, [.. Enumerable.Range(part * 1000, 1000).Select(i => new RenewItem(AccountWorld.Ticket($"h{i}", 1), 0, default))])))));

        Assert.Single(world.Ledger.Calls, static call => call.Method == LedgerMethod.FindEntries);
        var closed = Assert.Single(answers.SelectMany(static answer => answer.Holds), static hold => hold.Outcome != RenewOutcome.Held);
        Assert.Equal(("h7", RenewOutcome.Closed), (closed.HoldId, closed.Outcome));
        Assert.Equal(4999, world.Run(() => next.Grain.ShowAsync())!.HeldNanos);
    }

    [Fact]
    public void Renew_TheLookIsLost_AllAreAskedToRepeat()
    {
        var (world, _, next) = Crashed();
        using var _ = world;
        world.Strike(LedgerMethod.FindEntries, LedgerFault.LostBefore);
        var renewal = new RenewRequest(0, [.. "hij".Select(static id => new RenewItem(AccountWorld.Ticket($"{id}", 10), 0, default))]);

        Assert.All(world.Run(() => next.Grain.RenewAsync(renewal)).Holds, static hold => Assert.Equal(RenewOutcome.Retry, hold.Outcome));
        Assert.All(world.Run(() => next.Grain.RenewAsync(renewal)).Holds, static hold => Assert.Equal(RenewOutcome.Held, hold.Outcome));
    }

    [Fact]
    public void Settle_InheritedThenOwnThenAvailable_WithShortfall()
    {
        var (world, _, next) = Crashed();
        using var _ = world;
        world.Run(() => next.Grain.RenewAsync(AccountWorld.Renewal("h", 650)));

        var settled = world.Run(() => next.Grain.SettleAsync(AccountWorld.Settlement("h", 650, 1100)));

        Assert.Equal((1000L, 100L), (settled.ChargedNanos, settled.ShortfallNanos));
        Assert.Equal((0L, 0L, 0L), (world.Row.Balance, world.Row.Reserved, world.Row.Quarantined));
    }

    [Fact]
    public void Settle_PartOfWhatIsInherited_LeavesTheRestInQuarantine()
    {
        var (world, _, next) = Crashed();
        using var _ = world;
        world.Run(() => next.Grain.RenewAsync(AccountWorld.Renewal("h", 150)));
        var reserved = world.Row.Reserved;

        world.Run(() => next.Grain.SettleAsync(AccountWorld.Settlement("h", 150, 100)));

        Assert.Equal((900L, 500L, reserved), (world.Row.Balance, world.Row.Quarantined, world.Row.Reserved));
    }

    [Fact]
    public void Settle_UnknownAfterActivation_IsPresentedAndCharged()
    {
        var (world, _, next) = Crashed();
        using var _ = world;

        var settled = world.Run(() => next.Grain.SettleAsync(AccountWorld.Settlement("h", 150, 120)));

        Assert.Equal((SettleOutcome.Committed, 120L, 2L), (settled.Outcome, settled.ChargedNanos, settled.Epoch));
        Assert.Equal(480, world.Row.Quarantined);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Settle_UnknownAfterActivationButInTheLedger_IsAnsweredFromThere(bool isByLease)
    {
        var (world, _, next) = Crashed();
        using var _ = world;
        world.Renew("h", 150, 40);
        if (isByLease)
        {
            world.Pass(17);
        }
        else
        {
            world.Settle("h", 150, 40);
        }

        var settled = world.Run(() => next.Grain.SettleAsync(AccountWorld.Settlement("h", 150, 50)));

        Assert.Equal(
            (isByLease ? SettleOutcome.ClosedByLease : SettleOutcome.Committed, 40L, 2L),
            (settled.Outcome, settled.ChargedNanos, settled.Epoch));
        Assert.Equal(RenewOutcome.Closed, world.Run(() => next.Grain.RenewAsync(AccountWorld.Renewal("h", 150))).Holds[0].Outcome);
    }

    [Fact]
    public void Quarantine_Ends_WhatIsLeftBecomesReserveAndInheritedBecomesOwn()
    {
        var (world, _, next) = Crashed();
        using var _ = world;
        for (var i = 0; i < 6; i++)
        {
            world.Run(() => next.Grain.RenewAsync(AccountWorld.Renewal("h", 150)));
            world.Pass(4.5);
        }

        var view = world.Run(() => next.Grain.ShowAsync())!;
        Assert.Equal((0L, 150L, 850L), (view.QuarantinedNanos, view.HeldNanos, view.AvailableNanos));
        Assert.Equal(0, world.Row.Quarantined);
        world.Run(() => next.Grain.SettleAsync(AccountWorld.Settlement("h", 150, 100)));
        Assert.Equal(900, world.Row.Balance);
    }

    [Fact]
    public void Quarantine_EndOnItsWay_GivesNothingOutYet()
    {
        var (world, _, next) = Crashed();
        using var _ = world;
        world.Run(() => next.Grain.ShowAsync());
        world.Pass(24.5);
        world.Run(() => next.Grain.MoveAsync(new MoveRequest(0, EntryKind.Bonus, "gives authority", 1)));
        var gate = world.HoldBack(LedgerMethod.Commit);
        world.Pass(1);

        var renew = world.Start(() => next.Grain.RenewAsync(AccountWorld.Renewal("h", 600)));
        var admit = world.Start(() => next.Grain.AdmitAsync(AccountWorld.Request("i", 400)));
        Assert.False(renew.IsAnswered || admit.IsAnswered);
        gate.Open();
        world.RunUntilIdle();

        Assert.Equal(600, renew.Answer.Holds[0].TotalNanos);
        Assert.True(admit.Answer.IsAdmitted);
    }

    [Fact]
    public void Quarantine_LeftByADeadProcess_EndsAtOnce()
    {
        var (world, _, next) = Crashed("p2");
        using var _ = world;
        world.Run(() => next.Grain.ShowAsync());

        var view = world.Run(() => next.Grain.ShowAsync())!;

        Assert.Equal((0L, 1000L), (view.QuarantinedNanos, view.AvailableNanos));
        Assert.True(world.Run(() => next.Grain.AdmitAsync(AccountWorld.Request("big", 1000))).IsAdmitted);
    }

    [Fact]
    public void Quarantine_WhileItLasts_NoLeaseEnds()
    {
        var (world, _, next) = Crashed();
        using var _ = world;
        world.Run(() => next.Grain.RenewAsync(AccountWorld.Renewal("h", 150, 70)));
        world.Run(() => next.Grain.AdmitAsync(AccountWorld.Request("i", 10)));
        world.Pass(24);

        Assert.Equal(2, world.Run(() => next.Grain.ShowAsync())!.OpenHolds);
        world.Pass(3);
        Assert.Equal(0, world.Run(() => next.Grain.ShowAsync())!.OpenHolds);
        Assert.Equal(-70, world.Charge("h").Amount);
        Assert.Null(world.Charge("i"));
    }

    [Fact]
    public void Twin_OlderActivation_IsFencedAndItsWaitingCallsAreRetried()
    {
        var (world, old, next) = Crashed();
        using var _ = world;
        world.Run(() => next.Grain.ShowAsync());

        Assert.True(world.Admit("own", 100).IsAdmitted);
        var gate = world.HoldBack(LedgerMethod.Commit);
        var settle = world.StartSettle("h", 150, 100);
        var move = world.StartMove(EntryKind.Topup, "t", 5);
        var admit = world.StartAdmit("more", 900);
        gate.Open();
        world.RunUntilIdle();

        Assert.Equal(SettleOutcome.Retry, settle.Answer.Outcome);
        Assert.Equal(MoveOutcome.Retry, move.Answer.Outcome);
        Assert.Equal(AdmitOutcome.Retry, admit.Answer.Outcome);
        Assert.Equal(1000, world.Row.Balance);
        Assert.Equal(SettleOutcome.Committed, world.Run(() => next.Grain.SettleAsync(AccountWorld.Settlement("h", 150, 100))).Outcome);
        Assert.Equal(3, world.Run(() => old.Grain.ShowAsync())!.Epoch);
    }

    [Fact]
    public void Twin_LosesItsAuthorityWithinALease()
    {
        var (world, _, next) = Crashed();
        using var _ = world;
        world.Settle("h", 150, 0);
        world.Run(() => next.Grain.ShowAsync());
        Assert.True(world.Admit("own", 1).IsAdmitted);
        world.Pass(14.9);
        Assert.True(world.Admit("own", 1).IsAdmitted);
        world.Pass(0.2);

        Assert.Equal(AdmitOutcome.Retry, world.Admit("other", 1).Outcome);
    }

    [Fact]
    public void HigherEpochSeen_StepsDown()
    {
        using var world = AccountWorld.With(1000);

        Assert.Equal(AdmitOutcome.Retry, world.Run(() => world.Grain.AdmitAsync(AccountWorld.Request("h", 1, epoch: 2))).Outcome);
        Assert.Equal(2, world.View.Epoch);
        Assert.Equal(SettleOutcome.Retry, world.Run(() => world.Grain.SettleAsync(AccountWorld.Settlement("h", 1, 1, epoch: 3))).Outcome);
        Assert.Equal(3, world.View.Epoch);
        Assert.Equal(
            RenewOutcome.Retry, world.Run(() => world.Grain.RenewAsync(AccountWorld.Renewal("h", 1, epoch: 4))).Holds[0].Outcome);
        Assert.Equal(MoveOutcome.Retry, world.Run(() => world.Grain.MoveAsync(new MoveRequest(5, EntryKind.Topup, "t", 1))).Outcome);
        Assert.Equal(
            ExtendOutcome.Retry, world.Run(() => world.Grain.ExtendAsync(new ExtendRequest(6, AccountWorld.Ticket("h", 1), 2))).Outcome);
        Assert.Equal(ChangeOutcome.Retry, world.Run(() => world.Grain.SetKeyAsync(new SetKeyRequest(7, AccountWorld.Key))).Outcome);
        Assert.Equal(ChangeOutcome.Retry, world.Run(() => world.Grain.SetStatusAsync(new SetStatusRequest(8, null, null))).Outcome);
        Assert.Equal(8, world.View.Epoch);
    }

    [Fact]
    public void HigherEpochSeen_WhileABatchIsOut_ItsOperationsGetTheirTrueAnswer()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        var gate = world.HoldBack(LedgerMethod.Commit);
        var out1 = world.StartSettle("h", 100, 60);
        var waiting = world.StartMove(EntryKind.Topup, "t", 5);
        var stale = world.Start(() => world.Grain.AdmitAsync(AccountWorld.Request("i", 1, epoch: 9)));
        Assert.Equal((MoveOutcome.Retry, AdmitOutcome.Retry), (waiting.Answer.Outcome, stale.Answer.Outcome));
        Assert.False(out1.IsAnswered);

        gate.Open();
        world.RunUntilIdle();

        Assert.Equal(SettleOutcome.Committed, out1.Answer.Outcome);
        Assert.Equal(2, world.View.Epoch);
    }

    [Fact]
    public void HigherEpochSeen_WhileABatchOfARefThatExistsIsOut_NobodyWaitsForEver()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Settle("h", 100, 10);
        world.Silo.Stop();
        var next = world.AddSilo("p2");
        world.Run(() => next.Grain.AdmitAsync(AccountWorld.Request("h", 100)));
        world.Run(() => next.Grain.AdmitAsync(AccountWorld.Request("i", 100)));
        var gate = world.HoldBack(LedgerMethod.Commit);
        _ = world.Start(() => next.Grain.MoveAsync(new MoveRequest(0, EntryKind.Bonus, "first", 1)));
        var again = world.Start(() => next.Grain.SettleAsync(AccountWorld.Settlement("h", 100, 10)));
        var other = world.Start(() => next.Grain.SettleAsync(AccountWorld.Settlement("i", 100, 10)));
        gate.Open();
        var second = world.HoldBack(LedgerMethod.Commit);
        world.RunUntilIdle();
        _ = world.Start(() => next.Grain.AdmitAsync(AccountWorld.Request("j", 1, epoch: 9)));
        second.Open();
        world.RunUntilIdle();

        Assert.Equal((SettleOutcome.Committed, 10L), (again.Answer.Outcome, again.Answer.ChargedNanos));
        Assert.Equal(SettleOutcome.Retry, other.Answer.Outcome);
        Assert.Equal(SettleOutcome.Committed, world.Run(() => next.Grain.SettleAsync(AccountWorld.Settlement("i", 100, 10))).Outcome);
    }

    [Fact]
    public void LockRegained_AfterAnotherHadIt_AdmitsNothingOnWhatWasKnownBefore()
    {
        using var world = AccountWorld.With(1000);
        Assert.True(world.Admit("before", 1).IsAdmitted);

        // Who had the lock has freed what this one had reserved, and is gone again.
        world.Run(() => world.Ledger.ActivateAsync(AccountWorld.AccountId, "another", "p2", world.Clock.GetUtcNow(), CancellationToken.None));
        world.Silo.TimesTaken++;

        Assert.Equal(AdmitOutcome.Retry, world.Admit("after", 1).Outcome);
    }

    [Fact]
    public void LockRegained_ByAProcessThatLivedOn_AdoptsItsHoldsAsOwn()
    {
        var (world, _, next) = Crashed("p2");
        using var _ = world;
        world.Run(() => next.Grain.ShowAsync());
        Assert.Equal(SettleOutcome.Retry, world.Settle("h", 150, 100).Outcome);

        // Its own activation comes again, under a new epoch, and takes what the other left.
        Assert.Equal(SettleOutcome.Committed, world.Settle("h", 150, 100).Outcome);
        Assert.Equal((3L, 900L), (world.View.Epoch, world.Row.Balance));
    }

    [Fact]
    public void CleanStop_GivesTheReserveBack()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Settle("h", 100, 10);
        Assert.NotEqual(0, world.Row.Reserved);

        world.Silo.Stop();

        Assert.Equal((0L, 0L, 990L), (world.Row.Reserved, world.Row.Quarantined, world.Row.Balance));
    }

    [Fact]
    public void CleanStop_SettlementsInFlight_AreCommittedAndAnsweredFirst()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Admit("open", 50);
        var gate = world.HoldBack(LedgerMethod.Commit);
        var settle = world.StartSettle("h", 100, 10);
        var stop = world.Start(async () =>
        {
            await world.Silo.StopAsync();
            return true;
        });
        Assert.False(stop.IsAnswered || settle.IsAnswered);
        gate.Open();
        world.RunUntilIdle();

        Assert.True(stop.IsAnswered);
        Assert.Equal(SettleOutcome.Committed, settle.Answer.Outcome);
        Assert.Equal(50, world.Row.Reserved);
    }

    [Fact]
    public void Rest_AfterEverythingStopped_TheNextThatLivesPastItsQuarantineLeavesNothingReserved()
    {
        var (world, _, next) = Crashed();
        using var _ = world;
        world.Run(() => next.Grain.ShowAsync());
        world.Pass(27);
        next.Stop();

        Assert.Equal((0L, 0L, 1000L), (world.Row.Reserved, world.Row.Quarantined, world.Row.Balance));
    }

    [Fact]
    public void Activate_AnswerLost_TheNextTryActivatesAnew()
    {
        using var world = AccountWorld.With(1000);
        var next = world.AddSilo("p1");
        world.Strike(LedgerMethod.Activate, LedgerFault.LostAfter);
        Assert.IsType<LedgerLostException>(world.Start(() => next.Grain.ShowAsync()).Error);

        Assert.Equal(3, world.Run(() => next.Grain.ShowAsync())!.Epoch);
    }

    [Fact]
    public void Activate_LateAfterItsSenderGaveUp_FencesTheOwnerOnce()
    {
        using var world = AccountWorld.With(1000);
        var next = world.AddSilo("p1");
        world.Strike(LedgerMethod.Activate, LedgerFault.RunsLate);
        Assert.NotNull(world.Start(() => next.Grain.ShowAsync()).Error);
        world.Run(() => next.Grain.AdmitAsync(AccountWorld.Request("h", 100)));
        world.Ledger.RunLate();

        Assert.Equal(SettleOutcome.Retry, world.Run(() => next.Grain.SettleAsync(AccountWorld.Settlement("h", 100, 60))).Outcome);
        Assert.Equal(SettleOutcome.Committed, world.Run(() => next.Grain.SettleAsync(AccountWorld.Settlement("h", 100, 60))).Outcome);
        Assert.Equal((4L, 940L), (world.Row.Epoch, world.Row.Balance));
    }

    [Fact]
    public void Activate_DoubledForAnAccountThatAppears_DoesNotFenceItself()
    {
        using var world = new AccountWorld();
        world.Admit("h", 0);
        world.Run(async () =>
        {
            await world.Ledger.CreateAccountAsync(AccountWorld.AccountId, "", RateLimits.None, default, CancellationToken.None);
            return true;
        });
        var gate = world.HoldBack(LedgerMethod.Activate);
        var first = world.StartMove(EntryKind.Topup, "a", 1);
        var second = world.StartMove(EntryKind.Topup, "b", 2);
        gate.Open();
        world.RunUntilIdle();

        Assert.Equal((MoveOutcome.Moved, MoveOutcome.Moved), (first.Answer.Outcome, second.Answer.Outcome));
        Assert.Equal((1L, 3L), (world.Row.Epoch, world.Row.Balance));
    }
}
