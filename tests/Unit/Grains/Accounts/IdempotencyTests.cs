using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

public sealed class IdempotencyTests
{
    private static readonly Sha256Hash Body = Sha256Hash.Of("body"u8);
    private static readonly Sha256Hash OtherBody = Sha256Hash.Of("other"u8);

    private static AdmitRequest Request(string hold, string key = "k", Sha256Hash? body = null) =>
        AccountWorld.Request(hold, 100) with { IdempotencyKey = key, BodyHash = body ?? Body };

    private static AdmitAnswer Admit(AccountWorld world, string hold, string key = "k", Sha256Hash? body = null) =>
        world.Run(() => world.Grain.AdmitAsync(Request(hold, key, body)));

    [Fact]
    public void Admit_FirstWithAKey_IsWrittenDownBeforeItIsAnswered()
    {
        using var world = AccountWorld.With(1000);
        var gate = world.HoldBack(LedgerMethod.Commit);
        var call = world.Start(() => world.Grain.AdmitAsync(Request("h")));
        Assert.False(call.IsAnswered);
        gate.Open();
        world.RunUntilIdle();

        Assert.True(call.Answer.IsAdmitted);
        var row = world.Rows.Idempotency["k"];
        Assert.Equal(("h", IdempotencyState.Running, Body), (row.HoldId, row.State, row.BodyHash));
    }

    [Fact]
    public void Admit_LookingUpTheKeyMeetsABug_IsAlarmedAndTheActivationStepsDown()
    {
        using var world = AccountWorld.With(1000);
        var epoch = world.View.Epoch;
        world.Break(LedgerMethod.FindIdempotency);

        Assert.Equal(AdmitOutcome.Retry, Admit(world, "h").Outcome);
        Assert.Contains(nameof(KeyNotFoundException), Assert.Single(world.Alarms.Messages), StringComparison.Ordinal);
        Assert.Equal(epoch + 1, world.View.Epoch);
    }

    [Fact]
    public void Repeat_WhileItRuns_IsRunning()
    {
        using var world = AccountWorld.With(1000);
        Admit(world, "h");

        var repeat = Admit(world, "i");

        Assert.Equal((AdmitOutcome.IdempotencyRunning, "h"), (repeat.Outcome, repeat.EarlierRequestId));
        Assert.True(repeat.RetryAfterMs > 0);
        Assert.Equal(1, world.View.OpenHolds);
    }

    [Fact]
    public void Repeat_OfTheSameHold_GetsTheSameHold()
    {
        using var world = AccountWorld.With(1000);
        var gate = world.HoldBack(LedgerMethod.Commit);
        var first = world.Start(() => world.Grain.AdmitAsync(Request("h")));
        var second = world.Start(() => world.Grain.AdmitAsync(Request("h")));
        gate.Open();
        world.RunUntilIdle();

        Assert.True(first.Answer.IsAdmitted && second.Answer.IsAdmitted && Admit(world, "h").IsAdmitted);
        Assert.Equal((1, 100L), (world.View.OpenHolds, world.View.HeldNanos));
    }

    [Fact]
    public void Repeat_TwoAtOnce_AdmitsOne()
    {
        using var world = AccountWorld.With(1000);
        var gate = world.HoldBack(LedgerMethod.FindIdempotency);
        var calls = Enumerable.Range(0, 2).Select(i => world.Start(() => world.Grain.AdmitAsync(Request($"h{i}")))).ToList();
        gate.Open();
        world.RunUntilIdle();

        Assert.Single(calls, call => call.Answer.IsAdmitted);
        Assert.Single(calls, call => call.Answer.Outcome == AdmitOutcome.IdempotencyRunning);
    }

    [Fact]
    public void Repeat_AfterItCompleted_NamesTheRequestAndItsCharge()
    {
        using var world = AccountWorld.With(1000);
        Admit(world, "h");
        world.Settle("h", 100, 60);

        var repeat = Admit(world, "i");

        Assert.Equal(
            (AdmitOutcome.IdempotencyCompleted, "h", 60L), (repeat.Outcome, repeat.EarlierRequestId, repeat.EarlierChargeNanos));
    }

    [Fact]
    public void Repeat_AfterItEndedWithoutCompleting_RunsAgain()
    {
        using var world = AccountWorld.With(1000);
        Admit(world, "h");
        world.Settle("h", 100, 0, RequestStatus.ProviderError);

        Assert.True(Admit(world, "i", body: Body).IsAdmitted);
        Assert.Equal("i", world.Rows.Idempotency["k"].HoldId);
    }

    [Fact]
    public void Repeat_AfterItsLeaseEnded_RunsAgain()
    {
        using var world = AccountWorld.With(1000);
        Admit(world, "h");
        world.Renew("h", 100, 30);
        world.Pass(17);

        Assert.Equal((IdempotencyState.Ended, 30L), (world.Rows.Idempotency["k"].State, world.Rows.Idempotency["k"].Charge));
        Assert.True(Admit(world, "i").IsAdmitted);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Repeat_WithAnotherBody_IsRefused(bool isCompleted)
    {
        using var world = AccountWorld.With(1000);
        Admit(world, "h");
        if (isCompleted)
        {
            world.Settle("h", 100, 60);
        }

        Assert.Equal(AdmitOutcome.IdempotencyBodyDiffers, Admit(world, "i", body: OtherBody).Outcome);
    }

    [Fact]
    public void Repeat_AfterADay_RunsAsANewRequest()
    {
        using var world = AccountWorld.With(1000);
        Admit(world, "h");
        world.Settle("h", 100, 60);
        world.Pass(TimeSpan.FromHours(24));
        Assert.Equal(AdmitOutcome.IdempotencyCompleted, Admit(world, "i").Outcome);
        world.Pass(1);

        Assert.True(Admit(world, "i", body: OtherBody).IsAdmitted);
    }

    [Fact]
    public void Repeat_OfAHoldThatWasLetGo_IsRunningWhileItMayStillBePresented()
    {
        using var world = AccountWorld.With(1000);
        Admit(world, "h");
        world.Pass(20);
        Assert.Equal(0, world.View.OpenHolds);
        Assert.Equal(AdmitOutcome.IdempotencyRunning, Admit(world, "i").Outcome);

        world.Pass(new AccountOptions { ProcessId = "" }.TicketAgeMax);

        Assert.True(Admit(world, "i").IsAdmitted);
    }

    [Fact]
    public void Repeat_HoldStillLivesBeyondThatTime_IsRunning()
    {
        using var world = AccountWorld.With(1000);
        Admit(world, "h");
        var start = world.Clock.GetUtcNow();
        while (world.Clock.GetUtcNow() - start < 2 * new AccountOptions { ProcessId = "" }.TicketAgeMax)
        {
            world.Renew("h", 100);
            world.Pass(10);
        }

        Assert.Equal(AdmitOutcome.IdempotencyRunning, Admit(world, "i").Outcome);
    }

    [Fact]
    public void Repeat_LateOfACompletedHoldAtTheNextActivation_DoesNotRunAgain()
    {
        using var world = AccountWorld.With(1000);
        Admit(world, "h");
        world.Settle("h", 100, 60);
        var next = world.AddSilo("p1");

        Assert.Equal(AdmitOutcome.HoldClosed, world.Run(() => next.Grain.AdmitAsync(Request("h"))).Outcome);
        Assert.Equal(IdempotencyState.Completed, world.Rows.Idempotency["k"].State);
        Assert.Equal(AdmitOutcome.IdempotencyCompleted, world.Run(() => next.Grain.AdmitAsync(Request("i"))).Outcome);
    }

    [Fact]
    public void Repeat_OfARunningHoldAtTheNextActivation_GetsItAgain()
    {
        using var world = AccountWorld.With(1000);
        Admit(world, "h");
        var next = world.AddSilo("p1");

        Assert.True(world.Run(() => next.Grain.AdmitAsync(Request("h"))).IsAdmitted);
        Assert.Equal(AdmitOutcome.IdempotencyRunning, world.Run(() => next.Grain.AdmitAsync(Request("i"))).Outcome);
    }

    [Fact]
    public void Repeat_ByAKeyThatMayNot_LearnsNothing()
    {
        using var world = AccountWorld.With(1000);
        Admit(world, "h");
        world.Settle("h", 100, 60);

        Assert.Equal(
            AdmitOutcome.UnknownKey, world.Run(() => world.Grain.AdmitAsync(Request("i") with { KeyHash = OtherBody })).Outcome);
        world.SetKey(AccountWorld.Key with { Status = KeyStatus.Disabled });
        Assert.Equal(AdmitOutcome.KeyDisabled, Admit(world, "i").Outcome);
    }

    [Fact]
    public void Refused_ForMoney_WritesNothingDown()
    {
        using var world = AccountWorld.With(50);

        Assert.Equal(AdmitOutcome.InsufficientFunds, Admit(world, "h").Outcome);
        Assert.Empty(world.Rows.Idempotency);
        world.Move(EntryKind.Topup, "more", 50);
        Assert.True(Admit(world, "i").IsAdmitted);
    }

    [Fact]
    public void LedgerAway_IsUnavailable()
    {
        using var world = AccountWorld.With(1000);
        world.Ledger.IsAway = true;

        Assert.Equal(AdmitOutcome.Unavailable, Admit(world, "h").Outcome);
        world.Ledger.IsAway = false;
        Assert.True(Admit(world, "h").IsAdmitted);
    }

    [Fact]
    public void Start_CommitTakesLongerThanTheLease_TheHoldLivesWhenItIsAnswered()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("reserves", 100);
        var gate = world.HoldBack(LedgerMethod.Commit);
        var call = world.Start(() => world.Grain.AdmitAsync(Request("h")));
        world.Pass(20);
        gate.Open();
        world.RunUntilIdle();

        Assert.True(call.Answer.IsAdmitted);
        world.Pass(14);
        Assert.Equal(1, world.View.OpenHolds);
    }

    [Fact]
    public void Start_ActivationStepsDownBeforeItIsQueued_IsRetry()
    {
        var outcomes = new HashSet<AdmitOutcome>();
        for (var seed = 0; seed < 40; seed++)
        {
            using var world = new AccountWorld(seed);
            world.Run(() => world.Grain.CreateAsync(new CreateRequest("", RateLimits.None)));
            world.Move(EntryKind.Topup, "t", 1000);
            world.SetKey(AccountWorld.Key);
            var gate = world.HoldBack(LedgerMethod.Commit);
            var call = world.Start(() => world.Grain.AdmitAsync(Request("h")));
            gate.Open();
            _ = world.Start(() => world.Grain.AdmitAsync(AccountWorld.Request("i", 0, epoch: 9)));

            outcomes.Add(call.Answer.Outcome);
        }

        Assert.Contains(AdmitOutcome.Retry, outcomes);
    }

    [Fact]
    public void Start_Fenced_IsRetry()
    {
        using var world = AccountWorld.With(1000);
        var next = world.AddSilo("p1");
        world.Run(() => next.Grain.ShowAsync());

        Assert.Equal(AdmitOutcome.Retry, Admit(world, "h").Outcome);
        Assert.Empty(world.Rows.Idempotency);
    }
}
