using System.Collections.Immutable;
using Microsoft.Extensions.Logging;

namespace OrleansGateway.Ledger;

/// <summary>What became of a submitted batch, for certain.</summary>
public enum BatchOutcome
{
    /// <summary>Committed, and its epoch stood.</summary>
    Applied,
    /// <summary>
    /// A newer epoch stands: the activation is over. What of its movements is in the ledger, by this batch or by a newer
    /// epoch's, is in <see cref="BatchResult.Existing"/>, for good as far as this batch goes.
    /// </summary>
    Fenced,
    /// <summary>Nothing of it is committed: some of its movements are in the ledger already, see <see cref="BatchResult.Existing"/>.</summary>
    RefExists,
    /// <summary>
    /// Its data was refused, the row is not what its activation believes, or our own code failed over it: its activation is to be
    /// read anew, and what of its movements is in the ledger is found there.
    /// </summary>
    Failed,
    /// <summary>The journal stopped while the ledger was away: unknown.</summary>
    Abandoned,
}

/// <param name="Outcome">What became of it.</param>
/// <param name="SentAt">Timestamp of the clock, taken before the try that was answered was sent.</param>
/// <param name="Epoch">The epoch that stands in the row.</param>
/// <param name="Existing">For <see cref="BatchOutcome.RefExists"/> and <see cref="BatchOutcome.Fenced"/>: the rows that are there.</param>
public sealed record BatchResult(BatchOutcome Outcome, long SentAt, long Epoch, ImmutableArray<LedgerEntry> Existing);

/// <summary>
/// Commits the batches of all accounts of a silo in flights: while some are out, what comes in gathers for the next.
/// An answer that is lost is got by sending the same statement again: it is conditional, so it is applied once, and the
/// row's lock makes it wait for a first try that is still running. Nothing else is repeated: what one account's batch causes,
/// that account bears alone.
/// </summary>
public sealed partial class Journal : IDisposable
{
    private static readonly TimeSpan ResendDelayMin = TimeSpan.FromMilliseconds(20);

    private readonly ILedger _ledger;
    private readonly TimeProvider _time;
    private readonly TaskScheduler _scheduler;
    private readonly JournalOptions _options;
    private readonly ILogger<Journal> _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private readonly Queue<Submission> _waiting = new();

    /// <summary>Batches whose rows others hold. They fly apart, one flight at a time.</summary>
    private readonly Queue<Submission> _locked = new();
    private int _flightsOut;
    private bool _isLockedFlightOut;

    /// <param name="ledger">Where it commits.</param>
    /// <param name="time">The clock of timestamps and pauses.</param>
    /// <param name="scheduler">On which flights run.</param>
    /// <param name="options">Its bounds.</param>
    /// <param name="log">Tells of lost answers and refused data.</param>
    public Journal(ILedger ledger, TimeProvider time, TaskScheduler scheduler, JournalOptions options, ILogger<Journal> log)
    {
        _ledger = ledger;
        _time = time;
        _scheduler = scheduler;
        _options = options;
        _log = log;
    }

    /// <summary>
    /// Commits <paramref name="batch"/> in one of the next flights and says what became of it. An account submits its next
    /// batch only after this answer.
    /// </summary>
    public Task<BatchResult> SubmitAsync(AccountBatch batch)
    {
        var submission = new Submission(batch);
        lock (_gate)
        {
            _waiting.Enqueue(submission);
        }

        Depart();
        return submission.Result.Task;
    }

    /// <summary>Gives up batches whose answers are lost; those that the ledger answers still commit.</summary>
    public void Stop() => _stopping.Cancel();

    public void Dispose() => _stopping.Dispose();

    private void Depart()
    {
        while (TakeFlight() is { } flight)
        {
            Start(flight, isOfLocked: false);
        }

        if (TakeLocked() is { } locked)
        {
            Start(locked, isOfLocked: true);
        }
    }

    /// <summary>Off the submitting grain's scheduler: a flight carries many accounts.</summary>
    private void Start(List<Submission> flight, bool isOfLocked) => _ = Task.Factory.StartNew(
        static state => ((FlightStart)state!).Journal.FlyAsync((FlightStart)state),
        new FlightStart(this, flight, isOfLocked),
        CancellationToken.None,
        TaskCreationOptions.DenyChildAttach,
        _scheduler);

    private List<Submission>? TakeFlight()
    {
        lock (_gate)
        {
            if (_flightsOut == _options.FlightsMax || _waiting.Count == 0)
            {
                return null;
            }

            _flightsOut++;
            return Take(_waiting);
        }
    }

    private List<Submission>? TakeLocked()
    {
        lock (_gate)
        {
            if (_isLockedFlightOut || _locked.Count == 0)
            {
                return null;
            }

            _isLockedFlightOut = true;
            return Take(_locked);
        }
    }

    private List<Submission> Take(Queue<Submission> queue)
    {
        var flight = new List<Submission>(Math.Min(queue.Count, _options.FlightAccountsMax));
        var accounts = new HashSet<string>(StringComparer.Ordinal);
        var entries = 0;
        while (flight.Count < _options.FlightAccountsMax && queue.TryPeek(out var next))
        {
            entries += next.Batch.Entries.Length;

            // An account comes twice where an activation that is over had a batch waiting and the next one has, too.
            var isSecond = !accounts.Add(next.Batch.AccountId);
            if (flight.Count > 0 && (isSecond || entries > _options.FlightEntriesMax))
            {
                break;
            }

            flight.Add(queue.Dequeue());
        }

        return flight;
    }

    private async Task FlyAsync(FlightStart start)
    {
        try
        {
            if (start.IsOfLocked)
            {
                await Task.Delay(ResendDelayMin, _time, _stopping.Token);
            }

            await CommitAsync(start.Flight);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            Abandon(start.Flight);
        }
        catch (Exception bug)
        {
            LogFlightBroke(bug);
            foreach (var submission in start.Flight)
            {
                submission.Result.TrySetException(bug);
            }
        }

        lock (_gate)
        {
            if (start.IsOfLocked)
            {
                _isLockedFlightOut = false;
            }
            else
            {
                _flightsOut--;
            }
        }

        Depart();
    }

    private async Task CommitAsync(List<Submission> flight)
    {
        var batches = flight.Select(static s => s.Batch).ToImmutableArray();
        long sentAt = 0;
        ImmutableArray<BatchAnswer> answers;
        try
        {
            answers = await UntilAnsweredAsync(() =>
            {
                sentAt = _time.GetTimestamp();
                return _ledger.CommitAsync(batches, CancellationToken.None);
            });
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            Abandon(flight);
            return;
        }
        catch (AccountsLockedException locked)
        {
            await CommitFreeAsync(flight, locked);
            return;
        }
        catch (Exception failure)
        {
            await CommitEachAsync(flight, failure, sentAt);
            return;
        }

        JournalMetrics.Flight(flight, _time.GetElapsedTime(sentAt));
        for (var i = 0; i < flight.Count; i++)
        {
            if (answers[i].IsApplied)
            {
                flight[i].Answer(BatchOutcome.Applied, sentAt, flight[i].Batch.Epoch);
            }
            else
            {
                await ResolveAsync(flight[i], answers[i], sentAt);
            }
        }
    }

    /// <summary>Sends again what nobody holds; the others wait for their rows beside it.</summary>
    private async Task CommitFreeAsync(List<Submission> flight, AccountsLockedException locked)
    {
        LogLocked(locked.AccountIds.Length, locked.AccountIds[0]);
        var ids = locked.AccountIds.ToHashSet(StringComparer.Ordinal);
        lock (_gate)
        {
            foreach (var submission in flight)
            {
                if (ids.Contains(submission.Batch.AccountId))
                {
                    _locked.Enqueue(submission);
                }
            }
        }

        Depart();
        var free = flight.FindAll(submission => !ids.Contains(submission.Batch.AccountId));
        if (free.Count > 0)
        {
            await CommitAsync(free);
        }
    }

    /// <summary>One account's fault never holds up another: each goes alone, and the one that fails alone is looked into.</summary>
    private async Task CommitEachAsync(List<Submission> flight, Exception failure, long sentAt)
    {
        if (flight.Count > 1)
        {
            foreach (var submission in flight)
            {
                await CommitAsync([submission]);
            }

            return;
        }

        if (failure is LedgerDataException)
        {
            await AnswerRefusedAsync(flight[0], failure, sentAt);
        }
        else
        {
            Fail(flight[0], failure, sentAt);
        }
    }

    private async Task AnswerRefusedAsync(Submission submission, Exception refused, long sentAt)
    {
        if (await FindOwnEntriesAsync(submission, sentAt) is not { } existing)
        {
            return;
        }

        if (existing.IsEmpty)
        {
            Fail(submission, refused, sentAt);
        }
        else
        {
            submission.Answer(BatchOutcome.RefExists, sentAt, submission.Batch.Epoch, existing);
        }
    }

    /// <summary>Says what became of a batch that was left out: committed by an earlier try, fenced, or neither.</summary>
    private async Task ResolveAsync(Submission submission, BatchAnswer answer, long sentAt)
    {
        var batch = submission.Batch;
        if (answer.Epoch <= batch.Epoch)
        {
            // One activation an epoch, one batch at a time: the next version can only be this batch's.
            var isOurs = answer.Epoch == batch.Epoch && !batch.IsReadOnly && answer.Version == batch.Version + 1;
            if (!isOurs)
            {
                JournalMetrics.BatchesFailed.Add(1);
                LogDiverged(batch.AccountId, batch.Epoch, batch.Version, answer.Version);
            }

            submission.Answer(isOurs ? BatchOutcome.Applied : BatchOutcome.Failed, sentAt, answer.Epoch);
            return;
        }

        // Under a newer epoch no try of ours can commit any more. Whether one did before cannot be told for the batch: the
        // newer epoch may have written the same refs under the same seq. But each movement is done or not.
        if (await FindOwnEntriesAsync(submission, sentAt) is { } existing)
        {
            submission.Answer(BatchOutcome.Fenced, sentAt, answer.Epoch, existing);
        }
    }

    /// <summary>The rows that are there under a batch's refs; null if the batch is answered, since nobody can tell.</summary>
    private async Task<ImmutableArray<LedgerEntry>?> FindOwnEntriesAsync(Submission submission, long sentAt)
    {
        var batch = submission.Batch;
        if (batch.Entries.IsEmpty)
        {
            return [];
        }

        var refs = batch.Entries.Select(static e => new EntryRef(e.Kind, e.Ref)).ToImmutableArray();
        try
        {
            return await UntilAnsweredAsync(() => _ledger.FindEntriesAsync(batch.AccountId, refs, CancellationToken.None));
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            Abandon([submission]);
        }
        catch (Exception failure)
        {
            Fail(submission, failure, sentAt);
        }

        return null;
    }

    /// <summary>Repeats until the ledger answers.</summary>
    /// <exception cref="OperationCanceledException">The journal stops and the ledger did not answer.</exception>
    private async Task<T> UntilAnsweredAsync<T>(Func<Task<T>> send)
    {
        for (var delay = ResendDelayMin; ; delay = TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, _options.ResendDelayMax.Ticks)))
        {
            try
            {
                return await send();
            }
            catch (LedgerLostException lost)
            {
                JournalMetrics.AnswersLost.Add(1);
                LogAnswerLost(lost.Message);
            }

            await Task.Delay(delay, _time, _stopping.Token);
        }
    }

    private void Fail(Submission submission, Exception failure, long sentAt)
    {
        JournalMetrics.BatchesFailed.Add(1);
        LogFailed(submission.Batch.AccountId, failure);
        submission.Answer(BatchOutcome.Failed, sentAt, submission.Batch.Epoch);
    }

    private void Abandon(List<Submission> flight)
    {
        foreach (var submission in flight)
        {
            LogAbandoned(submission.Batch.AccountId, submission.Batch.Entries.Length);
            submission.Answer(BatchOutcome.Abandoned, 0, submission.Batch.Epoch);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Ledger: no answer ({Message}); sending again")]
    private partial void LogAnswerLost(string message);

    [LoggerMessage(2, LogLevel.Critical, "Ledger: account {AccountId}: its batch failed alone; its activation steps down")]
    private partial void LogFailed(string accountId, Exception failure);

    [LoggerMessage(3, LogLevel.Critical, "Ledger: account {AccountId}: its row is not what its activation believes: epoch {Epoch}, version {Version}, found version {Found}")]
    private partial void LogDiverged(string accountId, long epoch, long version, long found);

    [LoggerMessage(4, LogLevel.Error, "Ledger: account {AccountId}: stopped with {Entries} ledger rows unanswered")]
    private partial void LogAbandoned(string accountId, int entries);

    [LoggerMessage(5, LogLevel.Critical, "Ledger: a flight broke")]
    private partial void LogFlightBroke(Exception bug);

    [LoggerMessage(6, LogLevel.Warning, "Ledger: {Accounts} accounts are locked by others, the first {AccountId}; the rest goes on without them")]
    private partial void LogLocked(int accounts, string accountId);

    private sealed record FlightStart(Journal Journal, List<Submission> Flight, bool IsOfLocked);

    internal sealed class Submission(AccountBatch batch)
    {
        public AccountBatch Batch { get; } = batch;

        public TaskCompletionSource<BatchResult> Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Answer(BatchOutcome outcome, long sentAt, long epoch, ImmutableArray<LedgerEntry> existing = default) =>
            Result.SetResult(new BatchResult(outcome, sentAt, epoch, existing.IsDefault ? [] : existing));
    }
}
