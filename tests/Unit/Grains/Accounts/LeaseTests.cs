using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

/// <summary>Ends of leases, quarantine and authority.</summary>
public sealed class LeaseTests
{
    [Fact]
    public void LeaseEnd_RenewedBefore_ChargesTheProgress()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Renew("h", 100, progress: 40);
        world.Pass(14);
        Assert.Equal(1, world.View.OpenHolds);
        world.Pass(3);

        var charge = world.Charge("h");
        Assert.Equal((-40L, 0L, ClosedBy.Lease), (charge.Amount, charge.Shortfall, charge.ClosedBy));
        var usage = world.Rows.Usage.Single();
        Assert.Equal((RequestStatus.EdgeLost, 40L, 1000L), (usage.Status, usage.Charge, usage.DurationMs));
        Assert.Equal(40, world.Rows.Keys[AccountWorld.KeyId].Spend.TotalNanos);
        Assert.Equal((0, 960L), (world.View.OpenHolds, world.View.AvailableNanos));
    }

    [Fact]
    public void LeaseEnd_AtZeroProgress_IsARowOfNothing()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Renew("h", 100);
        world.Pass(17);

        Assert.Equal((0L, ClosedBy.Lease), (world.Charge("h").Amount, world.Charge("h").ClosedBy));
    }

    [Fact]
    public void LeaseEnd_ProgressAboveTheHold_IsBoundedByIt()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Renew("h", 100, progress: 400);
        world.Pass(17);

        Assert.Equal((-100L, 0L), (world.Charge("h").Amount, world.Charge("h").Shortfall));
    }

    [Fact]
    public void LeaseEnd_NeverRenewed_IsLetGoWithoutARow()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 1000);
        world.Pass(17);

        Assert.Null(world.Charge("h"));
        Assert.True(world.Admit("other", 1000).IsAdmitted);
    }

    [Fact]
    public void LeaseEnd_NeverRenewed_IsLetGoOnlyByAStatementSentAfterIt()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 1000);
        world.Pass(14.5);
        var gate = world.HoldBack(LedgerMethod.Commit);
        _ = world.StartMove(EntryKind.Bonus, "sent before", 1);
        world.Pass(3);
        var commits = world.Commits;

        Assert.Equal(1, world.View.OpenHolds);
        gate.Open();
        world.RunUntilIdle();

        Assert.Equal((0, commits + 1), (world.View.OpenHolds, world.Commits));
    }

    [Fact]
    public void LeaseEnd_SomethingAnsweredMeanwhile_KeepsTheHold()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 1000);
        world.Pass(14.5);
        var gate = world.HoldBack(LedgerMethod.Commit);
        world.Pass(2);
        var repeat = world.StartAdmit("h", 1000);
        gate.Open();
        world.RunUntilIdle();

        Assert.True(repeat.Answer.IsAdmitted);
        Assert.Equal(1, world.View.OpenHolds);
    }

    [Fact]
    public void LeaseEnd_SettlementIsHere_DoesNotCloseIt()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Renew("h", 100, progress: 10);
        world.Pass(12);
        var gate = world.HoldBack(LedgerMethod.FindEntries);
        var settle = world.StartSettle("h", 200, 150);
        world.Pass(6);
        gate.Open();
        world.RunUntilIdle();

        Assert.Equal((SettleOutcome.Committed, 150L), (settle.Answer.Outcome, settle.Answer.ChargedNanos));
    }

    [Fact]
    public void LeaseEnd_Charged_LaterMessagesFindItClosed()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Renew("h", 100, progress: 10);
        world.Pass(17);

        Assert.Equal(RenewOutcome.Closed, world.Renew("h", 100, 20).Outcome);
        Assert.Equal(ExtendOutcome.Closed, world.Extend("h", 100, 200).Outcome);
        Assert.Equal(AdmitOutcome.HoldClosed, world.Admit("h", 100).Outcome);
        Assert.Equal((SettleOutcome.ClosedByLease, 10L), (world.Settle("h", 100, 20).Outcome, world.Settle("h", 100, 20).ChargedNanos));
        world.Pass(62);
        Assert.Equal(RenewOutcome.Closed, world.Renew("h", 100, 20).Outcome);
        Assert.Equal(SettleOutcome.ClosedByLease, world.Settle("h", 100, 20).Outcome);
    }

    [Fact]
    public void Renew_WhileTheLeaseEndIsOnItsWay_WaitsForItsCommit()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Renew("h", 100, progress: 10);
        world.Pass(14);
        var isHeldBack = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Ledger.Before = call => call.Batches.Any(static b => !b.Entries.IsEmpty) ? isHeldBack.Task : Task.CompletedTask;
        world.Pass(3);

        var renew = world.StartRenew("h", 100, 20);
        var settle = world.StartSettle("h", 100, 20);
        Assert.False(renew.IsAnswered || settle.IsAnswered);
        isHeldBack.SetResult();
        world.RunUntilIdle();

        Assert.Equal(RenewOutcome.Closed, renew.Answer.Holds[0].Outcome);
        Assert.Equal(SettleOutcome.ClosedByLease, settle.Answer.Outcome);
    }

    [Fact]
    public void Authority_OverTheLease_AsksBeforeItAdmitsOrRefuses()
    {
        using var world = AccountWorld.With(80_000);
        world.Admit("h", 100);
        world.Settle("h", 100, 0);
        var commits = world.Commits;
        world.Pass(16);

        Assert.True(world.Admit("i", 100).IsAdmitted);
        Assert.Equal(commits + 1, world.Commits);
        world.Settle("i", 100, 0);
        world.Pass(16);
        var asked = world.Commits;
        Assert.Equal(AdmitOutcome.UnknownKey, world.Run(
            () => world.Grain.AdmitAsync(AccountWorld.Request("j", 100) with { KeyId = "other" })).Outcome);
        Assert.Equal(asked + 1, world.Commits);
    }

    [Fact]
    public void Authority_CountsFromWhenTheStatementWasSent()
    {
        using var world = AccountWorld.With(80_000);
        var gate = world.HoldBack(LedgerMethod.Commit, afterwards: true);
        _ = world.StartMove(EntryKind.Bonus, "b", 1);
        world.Pass(10);
        gate.Open();
        world.Pass(6);
        var commits = world.Commits;

        world.Admit("h", 100);

        Assert.Equal(commits + 1, world.Commits);
    }

    [Fact]
    public void LedgerAway_AdmissionsGoOnWhileReserveAndAuthorityLast()
    {
        using var world = AccountWorld.With(80_000);
        world.Admit("a", 100);
        world.Ledger.IsAway = true;

        Assert.True(world.Admit("b", 4000).IsAdmitted);
        Assert.True(world.Admit("c", 4000).IsAdmitted);
        var beyond = world.StartAdmit("d", 4000);
        world.Pass(7);
        Assert.Equal(AdmitOutcome.Unavailable, beyond.Answer.Outcome);
        Assert.True(world.Admit("e", 100).IsAdmitted);
        world.Pass(9);
        var without = world.StartAdmit("f", 100);
        world.Pass(7);
        Assert.Equal(AdmitOutcome.Unavailable, without.Answer.Outcome);
    }

    [Fact]
    public void LedgerAway_SettlementsWaitAndAreCommittedOnceItIsBack()
    {
        using var world = AccountWorld.With(80_000);
        world.Admit("a", 100);
        world.Admit("b", 100);
        world.Ledger.IsAway = true;
        var settlements = new[] { world.StartSettle("a", 100, 50), world.StartSettle("b", 100, 60), world.StartSettle("a", 100, 50) };
        world.Pass(60);
        Assert.All(settlements, call => Assert.Equal(SettleOutcome.Retry, call.Answer.Outcome));
        settlements = [world.StartSettle("a", 100, 50), world.StartSettle("b", 100, 60), world.StartSettle("a", 100, 50)];

        world.Ledger.IsAway = false;
        world.Pass(1);

        Assert.All(settlements, call => Assert.Equal(SettleOutcome.Committed, call.Answer.Outcome));
        Assert.Equal(80_000 - 110, world.Row.Balance);
    }

    [Fact]
    public void LedgerAway_TooMuchWaits_AdmissionIsUnavailableAtOnce()
    {
        var options = new OrleansGateway.Grains.Accounts.AccountOptions { ProcessId = "p1", WaitingOperationsMax = 3 };
        using var world = AccountWorld.With(8000, options: options);
        world.Ledger.IsAway = true;
        var waiting = Enumerable.Range(0, 3).Select(i => world.StartAdmit($"w{i}", 5000)).ToList();

        Assert.Equal(AdmitOutcome.Unavailable, world.Admit("h", 5000).Outcome);
        Assert.All(waiting, call => Assert.False(call.IsAnswered));
        world.Ledger.IsAway = false;
        world.Pass(1);
        Assert.Single(waiting, call => call.Answer.IsAdmitted);
    }

    [Fact]
    public void ClosedHolds_AfterAMinute_AreForgottenAndTheAccountRests()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Settle("h", 100, 1);
        world.Pass(59);
        Assert.Equal(AdmitOutcome.HoldClosed, world.Admit("h", 100).Outcome);

        world.Pass(20 * 60);

        Assert.Equal((0L, 0L), (world.Row.Reserved, world.Row.Quarantined));
        Assert.Equal(999, world.View.AvailableNanos);
        Assert.Equal(2, world.Row.Epoch);
    }
}
