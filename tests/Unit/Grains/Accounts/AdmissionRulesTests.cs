using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

/// <summary>The rules alone: what they say of a request, given all that they look at.</summary>
public sealed class AdmissionRulesTests
{
    private static readonly DateTimeOffset UtcNow = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan TicketAgeMax = TimeSpan.FromMinutes(11);

    [Theory]
    // Most and least against 800 available and a slack → what is held
    [InlineData(100, 50, 100, 100)]
    [InlineData(101, 50, 100, 50)]
    [InlineData(101, 100, 100, 100)]
    [InlineData(0, 0, 0, 0)]
    public void Decide_WithinSlack_HoldsTheMostWhereThatIsAnEighthOfWhatIsAvailable(long most, long least, long slack, long held)
    {
        Assert.Equal(Verdict.Hold(held), AdmissionRules.Decide(Request(most, least), Facts(slack), hasAsked: false));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Decide_MoneyThatIsNotYetReserve_AsksTheLedger(bool hasAsked)
    {
        Assert.Equal(Verdict.AskLedger, AdmissionRules.Decide(Request(800, 800), Facts(slack: 100), hasAsked));
    }

    [Fact]
    public void Decide_TheMostDoesNotFitOnceTheLedgerWasAsked_HoldsTheLeast()
    {
        Assert.Equal(Verdict.AskLedger, AdmissionRules.Decide(Request(100, 50), Facts(slack: 60), hasAsked: false));
        Assert.Equal(Verdict.Hold(50), AdmissionRules.Decide(Request(100, 50), Facts(slack: 60), hasAsked: true));
    }

    [Fact]
    public void Decide_TooLittleMoney_RefusesOnlyOnceTheLedgerWasAsked()
    {
        Assert.Equal(Verdict.AskLedger, AdmissionRules.Decide(Request(801, 801), Facts(slack: 100), hasAsked: false));

        var refusal = AdmissionRules.Decide(Request(801, 801), Facts(slack: 100), hasAsked: true).Refusal!;
        Assert.Equal((AdmitOutcome.InsufficientFunds, 800L, 7L), (refusal.Outcome, refusal.AvailableNanos, refusal.Epoch));
    }

    [Fact]
    public void Decide_TheRestIsInQuarantine_SaysWhenToComeBack()
    {
        var facts = Facts(slack: 100) with
        {
            Funds = new Funds { Balance = 1000, Reserved = 100, Quarantined = 200, Inherited = 50 },
            QuarantineLeft = TimeSpan.FromSeconds(3),
        };

        var enough = AdmissionRules.Decide(Request(950, 950), facts, hasAsked: true).Refusal!;
        var tooMuch = AdmissionRules.Decide(Request(951, 951), facts, hasAsked: true).Refusal!;

        Assert.Equal((AdmitOutcome.FundsInQuarantine, 3000L), (enough.Outcome, enough.RetryAfterMs));
        Assert.Equal((AdmitOutcome.InsufficientFunds, 0L), (tooMuch.Outcome, tooMuch.RetryAfterMs));
    }

    [Theory]
    [InlineData(AccountStatus.Active, null, AdmitOutcome.UnknownKey)]
    [InlineData(AccountStatus.Suspended, null, AdmitOutcome.UnknownKey)]
    [InlineData(AccountStatus.Suspended, KeyStatus.Disabled, AdmitOutcome.KeyDisabled)]
    [InlineData(AccountStatus.Suspended, KeyStatus.Active, AdmitOutcome.AccountSuspended)]
    [InlineData(AccountStatus.Closed, KeyStatus.Active, AdmitOutcome.AccountClosed)]
    [InlineData(AccountStatus.Active, KeyStatus.Active, AdmitOutcome.ModelNotAllowed)]
    public void CheckUse_SeveralRulesRefuse_WhatTheKeyIsComesFirstThenTheAccount(
        AccountStatus status, KeyStatus? keyStatus, AdmitOutcome outcome)
    {
        var key = keyStatus is { } s ? Key(AccountWorld.Key with { Status = s, Models = ["other"] }) : null;

        Assert.Equal(outcome, AdmissionRules.CheckUse(key, status, AccountWorld.KeyHash, "model", "10.0.0.1", UtcNow));
    }

    [Fact]
    public void Decide_TheCapCoversOnlyTheLeast_HoldsThat()
    {
        var facts = Facts(slack: 100) with { Key = Key(AccountWorld.Key with { Caps = SpendCaps.None with { DayNanos = 60 } }) };

        Assert.Equal(Verdict.Hold(60), AdmissionRules.Decide(Request(100, 60), facts, hasAsked: false));

        var refusal = AdmissionRules.Decide(Request(100, 61), facts, hasAsked: false).Refusal!;
        Assert.Equal(
            (AdmitOutcome.SpendCapReached, 60L, SpendWindow.Day, UtcNow.AddDays(1)),
            (refusal.Outcome, refusal.AvailableNanos, refusal.CapWindow, refusal.CapEnd));
    }

    [Fact]
    public void Decide_Twice_TakesNothing()
    {
        var facts = Facts(slack: 100) with { Key = Key(AccountWorld.Key with { Limits = new RateLimits(1, null, null) }) };

        Assert.Equal(Verdict.Hold(10), AdmissionRules.Decide(Request(10, 10), facts, hasAsked: false));
        Assert.Equal(Verdict.Hold(10), AdmissionRules.Decide(Request(10, 10), facts, hasAsked: false));
    }

    [Theory]
    [InlineData(IdempotencyState.Running, 0, false, AdmitOutcome.IdempotencyRunning)]
    [InlineData(IdempotencyState.Running, 11, false, AdmitOutcome.IdempotencyRunning)]
    [InlineData(IdempotencyState.Running, 12, false, null)]
    [InlineData(IdempotencyState.Running, 12, true, AdmitOutcome.IdempotencyRunning)]
    [InlineData(IdempotencyState.Ended, 0, false, null)]
    [InlineData(IdempotencyState.Completed, 0, false, AdmitOutcome.IdempotencyCompleted)]
    [InlineData(IdempotencyState.Completed, 24 * 60, false, AdmitOutcome.IdempotencyCompleted)]
    [InlineData(IdempotencyState.Completed, (24 * 60) + 1, false, null)]
    public void RefuseRepeat_ByAnotherRequest_IsAsTheEarlierStands(
        IdempotencyState state, int ageMinutes, bool isHeld, AdmitOutcome? outcome)
    {
        var earlier = Earlier(state) with { At = UtcNow - TimeSpan.FromMinutes(ageMinutes) };

        Assert.Equal(outcome, AdmissionRules.RefuseRepeat(Request(1, 1), earlier, Facts(slack: 100), isHeld, TicketAgeMax)?.Outcome);
    }

    [Theory]
    [InlineData(IdempotencyState.Running, null)]
    [InlineData(IdempotencyState.Ended, AdmitOutcome.HoldClosed)]
    [InlineData(IdempotencyState.Completed, AdmitOutcome.HoldClosed)]
    public void RefuseRepeat_ByTheSameRequest_IsNoRepeatWhileItRuns(IdempotencyState state, AdmitOutcome? outcome)
    {
        var earlier = Earlier(state) with { HoldId = "h" };

        Assert.Equal(outcome, AdmissionRules.RefuseRepeat(Request(1, 1), earlier, Facts(slack: 100), false, TicketAgeMax)?.Outcome);
    }

    [Fact]
    public void RefuseRepeat_WithAnotherBody_SaysSoOnlyToWhoMayUseTheKey()
    {
        var request = Request(1, 1) with { BodyHash = Sha256Hash.Of("another"u8) };
        var facts = Facts(slack: 100);

        Assert.Equal(AdmitOutcome.IdempotencyBodyDiffers, Refuse(facts));
        Assert.Equal(AdmitOutcome.UnknownKey, Refuse(facts with { Key = null }));

        AdmitOutcome? Refuse(AdmissionFacts facts) =>
            AdmissionRules.RefuseRepeat(request, Earlier(IdempotencyState.Completed), facts, false, TicketAgeMax)?.Outcome;
    }

    private static AdmitRequest Request(long most, long least) => AccountWorld.Request("h", most, least);

    private static IdempotencyRow Earlier(IdempotencyState state) => new("once", default, "earlier", state, 5, UtcNow);

    private static Key Key(KeySettings settings) => new(new KeyRow(settings, KeySpend.None), TimeSpan.Zero);

    /// <summary>800 nanos are available.</summary>
    private static AdmissionFacts Facts(long slack) => new()
    {
        Epoch = 7,
        Status = AccountStatus.Active,
        Key = Key(AccountWorld.Key),
        Limits = new RateLimiter(),
        Funds = new Funds { Balance = 800, Reserved = slack },
        Slack = slack,
        QuarantineLeft = null,
        Now = TimeSpan.FromSeconds(1),
        UtcNow = UtcNow,
    };
}
