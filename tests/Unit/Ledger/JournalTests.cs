using Microsoft.Extensions.Logging;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared;
using OrleansGateway.Tests.Shared.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Unit.Ledger;

public sealed class JournalTests : IDisposable
{
    private readonly SeededScheduler _scheduler = new(1);
    private readonly FakeTimeProvider _clock = new();
    private readonly LedgerModel _ledger = new();
    private readonly Lines _log = new();
    private Journal _journal;

    public JournalTests() => _journal = New(new JournalOptions());

    public void Dispose() => _journal.Dispose();

    [Fact]
    public void Submit_WhileFlightsAreOut_GathersForTheNext()
    {
        Activate(6);
        var gate = Gate();
        var results = Enumerable.Range(0, 6).Select(i => Submit(Topup(i, 1))).ToList();
        Run();
        Assert.Equal([1, 1], Flights);

        gate.SetResult();
        Run();

        Assert.Equal([1, 1, 4], Flights);
        Assert.All(results, result => Assert.Equal(BatchOutcome.Applied, Of(result).Outcome));
    }

    [Fact]
    public void Submit_MoreAccountsThanAFlightMayCarry_TakesSeveral()
    {
        _journal = New(new JournalOptions { FlightsMax = 1, FlightAccountsMax = 2 });
        Activate(6);
        var gate = Gate();
        for (var i = 0; i < 6; i++)
        {
            Submit(Topup(i, 1));
        }

        gate.SetResult();
        Run();

        Assert.Equal([1, 2, 2, 1], Flights);
    }

    [Fact]
    public void Submit_MoreRowsThanAFlightMayCarry_TakesSeveralButOneAccountMayHaveMore()
    {
        _journal = New(new JournalOptions { FlightsMax = 1, FlightEntriesMax = 5 });
        Activate(5);
        var gate = Gate();
        Submit(Topup(0, 1));
        Submit(Topup(1, 3));
        Submit(Topup(2, 2));
        Submit(Topup(3, 9));
        Submit(Topup(4, 1));

        gate.SetResult();
        Run();

        Assert.Equal([1, 2, 1, 1], Flights);
    }

    [Fact]
    public void Submit_SameAccountTwice_NeverInOneFlight()
    {
        _journal = New(new JournalOptions { FlightsMax = 1 });
        Activate(3);
        var gate = Gate();
        Submit(Topup(0, 1));
        var old = Submit(Topup(1, 1));
        _ledger[Id(1)].Activate("newer", "p");
        var newer = Submit(Topup(1, 1));
        var other = Submit(Topup(2, 1));

        gate.SetResult();
        Run();

        Assert.Equal([1, 1, 2], Flights);
        Assert.Equal(
            (BatchOutcome.Fenced, BatchOutcome.Applied, BatchOutcome.Applied), (Of(old).Outcome, Of(newer).Outcome, Of(other).Outcome));
    }

    [Theory]
    [InlineData(LedgerFault.LostBefore)]
    [InlineData(LedgerFault.LostAfter)]
    public void LostAnswer_IsGotBySendingAgain(LedgerFault fault)
    {
        Activate(1);
        _ledger.Fault = _ => _ledger.Calls.Count <= 3 ? fault : LedgerFault.None;
        var result = Submit(Topup(0, 2));
        Run();
        Assert.False(result.IsCompleted);
        Pass(1);

        Assert.Equal((BatchOutcome.Applied, 1L), (Of(result).Outcome, Of(result).Epoch));
        Assert.Equal(2, _ledger[Id(0)].Row.Balance);
        Assert.Equal(4, _ledger.Calls.Count);
    }

    [Fact]
    public void LostAnswer_SentAtIsTheLastTrys()
    {
        Activate(1);
        _ledger.Fault = _ => _ledger.Calls.Count == 1 ? LedgerFault.LostAfter : LedgerFault.None;
        var result = Submit(Topup(0, 1));
        Pass(0.02);

        Assert.Equal(TimeSpan.FromMilliseconds(20).Ticks, Of(result).SentAt);
    }

    [Fact]
    public void LostAnswer_OfAReadOnlyBatch_IsAskedAgain()
    {
        Activate(1);
        _ledger.Fault = _ => _ledger.Calls.Count == 1 ? LedgerFault.LostAfter : LedgerFault.None;
        var result = Submit(Topup(0, 0) with { IsReadOnly = true });
        Pass(1);

        Assert.Equal(BatchOutcome.Applied, Of(result).Outcome);
        Assert.Equal(1, _ledger[Id(0)].Row.Version);
    }

    [Fact]
    public void Resend_PausesGrowUpToTheirBound()
    {
        Activate(1);
        _ledger.IsAway = true;
        Submit(Topup(0, 1));
        Pass(60);

        // 20, 40, … 640 ms, then once a second.
        Assert.InRange(_ledger.Calls.Count, 60, 68);
    }

    [Fact]
    public void Fenced_NothingInTheLedger_SaysSo()
    {
        Activate(1);
        var batch = Topup(0, 1);
        _ledger[Id(0)].Activate("newer", "p");
        var result = Submit(batch);
        Run();

        Assert.Equal((BatchOutcome.Fenced, 2L), (Of(result).Outcome, Of(result).Epoch));
        Assert.Empty(Of(result).Existing);
    }

    [Fact]
    public void Fenced_AfterItsLostCommit_TellsItsRows()
    {
        Activate(1);
        _ledger.Fault = _ => _ledger.Calls.Count == 1 ? LedgerFault.LostAfter : LedgerFault.None;
        var result = Submit(Topup(0, 2));
        Run();
        _ledger[Id(0)].Activate("newer", "p");
        Pass(1);

        Assert.Equal(BatchOutcome.Fenced, Of(result).Outcome);
        Assert.Equal(["r0", "r1"], Of(result).Existing.Select(static e => e.Ref));
    }

    [Fact]
    public void RefExists_TellsTheRowsThatAreThere()
    {
        Activate(1);
        _ledger[Id(0)].Apply(Topup(0, 1));
        var result = Submit(Topup(0, 2));
        Run();

        Assert.Equal(BatchOutcome.RefExists, Of(result).Outcome);
        Assert.Equal("r0", Assert.Single(Of(result).Existing).Ref);
        Assert.Equal(1, _ledger[Id(0)].Row.Balance);
    }

    [Fact]
    public void RefExists_LookIsLost_AsksAgain()
    {
        Activate(1);
        _ledger[Id(0)].Apply(Topup(0, 1));
        _ledger.Fault = call => call.Method == LedgerMethod.FindEntries && _ledger.Calls.Count == 2 ? LedgerFault.LostBefore : LedgerFault.None;
        var result = Submit(Topup(0, 2));
        Pass(1);

        Assert.Equal(BatchOutcome.RefExists, Of(result).Outcome);
    }

    [Fact]
    public void Failed_DataRefused_TheOthersOfTheFlightCommit()
    {
        _journal = New(new JournalOptions { FlightsMax = 1 });
        Activate(4);
        var gate = Gate();
        Submit(Topup(0, 1));
        var before = Submit(Topup(1, 1));
        var bad = Submit(Topup(2, 1) with { BalanceAfter = 7 });
        var after = Submit(Topup(3, 1));
        gate.SetResult();
        Run();

        Assert.Equal(
            (BatchOutcome.Applied, BatchOutcome.Failed, BatchOutcome.Applied), (Of(before).Outcome, Of(bad).Outcome, Of(after).Outcome));
        Assert.Equal(0, _ledger[Id(2)].Row.Balance);
    }

    [Fact]
    public void Failed_OurOwnFault_AloneAndWithAnAlarm()
    {
        _journal = New(new JournalOptions { FlightsMax = 1 });
        Activate(4);
        var gate = Gate();
        Submit(Topup(0, 1));
        var before = Submit(Topup(1, 1));
        var broken = Submit(Topup(2, 1));
        var after = Submit(Topup(3, 1));
        _ledger.Fault = call => call.Batches.Any(static b => b.AccountId == Id(2)) ? throw new KeyNotFoundException("a kind") : LedgerFault.None;
        gate.SetResult();
        Run();

        Assert.Equal(
            (BatchOutcome.Applied, BatchOutcome.Failed, BatchOutcome.Applied), (Of(before).Outcome, Of(broken).Outcome, Of(after).Outcome));
        Assert.Equal([1, 3, 1, 1, 1], Flights);
        Assert.Equal($"Ledger: account {Id(2)}: its batch failed alone; its activation steps down", Assert.Single(_log.Critical));
    }

    [Fact]
    public void Failed_OurOwnFaultOverTheAnswer_TheOthersAreAppliedOnce()
    {
        _journal = New(new JournalOptions { FlightsMax = 1 });
        Activate(3);
        var gate = Gate();
        Submit(Topup(0, 1));
        var one = Submit(Topup(1, 1));
        var two = Submit(Topup(2, 1));
        _ledger.After = call => call.Batches.Length > 1 ? Task.FromException(new KeyNotFoundException("a kind")) : Task.CompletedTask;
        gate.SetResult();
        Run();

        Assert.Equal((BatchOutcome.Applied, BatchOutcome.Applied), (Of(one).Outcome, Of(two).Outcome));
        Assert.Equal((1, 1), (_ledger[Id(1)].Row.Balance, _ledger[Id(2)].Row.Balance));
    }

    [Fact]
    public void Failed_OurOwnFaultOverTheLook_Alone()
    {
        Activate(1);
        var batch = Topup(0, 1);
        _ledger[Id(0)].Activate("newer", "p");
        _ledger.Fault = static call => call.Method == LedgerMethod.FindEntries ? throw new KeyNotFoundException("a kind") : LedgerFault.None;
        var result = Submit(batch);
        Run();

        Assert.Equal(BatchOutcome.Failed, Of(result).Outcome);
        Assert.Single(_log.Critical);
    }

    [Fact]
    public void Locked_DoesNotHoldItsFlightMatesNorTheNext()
    {
        _journal = New(new JournalOptions { FlightsMax = 1 });
        Activate(5);
        var gate = Gate();
        Submit(Topup(0, 1));
        var mate = Submit(Topup(1, 1));
        var locked = Submit(Topup(2, 1));
        var isLocked = true;
        _ledger.Fault = call => isLocked && call.Batches.Any(static b => b.AccountId == Id(2))
            ? throw new AccountsLockedException([Id(2)])
            : LedgerFault.None;
        gate.SetResult();
        Pass(1);
        var next = Submit(Topup(3, 1));
        Run();
        Assert.False(locked.IsCompleted);
        Assert.Equal((BatchOutcome.Applied, BatchOutcome.Applied), (Of(mate).Outcome, Of(next).Outcome));

        isLocked = false;
        Pass(1);

        Assert.Equal(BatchOutcome.Applied, Of(locked).Outcome);
        Assert.Equal(1, _ledger[Id(2)].Row.Balance);
    }

    [Fact]
    public void Locked_SeveralAccounts_OneFlightOfTheirs()
    {
        Activate(4);
        var waits = new TaskCompletionSource();
        var tries = 0;
        _ledger.Before = call => call.Batches.Any(static b => b.AccountId == Id(3)) ? Task.CompletedTask
            : tries++ < 3 ? Task.FromException(new AccountsLockedException([call.AccountId]))
            : waits.Task;
        Submit(Topup(0, 1));
        Submit(Topup(1, 1));
        Submit(Topup(2, 1));
        Pass(1);

        Assert.Equal(BatchOutcome.Applied, Of(SubmitAndRun(Topup(3, 1))).Outcome);
        Assert.Equal([1, 1, 1, 1, 1], Flights);
        waits.SetResult();
        Pass(1);
        Assert.Equal([1, 1, 1, 1, 1, 2], Flights);
    }

    [Fact]
    public void Stop_RowLocked_Abandons()
    {
        Activate(1);
        _ledger.Fault = static _ => throw new AccountsLockedException([Id(0)]);
        var result = Submit(Topup(0, 1));
        Run();
        _journal.Stop();
        Run();

        Assert.Equal(BatchOutcome.Abandoned, Of(result).Outcome);
    }

    [Fact]
    public void Failed_RowIsNotWhatItBelieves()
    {
        Activate(1);
        var batch = Topup(0, 1);
        _ledger[Id(0)].Apply(Topup(0, 2));
        _ledger[Id(0)].Apply(Topup(0, 0));
        var result = Submit(batch);
        Run();

        Assert.Equal(BatchOutcome.Failed, Of(result).Outcome);
    }

    [Fact]
    public void Failed_NoSuchAccount()
    {
        Activate(1);
        var result = Submit(Topup(0, 1) with { AccountId = "nobody" });
        Run();

        Assert.Equal(BatchOutcome.Failed, Of(result).Outcome);
    }

    [Fact]
    public void Stop_LedgerAway_Abandons()
    {
        Activate(2);
        _ledger.IsAway = true;
        var result = Submit(Topup(0, 1));
        Run();
        _journal.Stop();
        Run();
        var later = Submit(Topup(1, 1));
        Run();

        Assert.Equal((BatchOutcome.Abandoned, BatchOutcome.Abandoned), (Of(result).Outcome, Of(later).Outcome));
    }

    [Fact]
    public void Stop_LedgerAnswers_StillCommits()
    {
        Activate(1);
        _journal.Stop();
        var result = Submit(Topup(0, 1));
        Run();

        Assert.Equal(BatchOutcome.Applied, Of(result).Outcome);
    }

    private IEnumerable<int> Flights => _ledger.Calls.Where(static c => c.Method == LedgerMethod.Commit).Select(static c => c.Batches.Length);

    private static string Id(int account) => $"account{account}";

    private static BatchResult Of(Task<BatchResult> result)
    {
        Assert.True(result.IsCompleted, "The batch waits.");
        return result.GetAwaiter().GetResult();
    }

    private Journal New(JournalOptions options) => new(_ledger, _clock, _scheduler, options, _log);

    private void Activate(int accounts)
    {
        for (var i = 0; i < accounts; i++)
        {
            _ = _ledger.CreateAccountAsync(Id(i), "", RateLimits.None, default, CancellationToken.None);
            _ledger[Id(i)].Activate("first", "p");
        }

        _ledger.Calls.Clear();
    }

    private AccountBatch Topup(int account, int entries)
    {
        var row = _ledger[Id(account)].Row;
        return new AccountBatch
        {
            AccountId = row.AccountId,
            Epoch = row.Epoch,
            Version = row.Version,
            BalanceAfter = row.Balance + entries,
            ReservedAfter = 0,
            QuarantinedAfter = 0,
            BonusAfter = 0,
            BalanceDelta = entries,
            ReservedDelta = 0,
            QuarantinedDelta = 0,
            BonusDelta = 0,
            Entries = [.. Enumerable.Range(0, entries).Select(i =>
                new LedgerEntry(row.Seq + i + 1, EntryKind.Topup, 1, 0, row.Balance + i + 1, $"r{i}", null, default))],
        };
    }

    private Task<BatchResult> Submit(AccountBatch batch) => _journal.SubmitAsync(batch);

    private Task<BatchResult> SubmitAndRun(AccountBatch batch)
    {
        var result = Submit(batch);
        Run();
        return result;
    }

    private TaskCompletionSource Gate()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _ledger.Before = _ => gate.Task;
        return gate;
    }

    private void Run()
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            _scheduler.RunUntilIdle();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }

        Assert.False(_scheduler.Escaped, "A continuation left the thread.");
    }

    private void Pass(double seconds)
    {
        Run();
        for (var left = TimeSpan.FromSeconds(seconds); left > TimeSpan.Zero;)
        {
            var step = _clock.NextDue is { } due && due < left ? due : left;
            _clock.Advance(step);
            Run();
            left -= step;
        }
    }

    private sealed class Lines : ILogger<Journal>
    {
        public List<string> Critical { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Critical;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Critical.Add(formatter(state, exception));
    }
}
