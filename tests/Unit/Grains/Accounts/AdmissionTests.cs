using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Tests.Shared.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

public sealed class AdmissionTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(20)]
    public void Admit_TenTimesMoreThanTheBalanceCovers_AdmitsExactlyThose(int count)
    {
        using var world = AccountWorld.With(count * 1000);

        var calls = Enumerable.Range(0, 10 * count)
            .Select(i => world.StartAdmit($"h{i}", 1000))
            .ToList();

        Assert.All(calls, call => Assert.True(call.IsAnswered));
        Assert.Equal(count, calls.Count(call => call.Answer.IsAdmitted));
        Assert.All(calls.Where(call => !call.Answer.IsAdmitted), call => Assert.Equal(AdmitOutcome.InsufficientFunds, call.Answer.Outcome));
        Assert.Equal(count * 1000, world.View.HeldNanos);
    }

    [Fact]
    public void Admit_ManyAtOnceBehindOneBatch_AdmitsInTheOrderOfArrival()
    {
        using var world = AccountWorld.With(5000);
        var gate = world.HoldBack(LedgerMethod.Commit);
        var calls = Enumerable.Range(0, 10)
            .Select(i => world.StartAdmit($"h{i}", 1000))
            .ToList();

        gate.Open();
        world.RunUntilIdle();

        Assert.Equal([true, true, true, true, true, false, false, false, false, false], calls.Select(call => call.Answer.IsAdmitted));
    }

    [Fact]
    public void Admit_MostIsAnEighthOfWhatIsAvailable_HoldsMost()
    {
        using var world = AccountWorld.With(8000);

        Assert.Equal(1000, world.Admit("h", most: 1000, least: 10).TotalNanos);
    }

    [Fact]
    public void Admit_MostIsMoreThanAnEighth_HoldsLeast()
    {
        using var world = AccountWorld.With(8000);

        Assert.Equal(10, world.Admit("h", most: 1001, least: 10).TotalNanos);
    }

    [Fact]
    public void Admit_Poor_SpendsItsLastCent()
    {
        using var world = AccountWorld.With(7);

        Assert.True(world.Admit("a", 3).IsAdmitted);
        Assert.True(world.Admit("b", 3).IsAdmitted);
        Assert.True(world.Admit("c", 1).IsAdmitted);
        Assert.Equal(AdmitOutcome.InsufficientFunds, world.Admit("d", 1).Outcome);
        Assert.True(world.Admit("free", 0).IsAdmitted);

        world.Settle("a", 3, 3);
        world.Settle("b", 3, 3);
        world.Settle("c", 1, 1);
        Assert.Equal(0, world.Row.Balance);
    }

    [Fact]
    public void Admit_WithReserve_WritesNothing()
    {
        using var world = AccountWorld.With(1_000_000);
        world.Admit("first", 100);
        var commits = world.Commits;

        for (var i = 0; i < 100; i++)
        {
            Assert.True(world.Admit($"h{i}", 100).IsAdmitted);
        }

        Assert.Equal(commits, world.Commits);
    }

    [Fact]
    public void AdmitMany_OneHasToWait_AnswersTheOthersAndHoldsNothingForIt()
    {
        using var world = AccountWorld.With(1_000_000);
        world.Admit("first", 100);
        var large = world.Row.Reserved;

        var answers = world.Run(() => world.Grain.AdmitManyAsync(
            [AccountWorld.Request("a", 10), AccountWorld.Request("waits", large), AccountWorld.Request("b", 20)]));

        Assert.Equal([10L, null, 20L], answers.Select(answer => answer?.TotalNanos));
        Assert.Equal(130, world.View.HeldNanos);
        Assert.Equal(large, world.Admit("waits", large).TotalNanos);
    }

    [Fact]
    public void AdmitMany_WithAnIdempotencyKeyOrAnEarlierMessageUnderWay_HasToWait()
    {
        using var world = AccountWorld.With(1_000_000);
        world.Admit("first", 100);
        var gate = world.HoldBack(LedgerMethod.Commit);
        var underWay = world.StartAdmit("big", world.Row.Reserved);

        var answers = world.Run(() => world.Grain.AdmitManyAsync(
            [AccountWorld.Request("a", 10) with { IdempotencyKey = "once" }, AccountWorld.Request("big", 10)]));

        Assert.Equal([null, null], answers);
        gate.Open();
        world.RunUntilIdle();
        Assert.True(underWay.Answer.IsAdmitted);
    }

    [Fact]
    public void AdmitMany_OfAnAccountThatIsNotThere_IsLookedForAlone()
    {
        using var world = new AccountWorld();

        Assert.Equal([null], world.Run(() => world.Grain.AdmitManyAsync([AccountWorld.Request("a", 10)])));
        Assert.Equal(AdmitOutcome.UnknownKey, world.Admit("a", 10).Outcome);
    }

    [Fact]
    public void AdmitMany_OneHasSeenANewerEpoch_AllAreSentToTheNextActivation()
    {
        using var world = AccountWorld.With(1_000_000);
        world.Admit("first", 100);

        var answers = world.Run(() => world.Grain.AdmitManyAsync(
            [AccountWorld.Request("a", 10), AccountWorld.Request("b", 10, epoch: 9), AccountWorld.Request("c", 10)]));

        Assert.All(answers, answer => Assert.Equal(AdmitOutcome.Retry, answer!.Outcome));
    }

    [Fact]
    public void Admit_Repeated_GetsTheSameHold()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 700);

        Assert.Equal(700, world.Admit("h", 700).TotalNanos);
        Assert.Equal(700, world.View.HeldNanos);
        Assert.Equal(1, world.View.OpenHolds);
    }

    [Fact]
    public void Admit_AfterItsSettlement_IsHoldClosed()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 700);
        world.Settle("h", 700, 1);

        Assert.Equal(AdmitOutcome.HoldClosed, world.Admit("h", 700).Outcome);
    }

    [Fact]
    public void Admit_WhileItSettles_IsHoldClosed()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 700);
        var gate = world.HoldBack(LedgerMethod.Commit);
        _ = world.StartSettle("h", 700, 1);

        var late = world.StartAdmit("h", 700);
        Assert.False(late.IsAnswered);
        gate.Open();
        world.RunUntilIdle();

        Assert.Equal(AdmitOutcome.HoldClosed, late.Answer.Outcome);
    }

    [Fact]
    public void Admit_NotEnough_TellsWhatIsAvailable()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 700);

        var refused = world.Admit("other", 301);

        Assert.Equal((AdmitOutcome.InsufficientFunds, 300L, 0L), (refused.Outcome, refused.AvailableNanos, refused.RetryAfterMs));
        Assert.True(world.Admit("less", 300).IsAdmitted);
    }

    [Fact]
    public void Admit_NotEnough_IsRefusedOnlyByAStatementSentAfterIt()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 1000);
        var gate = world.HoldBack(LedgerMethod.Commit);
        _ = world.StartMove(EntryKind.Topup, "earlier", 1);
        var commits = world.Commits;

        var call = world.StartAdmit("other", 100);
        Assert.False(call.IsAnswered);
        gate.Open();
        world.RunUntilIdle();

        Assert.Equal(AdmitOutcome.InsufficientFunds, call.Answer.Outcome);
        Assert.Equal(commits + 1, world.Commits);
    }

    [Fact]
    public void Admit_WhileACreditIsOnItsWay_IsAdmittedOnceThatIsCommitted()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 1000);
        var gate = world.HoldBack(LedgerMethod.Commit);
        _ = world.StartMove(EntryKind.Topup, "more", 500);

        var call = world.StartAdmit("other", 500);
        Assert.False(call.IsAnswered);
        gate.Open();
        world.RunUntilIdle();

        Assert.True(call.Answer.IsAdmitted);
    }

    [Fact]
    public void Admit_FirstBlock_IsAnEighthOfWhatIsFree()
    {
        using var world = AccountWorld.With(80_000);

        world.Admit("h", 100);

        Assert.Equal(10_000, world.Row.Reserved);
    }

    [Fact]
    public void Admit_LargeRequest_ReservesFourSuch()
    {
        using var world = AccountWorld.With(80_000);

        world.Admit("h", 5000);

        Assert.Equal(20_000, world.Row.Reserved);
    }

    [Fact]
    public void Admit_LessThanABlockIsFree_ReservesAllOfIt()
    {
        using var world = AccountWorld.With(9000);

        world.Admit("h", 5000);

        Assert.Equal(9000, world.Row.Reserved);
    }

    [Fact]
    public void Admit_LessThanHalfABlockLeft_ExtendsInTheBackground()
    {
        using var world = AccountWorld.With(80_000);
        world.Admit("a", 100);
        var commits = world.Commits;

        world.Admit("b", 4900);
        Assert.Equal(commits, world.Commits);
        var gate = world.HoldBack(LedgerMethod.Commit);
        Assert.True(world.Admit("c", 1).IsAdmitted);

        Assert.Equal(commits + 1, world.Commits);
        gate.Open();
        world.RunUntilIdle();
        Assert.Equal(10_000 + 8750, world.Row.Reserved);
    }

    [Fact]
    public void Admit_BlockOnItsWay_DoesNotCountYet()
    {
        using var world = AccountWorld.With(800);
        var gate = world.HoldBack(LedgerMethod.Commit, afterwards: true);
        var first = world.StartAdmit("a", 100);

        Assert.Equal(400, world.Row.Reserved);
        Assert.False(first.IsAnswered);
        gate.Open();
        world.RunUntilIdle();
        Assert.True(first.Answer.IsAdmitted);
    }

    [Fact]
    public void Admit_DebitOnItsWay_CountsAsGone()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("a", 400);
        Assert.Equal(1000, world.Row.Reserved);
        var gate = world.HoldBack(LedgerMethod.Commit);
        var debit = world.StartMove(EntryKind.Refund, "back", -500);

        var call = world.StartAdmit("b", 200);
        Assert.False(call.IsAnswered);
        Assert.True(world.Admit("c", 100).IsAdmitted);
        gate.Open();
        world.RunUntilIdle();

        Assert.Equal(MoveOutcome.Moved, debit.Answer.Outcome);
        Assert.Equal((AdmitOutcome.InsufficientFunds, 0L), (call.Answer.Outcome, call.Answer.AvailableNanos));
    }

    [Fact]
    public void Admit_AccountIsNotThere_IsUnknownKeyUntilItIsCreated()
    {
        using var world = new AccountWorld();
        Assert.Equal(AdmitOutcome.UnknownKey, world.Admit("h", 0).Outcome);
        Assert.Equal(MoveOutcome.UnknownAccount, world.Move(EntryKind.Topup, "t", 1).Outcome);
        Assert.Equal(ChangeOutcome.UnknownAccount, world.SetKey(AccountWorld.Key).Outcome);
        Assert.Equal(ChangeOutcome.UnknownAccount, world.SetStatus(AccountStatus.Suspended).Outcome);
        Assert.Equal(RenewOutcome.Retry, world.Renew("h", 1).Outcome);

        Assert.Equal(ChangeOutcome.Done, world.Run(() => world.Grain.CreateAsync(new CreateRequest("Test", RateLimits.None))).Outcome);
        world.SetKey(AccountWorld.Key);

        Assert.True(world.Admit("h", 0).IsAdmitted);
    }

    [Fact]
    public void Admit_WithoutTheLock_IsUnavailableAndNothingActivates()
    {
        using var world = AccountWorld.With(1000);
        world.Silo.IsHeld = false;

        Assert.Equal(AdmitOutcome.Unavailable, world.Admit("h", 1).Outcome);
        var elsewhere = world.AddSilo("p2");
        elsewhere.IsHeld = false;
        var answer = world.Run(() => elsewhere.Grain.AdmitAsync(AccountWorld.Request("h", 1)));
        var credit = world.Start(() => elsewhere.Grain.MoveAsync(new MoveRequest(0, EntryKind.Topup, "order", 1)));

        Assert.Equal(AdmitOutcome.Unavailable, answer.Outcome);
        Assert.IsType<AccountUnavailableException>(credit.Error);
        Assert.Equal(1, world.Row.Epoch);
    }

    [Fact]
    public void Admit_LockGoneWithTheDatabase_GoesOnWhileReserveAndAuthorityLast()
    {
        using var world = AccountWorld.With(1000);
        world.Silo.IsHeld = false;
        world.Silo.IsDatabaseAway = true;

        Assert.True(world.Admit("h", 1).IsAdmitted);
    }

    [Fact]
    public void Admit_LockLostBeforeTheAccountIsThere_DoesNotActivate()
    {
        using var world = new AccountWorld();
        world.Admit("h", 0);
        world.Run(async () =>
        {
            await world.Ledger.CreateAccountAsync(AccountWorld.AccountId, "", RateLimits.None, default, CancellationToken.None);
            return true;
        });
        world.Silo.IsHeld = false;

        Assert.Equal(AdmitOutcome.Unavailable, world.Admit("h", 0).Outcome);
        Assert.Equal(0, world.Row.Epoch);
        world.Silo.IsHeld = true;
        Assert.Equal(AdmitOutcome.UnknownKey, world.Admit("h", 0).Outcome);
        Assert.Equal(1, world.Row.Epoch);
    }

    [Fact]
    public void Admit_NegativeAmount_IsABugOfTheCallerAlone()
    {
        using var world = AccountWorld.With(1000);

        Assert.IsType<InvariantException>(world.StartAdmit("h", 1, -1).Error);
        Assert.True(world.Admit("h", 1).IsAdmitted);
        Assert.Equal(1, world.Row.Epoch);
    }

    [Fact]
    public void Reserve_LittleIsFree_ABlockIsNeverNothing()
    {
        using var world = AccountWorld.With(20);
        world.Silo.Stop();
        var next = world.AddSilo("p2");
        world.Run(() => next.Grain.ShowAsync());
        Assert.Equal(2, world.Row.Reserved);
        var calls = world.Ledger.Calls.Count;
        world.Ledger.Fault = _ => world.Ledger.Calls.Count > calls + 50 ? LedgerFault.LostBefore : LedgerFault.None;

        // Nothing was held yet, so a block is an eighth of what is free.
        foreach (var amount in (long[])[-20, 5])
        {
            world.Run(() => next.Grain.MoveAsync(new MoveRequest(0, EntryKind.Adjustment, $"{amount}", amount)));
        }

        Assert.Equal(1, world.Row.Reserved);
        Assert.InRange(world.Ledger.Calls.Count, calls, calls + 8);
    }
}
