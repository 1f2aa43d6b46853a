using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Tests.Shared.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

public sealed class AdministrationTests
{
    [Fact]
    public void Create_Repeated_ChangesNothing()
    {
        using var world = AccountWorld.With(1000, limits: new RateLimits(5, null, null));

        Assert.Equal(ChangeOutcome.Done, world.Run(() => world.Grain.CreateAsync(new CreateRequest("Another", RateLimits.None))).Outcome);

        Assert.Equal(("Test", 1000L, 5L), (world.Row.Name, world.Row.Balance, world.Row.Limits.RequestsPerMinute));
    }

    [Theory]
    [InlineData("ok", 0L)]
    [InlineData("bad\0", 1L)]
    [InlineData("\ud800", 1L)]
    public void Create_WhatTheLedgerWouldRefuse_IsInvalid(string name, long limit)
    {
        using var world = new AccountWorld();

        var answer = world.Run(() => world.Grain.CreateAsync(new CreateRequest(name, new RateLimits(limit, null, null))));

        Assert.Equal(ChangeOutcome.Invalid, answer.Outcome);
        Assert.DoesNotContain(world.Ledger.Calls, static c => c.Method == LedgerMethod.Create);
    }

    [Fact]
    public void Move_CreditsAndDebits()
    {
        using var world = AccountWorld.With(1000);
        Assert.Equal(new MoveAnswer(MoveOutcome.Moved, 1, 1500, 1500, false), world.Move(EntryKind.Bonus, "b", 500));
        Assert.Equal(new MoveAnswer(MoveOutcome.Moved, 1, 1100, 1100, false), world.Move(EntryKind.Refund, "r", -400));
        Assert.Equal(MoveOutcome.Moved, world.Move(EntryKind.Compensation, "c", 1).Outcome);
        Assert.Equal(MoveOutcome.Moved, world.Move(EntryKind.Adjustment, "a", -1).Outcome);
        Assert.Equal(MoveOutcome.Moved, world.Move(EntryKind.Adjustment, "a2", 2).Outcome);

        Assert.Equal(1102, world.Row.Balance);
        Assert.Equal(6, world.Rows.Entries.Count);
    }

    [Fact]
    public void Move_Refund_TakesNothingOfTheBonus()
    {
        using var world = AccountWorld.With(1000);
        world.Move(EntryKind.Bonus, "b", 500);

        var refused = world.Move(EntryKind.Refund, "r", -1001);

        Assert.Equal((MoveOutcome.InsufficientFunds, 1000L), (refused.Outcome, refused.AvailableNanos));
        Assert.Equal(MoveOutcome.Moved, world.Move(EntryKind.Refund, "r", -1000).Outcome);
        Assert.Equal((500L, 500L), (world.Row.Balance, world.Row.Bonus));
    }

    [Fact]
    public void Settle_WithABonus_ChargesThatFirst()
    {
        using var world = AccountWorld.With(1000);
        world.Move(EntryKind.Bonus, "b", 500);
        world.Admit("h", 700);
        world.Settle("h", 700, 300);
        Assert.Equal((1200L, 200L), (world.Row.Balance, world.Row.Bonus));

        world.Admit("i", 700);
        world.Settle("i", 700, 700);

        Assert.Equal((500L, 0L), (world.Row.Balance, world.Row.Bonus));
    }

    [Fact]
    public void Move_OtherDebits_TakeOfTheBonusLast()
    {
        using var world = AccountWorld.With(1000);
        world.Move(EntryKind.Bonus, "b", 500);
        world.Move(EntryKind.Adjustment, "a", -900);
        Assert.Equal((600L, 500L), (world.Row.Balance, world.Row.Bonus));

        world.Move(EntryKind.Adjustment, "a2", -300);

        Assert.Equal((300L, 300L), (world.Row.Balance, world.Row.Bonus));
    }

    [Fact]
    public void Move_Chargeback_TakesWhatIsAvailableAndTheRestIsShortfall()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 300);

        var answer = world.Move(EntryKind.Chargeback, "c", -900);

        Assert.Equal((MoveOutcome.Moved, 300L, 200L, false), (answer.Outcome, answer.BalanceNanos, answer.ShortfallNanos, answer.IsRepeat));
        Assert.Equal((-700L, 200L), (world.Rows.Entries[^1].Amount, world.Rows.Entries[^1].Shortfall));
        Assert.Equal(300, world.Settle("h", 300, 300).ChargedNanos);

        var repeat = world.Move(EntryKind.Chargeback, "c", -900);
        Assert.Equal((MoveOutcome.Moved, 200L, true), (repeat.Outcome, repeat.ShortfallNanos, repeat.IsRepeat));
        Assert.Equal(MoveOutcome.RefConflict, world.Move(EntryKind.Chargeback, "c", -700).Outcome);
        Assert.Equal((MoveOutcome.Moved, 5L), (world.Move(EntryKind.Chargeback, "d", -5).Outcome, world.Rows.Entries[^1].Shortfall));
    }

    [Fact]
    public void Move_Repeated_MovesOnce()
    {
        using var world = AccountWorld.With(1000);
        world.Move(EntryKind.Bonus, "b", 500);

        var repeat = world.Move(EntryKind.Bonus, "b", 500);

        Assert.Equal((MoveOutcome.Moved, 1500L, true), (repeat.Outcome, repeat.BalanceNanos, repeat.IsRepeat));
        Assert.Equal(1500, world.Row.Balance);
    }

    [Fact]
    public void Move_SameRefWithAnotherAmount_IsAConflict()
    {
        using var world = AccountWorld.With(1000);
        world.Move(EntryKind.Bonus, "b", 500);

        Assert.Equal(MoveOutcome.RefConflict, world.Move(EntryKind.Bonus, "b", 501).Outcome);
        Assert.Equal(MoveOutcome.Moved, world.Move(EntryKind.Topup, "b", 501).Outcome);
        Assert.Equal(2001, world.Row.Balance);
    }

    [Fact]
    public void Move_SentTwiceAtOnce_MovesOnceAndNobodyStepsDown()
    {
        using var world = AccountWorld.With(1000);
        var gate = world.HoldBack(LedgerMethod.Commit);
        _ = world.StartMove(EntryKind.Bonus, "gathers", 1);
        var calls = Enumerable.Range(0, 5).Select(_ => world.StartMove(EntryKind.Topup, "order", 500)).ToList();
        gate.Open();
        world.RunUntilIdle();

        Assert.All(calls, call => Assert.Equal(MoveOutcome.Moved, call.Answer.Outcome));
        Assert.Single(calls, call => !call.Answer.IsRepeat);
        Assert.Equal((1501L, 1L), (world.Row.Balance, world.Row.Epoch));
    }

    [Fact]
    public void Move_DebitAboveWhatIsAvailable_IsRefusedAndSaysWhatIs()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 300);

        var refused = world.Move(EntryKind.Refund, "r", -701);

        Assert.Equal((MoveOutcome.InsufficientFunds, 700L), (refused.Outcome, refused.AvailableNanos));
        Assert.Equal(MoveOutcome.Moved, world.Move(EntryKind.Refund, "r", -700).Outcome);
        Assert.Equal(300, world.Settle("h", 300, 300).ChargedNanos);
        Assert.Equal(0, world.Row.Balance);
    }

    [Theory]
    [InlineData(EntryKind.Topup, "r", 0)]
    [InlineData(EntryKind.Topup, "r", -1)]
    [InlineData(EntryKind.Bonus, "r", -1)]
    [InlineData(EntryKind.Compensation, "r", -1)]
    [InlineData(EntryKind.Refund, "r", 1)]
    [InlineData(EntryKind.Refund, "r", long.MinValue)]
    [InlineData(EntryKind.Chargeback, "r", 1)]
    [InlineData(EntryKind.Chargeback, "r", 0)]
    [InlineData(EntryKind.Chargeback, "r", long.MinValue)]
    [InlineData(EntryKind.Adjustment, "r", 0)]
    [InlineData(EntryKind.Adjustment, "r", long.MinValue)]
    [InlineData(EntryKind.Charge, "r", -1)]
    [InlineData(EntryKind.Topup, "", 1)]
    [InlineData(EntryKind.Topup, "a\0b", 1)]
    [InlineData(EntryKind.Topup, "r", long.MaxValue)]
    public void Move_NotAllowed_IsInvalid(EntryKind kind, string reference, long amount)
    {
        using var world = AccountWorld.With(1000);

        Assert.Equal(MoveOutcome.Invalid, world.Move(kind, reference, amount).Outcome);
        Assert.Equal((1000L, 1L), (world.Row.Balance, world.Row.Epoch));
    }

    [Fact]
    public void SetKey_KeepsSpendAndHash()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Settle("h", 100, 60);

        Assert.Equal(ChangeOutcome.Done, world.SetKey(AccountWorld.Key with { Name = "New", Hash = Sha256Hash.Of("x"u8) }).Outcome);

        Assert.True(world.Admit("i", 100).IsAdmitted);
        var key = world.Rows.Keys[AccountWorld.KeyId];
        Assert.Equal(("New", AccountWorld.KeyHash, 60L), (key.Settings.Name, key.Settings.Hash, key.Spend.TotalNanos));
    }

    [Fact]
    public void SetKey_CreatedTwiceAtOnce_HasOneHash()
    {
        using var world = AccountWorld.With(1000);
        var key = AccountWorld.Key with { KeyId = "newkey123456" };
        var gate = world.HoldBack(LedgerMethod.Commit);
        var first = world.Start(() => world.Grain.SetKeyAsync(new SetKeyRequest(0, key)));
        var second = world.Start(() => world.Grain.SetKeyAsync(new SetKeyRequest(0, key with { Hash = Sha256Hash.Of("x"u8) })));
        gate.Open();
        world.RunUntilIdle();

        Assert.Equal((ChangeOutcome.Done, ChangeOutcome.Done), (first.Answer.Outcome, second.Answer.Outcome));
        Assert.Equal(AccountWorld.KeyHash, world.Rows.Keys[key.KeyId].Settings.Hash);
        Assert.Equal(AccountWorld.KeyHash, world.View.Keys.Single(k => k.Settings.KeyId == key.KeyId).Settings.Hash);
    }

    [Fact]
    public void SetKey_Revoked_StaysSo()
    {
        using var world = AccountWorld.With(1000);
        var gate = world.HoldBack(LedgerMethod.Commit);
        var revoke = world.Start(() => world.Grain.SetKeyAsync(new SetKeyRequest(0, AccountWorld.Key with { Status = KeyStatus.Revoked })));
        var late = world.Start(() => world.Grain.SetKeyAsync(new SetKeyRequest(0, AccountWorld.Key)));
        gate.Open();
        world.RunUntilIdle();

        Assert.Equal((ChangeOutcome.Done, ChangeOutcome.ClosedForGood), (revoke.Answer.Outcome, late.Answer.Outcome));
        Assert.Equal(AdmitOutcome.KeyDisabled, world.Admit("h", 1).Outcome);
    }

    [Fact]
    public void SetKey_NotValid_IsInvalidAndSaysWhy()
    {
        using var world = AccountWorld.With(1000);
        var key = AccountWorld.Key;
        KeySettings[] wrong =
        [
            key with { KeyId = "short" },
            key with { Name = new string('x', 201) },
            key with { Name = "\ud800" },
            key with { Addresses = ["10.0.0.0/33"] },
            key with { Addresses = ["somewhere"] },
            key with { Models = ["a\0"] },
            key with { Caps = new SpendCaps(null, -1, null, null) },
            key with { Limits = new RateLimits(0, null, null) },
            key with { Limits = new RateLimits(null, 1_000_000_001, null) },
        ];

        Assert.All(wrong, settings =>
        {
            var answer = world.SetKey(settings);
            Assert.Equal(ChangeOutcome.Invalid, answer.Outcome);
            Assert.NotEmpty(answer.Reason!);
        });
    }

    [Fact]
    public void SetKey_BeforeTheCommit_IsNotInForce()
    {
        using var world = AccountWorld.With(80_000);
        world.Admit("warm", 1);
        var gate = world.HoldBack(LedgerMethod.Commit);
        _ = world.Start(() => world.Grain.SetKeyAsync(new SetKeyRequest(0, AccountWorld.Key with { Status = KeyStatus.Disabled })));

        Assert.True(world.Admit("h", 1).IsAdmitted);
        gate.Open();
        world.RunUntilIdle();
        Assert.Equal(AdmitOutcome.KeyDisabled, world.Admit("i", 1).Outcome);
    }

    [Fact]
    public void SetKey_MoreThanAnAccountMayHave_IsInvalid()
    {
        var options = new OrleansGateway.Grains.Accounts.AccountOptions { ProcessId = "p1", KeysMax = 1 };
        using var world = AccountWorld.With(1, options: options);

        Assert.Equal(ChangeOutcome.Invalid, world.SetKey(AccountWorld.Key with { KeyId = "newkey123456" }).Outcome);
        Assert.Equal(ChangeOutcome.Done, world.SetKey(AccountWorld.Key).Outcome);
    }

    [Fact]
    public void SetStatus_RunningRequestsEndAsTheyWould()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.SetStatus(AccountStatus.Suspended);

        Assert.Equal(AdmitOutcome.AccountSuspended, world.Admit("i", 1).Outcome);
        Assert.Equal(ExtendOutcome.Extended, world.Extend("h", 100, 200).Outcome);
        Assert.Equal(RenewOutcome.Held, world.Renew("h", 200).Outcome);
        Assert.Equal(SettleOutcome.Committed, world.Settle("h", 200, 150).Outcome);
        world.SetStatus(AccountStatus.Active);
        Assert.True(world.Admit("i", 1).IsAdmitted);
    }

    [Fact]
    public void SetStatus_Closed_IsForGood()
    {
        using var world = AccountWorld.With(1000);
        world.SetStatus(AccountStatus.Closed);

        Assert.Equal(ChangeOutcome.ClosedForGood, world.SetStatus(AccountStatus.Active).Outcome);
        Assert.Equal(ChangeOutcome.Done, world.SetStatus(AccountStatus.Closed, new RateLimits(1, null, null)).Outcome);
        Assert.Equal(AccountStatus.Closed, world.Row.Status);
    }

    [Fact]
    public void SetStatus_IsKnownToTheNextActivation()
    {
        using var world = AccountWorld.With(1000);
        world.SetStatus(AccountStatus.Suspended, new RateLimits(7, null, null));
        var view = world.Run(() => world.AddSilo("p2").Grain.ShowAsync())!;

        Assert.Equal((AccountStatus.Suspended, 7L), (view.Status, view.Limits.RequestsPerMinute));
    }
}
