using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared.Ledger;
using Xunit;
using static OrleansGateway.Grains.Contracts.Pricing.Unit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

public sealed class SettlementTests
{
    [Fact]
    public void Settle_LessThanHeld_ChargesTheCostAndTheRestServesOthers()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 1000);

        var settled = world.Settle("h", 1000, 300, tokens: 5);

        Assert.Equal((SettleOutcome.Committed, 300L, 0L), (settled.Outcome, settled.ChargedNanos, settled.ShortfallNanos));
        Assert.Equal((700L, 700L), (world.Row.Balance, world.Row.Reserved));
        Assert.True(world.Admit("next", 700).IsAdmitted);
        var charge = world.Charge("h");
        Assert.Equal((-300L, 0L, 700L, ClosedBy.Settlement), (charge.Amount, charge.Shortfall, charge.BalanceAfter, charge.ClosedBy));
    }

    [Fact]
    public void Settle_WritesAUsageRowAndTheKeysSpend()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 1000);

        world.Settle("h", 1000, 300, tokens: 5);

        var usage = Assert.Single(world.Rows.Usage);
        Assert.Equal(
            new UsageRow
            {
                At = world.Clock.GetUtcNow(),
                KeyId = AccountWorld.KeyId,
                RequestId = "h",
                Model = "model",
                Channel = "channel",
                Endpoint = "/v1/chat/completions",
                PriceId = "price",
                Usage = new Usage { [Input] = 5 },
                Charge = 300,
                FirstByteMs = 10,
                DurationMs = 20,
                Status = RequestStatus.Completed,
                ClientAddress = "10.0.0.1",
                ExtraAttempts = 2,
            },
            usage);
        Assert.Equal(300, world.Rows.Keys[AccountWorld.KeyId].Spend.MonthNanos);
        Assert.Equal(300, Assert.Single(world.View.Keys).Spend.DayNanos);
    }

    [Fact]
    public void Settle_LedgerAway_IsToldToRepeatInTimeAndSettledOnce()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 1000);
        world.Ledger.IsAway = true;
        for (var repeat = 0; repeat < 3; repeat++)
        {
            var waiting = world.StartSettle("h", 1000, 300);
            Assert.False(waiting.IsOver);
            world.Pass(1.9);
            Assert.Equal(SettleOutcome.Retry, waiting.Answer.Outcome);
        }

        world.Ledger.IsAway = false;
        world.Pass(1);

        Assert.Equal((SettleOutcome.Committed, 300L), (world.Settle("h", 1000, 300).Outcome, world.Charge("h").Shortfall - world.Charge("h").Amount));
        Assert.Equal(700, world.Row.Balance);
    }

    /// <summary>A renewal that was on its way when the answer's tier became known comes after the settlement: the row keeps the price that it was charged by.</summary>
    [Fact]
    public void Settle_OvertakenByARenewal_KeepsItsPriceChannelAndCost()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 1000);
        world.Ledger.IsAway = true;
        var settlement = AccountWorld.Settlement("h", 1000, 300, tokens: 5);
        var settling = world.Start(() => world.Grain.SettleAsync(settlement with
        {
            Ticket = settlement.Ticket with { PriceId = "price#flex", Channel = "second", ExtraAttempts = 3 },
        }));
        world.Pass(1.9);
        Assert.Equal(SettleOutcome.Retry, settling.Answer.Outcome);

        var renewal = world.StartRenew("h", 1000, progress: 700);
        world.Ledger.IsAway = false;
        world.Pass(1);

        Assert.Equal(RenewOutcome.Closed, renewal.Answer.Holds.Single().Outcome);
        var row = Assert.Single(world.Rows.Usage);
        Assert.Equal(("price#flex", "second", 3, 300L), (row.PriceId, row.Channel, row.ExtraAttempts, row.Charge));
        Assert.Equal(5, row.Usage[Input]);
    }

    [Fact]
    public void SettleMany_AreAnsweredInTheirOrderAfterOneCommit()
    {
        using var world = AccountWorld.With(1000);
        var costs = new[] { 40L, 10, 30, 20 };
        foreach (var cost in costs)
        {
            world.Admit($"h{cost}", 100);
        }

        var commits = world.Commits;
        var answers = world.Run(() => world.Grain.SettleManyAsync([.. costs.Select(cost => AccountWorld.Settlement($"h{cost}", 100, cost))]));

        Assert.Equal(costs, answers.Select(answer => answer.ChargedNanos));
        Assert.All(answers, answer => Assert.Equal(SettleOutcome.Committed, answer.Outcome));
        Assert.Equal((900L, 1), (world.Row.Balance, world.Commits - commits));
    }

    [Fact]
    public void Settle_AtZero_IsARowToo()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 1000);

        Assert.Equal(SettleOutcome.Committed, world.Settle("h", 1000, 0, RequestStatus.ProviderError).Outcome);

        Assert.Equal(0, world.Charge("h").Amount);
        Assert.Equal(0, world.View.OpenHolds);
        Assert.Equal(1000, world.View.AvailableNanos);
    }

    [Fact]
    public void Settle_MoreThanHeld_TakesWhatIsAvailable()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Admit("other", 300);

        var settled = world.Settle("h", 100, 650);

        Assert.Equal((650L, 0L), (settled.ChargedNanos, settled.ShortfallNanos));
        Assert.Equal((350L, 300L), (world.Row.Balance, world.View.HeldNanos));
        Assert.Equal(300, world.Settle("other", 300, 300).ChargedNanos);
    }

    [Fact]
    public void Settle_MoreThanThereIs_ChargesThatAndRecordsTheShortfall()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Admit("other", 300);

        var settled = world.Settle("h", 100, 5000);

        Assert.Equal((700L, 4300L), (settled.ChargedNanos, settled.ShortfallNanos));
        Assert.Equal(4300, world.Charge("h").Shortfall);
        Assert.Equal(300, world.Row.Balance);
        Assert.Equal(300, world.Settle("other", 300, 300).ChargedNanos);
    }

    [Fact]
    public void Settle_BeforeTheCommit_IsNotAnswered()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 1000);
        var gate = world.HoldBack(LedgerMethod.Commit, afterwards: true);

        var call = world.StartSettle("h", 1000, 300);

        Assert.False(call.IsAnswered);
        Assert.Equal((1, 0L), (world.View.OpenHolds, world.View.AvailableNanos));
        gate.Open();
        world.RunUntilIdle();
        Assert.Equal(SettleOutcome.Committed, call.Answer.Outcome);
    }

    [Fact]
    public void Settle_Repeated_IsCommittedOnce()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 1000);
        var gate = world.HoldBack(LedgerMethod.Commit);
        var first = world.StartSettle("h", 1000, 300);
        var second = world.StartSettle("h", 1000, 300);
        gate.Open();
        world.RunUntilIdle();

        Assert.Equal(first.Answer, second.Answer);
        Assert.Equal(first.Answer, world.Settle("h", 1000, 300));
        Assert.Single(world.Rows.Usage);
    }

    [Fact]
    public void Settle_RepeatedAfterItIsForgotten_IsStillCommittedOnce()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 1000);
        var first = world.Settle("h", 1000, 300);
        world.Pass(62);

        Assert.Equal(first, world.Settle("h", 1000, 300));
        Assert.Single(world.Rows.Usage);
    }

    [Fact]
    public void Settle_HoldThatWasLetGo_IsChargedFromWhatIsAvailable()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 600);
        world.Pass(17);
        Assert.Equal(0, world.View.OpenHolds);

        var settled = world.Settle("h", 600, 500);

        Assert.Equal((SettleOutcome.Committed, 500L), (settled.Outcome, settled.ChargedNanos));
    }

    [Fact]
    public void Settle_UnknownKey_IsChargedAllTheSame()
    {
        using var world = AccountWorld.With(1000);
        var request = AccountWorld.Settlement("h", 600, 500);

        var settled = world.Run(() => world.Grain.SettleAsync(request with { Ticket = request.Ticket with { KeyId = "nobody" } }));

        Assert.Equal((SettleOutcome.Committed, 500L), (settled.Outcome, settled.ChargedNanos));
    }

    [Fact]
    public void Settle_TicketOfALargerTotal_IsPresentedFirst()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        var looks = world.Ledger.Calls.Count(static c => c.Method == LedgerMethod.FindEntries);

        world.Settle("h", 400, 400);

        Assert.Equal(looks + 1, world.Ledger.Calls.Count(static c => c.Method == LedgerMethod.FindEntries));
        Assert.Equal(-400, world.Charge("h").Amount);
    }

    [Fact]
    public void Settle_LookIntoTheLedgerFails_IsRetryAndThenCommitted()
    {
        using var world = AccountWorld.With(1000);
        world.Strike(LedgerMethod.FindEntries, LedgerFault.LostBefore);

        Assert.Equal(SettleOutcome.Retry, world.Settle("h", 400, 400).Outcome);
        Assert.Equal(SettleOutcome.Committed, world.Settle("h", 400, 400).Outcome);
    }

    [Theory]
    [InlineData(-1, 0, 0)]
    [InlineData(0, -1, 0)]
    [InlineData(0, 0, -1)]
    public void Settle_NumbersThatTheLedgerWouldRefuse_HurtNobody(long cost, long tokens, long durationMs)
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 400);

        var call = world.Start(() => world.Grain.SettleAsync(
            AccountWorld.Settlement("h", 400, cost, tokens: tokens) with { DurationMs = durationMs }));

        Assert.IsType<InvariantException>(call.Error);
        Assert.Equal(SettleOutcome.Committed, world.Settle("h", 400, 1).Outcome);
        Assert.Equal(1, world.Row.Epoch);
    }

    [Fact]
    public void Settle_RowWasWrittenByAnEarlierEpoch_IsAnsweredFromIt()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 400);
        world.Settle("h", 400, 250);
        world.Silo.Stop();
        var next = world.AddSilo("p2");

        // A late Admit makes the hold anew, since the next activation does not know of its row.
        Assert.True(world.Run(() => next.Grain.AdmitAsync(AccountWorld.Request("h", 400))).IsAdmitted);
        Assert.True(world.Run(() => next.Grain.AdmitAsync(AccountWorld.Request("i", 100))).IsAdmitted);
        var gate = world.HoldBack(LedgerMethod.Commit);
        var first = world.Start(() => next.Grain.MoveAsync(new MoveRequest(0, EntryKind.Bonus, "b", 1)));
        var again = world.Start(() => next.Grain.SettleAsync(AccountWorld.Settlement("h", 400, 250)));
        var other = world.Start(() => next.Grain.SettleAsync(AccountWorld.Settlement("i", 100, 50)));
        gate.Open();
        world.RunUntilIdle();

        Assert.Equal(MoveOutcome.Moved, first.Answer.Outcome);
        Assert.Equal((SettleOutcome.Committed, 250L), (again.Answer.Outcome, again.Answer.ChargedNanos));
        Assert.Equal((SettleOutcome.Committed, 50L), (other.Answer.Outcome, other.Answer.ChargedNanos));
        Assert.Equal(2, world.Row.Epoch);
        Assert.Equal(701, world.Row.Balance);
        Assert.Equal(0, world.Run(() => next.Grain.ShowAsync())!.HeldNanos);
    }

    [Fact]
    public void Settle_WhileADebitTakesWhatItFrees_LeavesNothingNegative()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 1000);
        var gate = world.HoldBack(LedgerMethod.Commit);
        _ = world.StartMove(EntryKind.Bonus, "first", 1);
        var settle = world.StartSettle("h", 1000, 100);
        var debit = world.StartMove(EntryKind.Refund, "all", -901);
        gate.Open();
        var second = world.HoldBack(LedgerMethod.Commit);
        world.RunUntilIdle();
        Assert.False(debit.IsAnswered);

        // What the debit takes counts as gone, though the hold that it comes from is not closed yet.
        var unknown = world.StartSettle("late", 50, 50);
        second.Open();
        world.RunUntilIdle();

        Assert.Equal((100L, MoveOutcome.Moved), (settle.Answer.ChargedNanos, debit.Answer.Outcome));
        Assert.Equal((0L, 50L), (unknown.Answer.ChargedNanos, unknown.Answer.ShortfallNanos));
        Assert.Equal(1, world.Row.Epoch);
    }
}
