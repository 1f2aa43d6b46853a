using Microsoft.Extensions.Logging;
using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

/// <summary>Answers that are lost, and batches that the ledger refuses.</summary>
public sealed class BatchTests
{
    [Theory]
    [InlineData(LedgerFault.LostBefore)]
    [InlineData(LedgerFault.LostAfter)]
    [InlineData(LedgerFault.RunsLate)]
    public void LostAnswer_OfASettlement_ResolvesToOneCharge(LedgerFault fault)
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Strike(LedgerMethod.Commit, fault);

        var settle = world.StartSettle("h", 100, 60);
        Assert.False(settle.IsAnswered);
        world.Pass(1);

        Assert.Equal((SettleOutcome.Committed, 60L), (settle.Answer.Outcome, settle.Answer.ChargedNanos));
        if (fault == LedgerFault.RunsLate)
        {
            world.Ledger.RunLate();
        }

        Assert.Equal((940L, 1L), (world.Row.Balance, world.Row.Epoch));
        Assert.Equal(SettleOutcome.Committed, world.Settle("h", 100, 60).Outcome);
    }

    [Theory]
    [InlineData(LedgerFault.LostBefore, false)]
    [InlineData(LedgerFault.LostAfter, true)]
    public void LostAnswer_AndFencedMeanwhile_TellsWhatTheLedgerTells(LedgerFault fault, bool isCommitted)
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        var next = world.AddSilo("p1");
        world.Strike(LedgerMethod.Commit, fault);
        var settle = world.StartSettle("h", 100, 60);
        world.Run(() => next.Grain.ShowAsync());
        world.Pass(1);

        Assert.Equal(isCommitted ? SettleOutcome.Committed : SettleOutcome.Retry, settle.Answer.Outcome);
        Assert.Equal(isCommitted ? 940 : 1000, world.Row.Balance);
        Assert.Equal(SettleOutcome.Committed, world.Settle("h", 100, 60).Outcome);
        Assert.Equal(940, world.Row.Balance);
    }

    [Fact]
    public void LostAnswer_AndTheNewerEpochWroteOneOfItsRefs_CommitsOnlyThat()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("a", 100);
        world.Admit("b", 100);
        var first = world.HoldBack(LedgerMethod.Commit);
        _ = world.StartMove(EntryKind.Bonus, "gathers", 1);
        var settleA = world.StartSettle("a", 100, 60);
        var settleB = world.StartSettle("b", 100, 70);
        world.Strike(LedgerMethod.Commit, LedgerFault.LostBefore);
        first.Open();
        world.RunUntilIdle();

        // The edge asks the newer activation for one of them, which gets the very seq that the older one had in mind.
        var next = world.AddSilo("p1");
        Assert.Equal(60, world.Run(() => next.Grain.SettleAsync(AccountWorld.Settlement("a", 100, 60))).ChargedNanos);
        world.Pass(1);

        Assert.Equal((SettleOutcome.Committed, 60L), (settleA.Answer.Outcome, settleA.Answer.ChargedNanos));
        Assert.Equal(SettleOutcome.Retry, settleB.Answer.Outcome);
        Assert.Null(world.Charge("b"));
    }

    [Fact]
    public void LostAnswer_OfALeaseEndThatANewerEpochSettled_IsCommitted()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Renew("h", 100, 40);
        world.Pass(14);
        world.Ledger.Fault = static call => call.Batches.Any(static b => !b.Entries.IsEmpty) ? LedgerFault.LostBefore : LedgerFault.None;
        world.Pass(3);
        var late = world.StartSettle("h", 100, 60);
        Assert.False(late.IsAnswered);

        world.Ledger.Fault = static _ => LedgerFault.None;
        var next = world.AddSilo("p1");
        world.Run(() => next.Grain.SettleAsync(AccountWorld.Settlement("h", 100, 60)));
        world.Pass(2);

        Assert.Equal((SettleOutcome.Committed, 60L), (late.Answer.Outcome, late.Answer.ChargedNanos));
    }

    [Theory]
    [InlineData(500, MoveOutcome.Moved)]
    [InlineData(400, MoveOutcome.RefConflict)]
    public async Task RefExists_ForAMovement_IsAnsweredFromItsRow(long amount, MoveOutcome outcome)
    {
        var move = new MoveMoney(new MoveRequest(0, EntryKind.Topup, "order", amount), epoch: 1, static _ => { });
        var row = new LedgerEntry(3, EntryKind.Topup, 500, 0, 900, "order", null, default);

        Assert.False(move.IsAlready(row with { Kind = EntryKind.Bonus }));
        Assert.False(move.IsAlready(row with { Ref = "other" }));
        Assert.False(move.Moved.IsCompleted);
        Assert.True(move.IsAlready(row));

        Assert.Equal(new MoveAnswer(outcome, 1, 900, 0, IsRepeat: true), await move.Moved);
    }

    [Fact]
    public void BrokenRow_StepsDownAndIsReadAnew()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Rows.Apply(Topup(world.Row, "by hand", 250));
        world.Rows.Apply(Topup(world.Row, "by hand again", 250));

        Assert.Equal(SettleOutcome.Retry, world.Settle("h", 100, 60).Outcome);
        Assert.Equal(SettleOutcome.Committed, world.Settle("h", 100, 60).Outcome);
        Assert.Equal((2L, 1440L), (world.View.Epoch, world.View.BalanceNanos));
    }

    [Fact]
    public void DataRefused_ForOneAccount_StepsThatDownAndTheOthersCommit()
    {
        using var world = AccountWorld.With(1000);
        const string OtherId = "other1234567";
        var other = world.Silo.Engine.GetGrain<IAccountGrain>(OtherId);
        world.Run(() => other.CreateAsync(new CreateRequest("Other", RateLimits.None)));
        world.Admit("h", 100);
        var gate = world.HoldBack(LedgerMethod.Commit);
        foreach (var i in Enumerable.Range(0, 2))
        {
            // Fills both flights, so that what comes gathers.
            var busy = world.Silo.Engine.GetGrain<IAccountGrain>($"busy0000000{i}");
            world.Run(() => busy.CreateAsync(new CreateRequest("Busy", RateLimits.None)));
            _ = world.Start(() => busy.MoveAsync(new MoveRequest(0, EntryKind.Topup, "t", 1)));
        }

        var bad = AccountWorld.Settlement("h", 100, 60);
        var settle = world.Start(() => world.Grain.SettleAsync(bad with { Ticket = bad.Ticket with { Channel = "\0" } }));
        var move = world.Start(() => other.MoveAsync(new MoveRequest(0, EntryKind.Topup, "t", 7)));
        gate.Open();
        world.RunUntilIdle();

        Assert.Equal(SettleOutcome.Retry, settle.Answer.Outcome);
        Assert.Equal((MoveOutcome.Moved, 7L), (move.Answer.Outcome, world.Ledger[OtherId].Row.Balance));
        Assert.Equal(1, world.Ledger[OtherId].Row.Epoch);
        Assert.Equal(SettleOutcome.Committed, world.Settle("h", 100, 60).Outcome);
        Assert.Equal(2, world.Row.Epoch);
    }

    [Fact]
    public void Bug_WhileABatchCommits_StepsDownAndNobodyWaitsForEver()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("a", 100);
        world.Admit("b", 100);
        var gate = world.HoldBack(LedgerMethod.Commit);
        _ = world.StartMove(EntryKind.Bonus, "gathers", 1);
        var short1 = world.StartSettle("a", 100, 5000);
        var after = world.StartSettle("b", 100, 50);

        // A shortfall is logged as an error, in the midst of the commit.
        world.Alarms.BreaksAt = LogLevel.Error;
        gate.Open();
        world.RunUntilIdle();

        Assert.Equal((SettleOutcome.Retry, SettleOutcome.Retry), (short1.Answer.Outcome, after.Answer.Outcome));
        Assert.Contains("broke a rule", Assert.Single(world.Alarms.Messages), StringComparison.Ordinal);
        Assert.Equal(SettleOutcome.Committed, world.Settle("a", 100, 5000).Outcome);
        Assert.Equal(SettleOutcome.Committed, world.Settle("b", 100, 50).Outcome);
        Assert.Equal(2, world.Row.Epoch);
    }

    [Fact]
    public void Abandoned_JournalStops_WaitingCallsAreRetried()
    {
        using var world = AccountWorld.With(1000);
        world.Admit("h", 100);
        world.Ledger.IsAway = true;
        var settle = world.StartSettle("h", 100, 60);
        world.Pass(1);
        Assert.False(settle.IsAnswered);

        world.Silo.StopJournal();
        world.RunUntilIdle();

        Assert.Equal(SettleOutcome.Retry, settle.Answer.Outcome);
    }

    [Fact]
    public void Batch_AnsweredAtOnce_CommitsInATurnOfItsOwn()
    {
        using var world = AccountWorld.With(10_000, journalScheduler: new InlineScheduler());
        world.Admit("renewed", 100);
        world.Admit("let go", 100);
        world.Renew("renewed", 100, 40);
        for (var i = 0; i < 20; i++)
        {
            Assert.True(world.Admit($"h{i}", 400).IsAdmitted);
            Assert.Equal(SettleOutcome.Committed, world.Settle($"h{i}", 400, 10).Outcome);
        }

        world.Pass(20);

        Assert.Equal((0, 1L, 9760L), (world.View.OpenHolds, world.View.Epoch, world.Row.Balance));
        Assert.Empty(world.Alarms.Messages);
    }

    [Fact]
    public void Batch_AskedForByACommit_IsTheOnlyOneOut()
    {
        using var world = AccountWorld.With(10_000, journalScheduler: new InlineScheduler());
        world.Admit("h", 100);
        world.Renew("h", 100, 40);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        world.Ledger.Before = call => call.Batches.Any(static b => !b.Entries.IsEmpty) ? gate.Task : Task.CompletedTask;
        world.Pass(16);

        // The lease's end is out, asked for by the commit of the batch that confirmed the epoch.
        var move = world.StartMove(EntryKind.Bonus, "b", 5);
        gate.SetResult();
        world.RunUntilIdle();

        Assert.Equal(MoveOutcome.Moved, move.Answer.Outcome);
        Assert.Equal((1L, 9965L), (world.View.Epoch, world.Row.Balance));
        Assert.Empty(world.Alarms.Messages);
    }

    /// <summary>Runs what is queued before the one who queues it goes on.</summary>
    private sealed class InlineScheduler : TaskScheduler
    {
        protected override void QueueTask(Task task) => TryExecuteTask(task);

        protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

        protected override IEnumerable<Task> GetScheduledTasks() => [];
    }

    private static AccountBatch Topup(AccountRow row, string reference, long amount) => new()
    {
        AccountId = row.AccountId,
        Epoch = row.Epoch,
        Version = row.Version,
        BalanceAfter = row.Balance + amount,
        BonusAfter = row.Bonus,
        BonusDelta = 0,
        ReservedAfter = row.Reserved,
        QuarantinedAfter = row.Quarantined,
        BalanceDelta = amount,
        ReservedDelta = 0,
        QuarantinedDelta = 0,
        Entries = [new LedgerEntry(row.Seq + 1, EntryKind.Topup, amount, 0, row.Balance + amount, reference, null, default)],
    };
}
