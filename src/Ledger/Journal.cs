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
    /// <summary>Nothing of it is committed: its data was refused, or the row is not what its activation believes.</summary>
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
/// Commits the batches of all accounts of a silo in groups: while flights are out, what comes in gathers for the next.
/// An answer that is lost is got by sending the same statement again: it is conditional, so it is applied once, and the
/// row's lock makes it wait for a first try that is still running.
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
    private int _flightsOut;

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
            // Off the submitting grain's scheduler: a flight carries many accounts.
            _ = Task.Factory.StartNew(
                static state => ((FlightStart)state!).Journal.FlyAsync(((FlightStart)state).Flight),
                new FlightStart(this, flight),
                CancellationToken.None,
                TaskCreationOptions.DenyChildAttach,
                _scheduler);
        }
    }

    private List<Submission>? TakeFlight()
    {
        lock (_gate)
        {
            if (_flightsOut == _options.FlightsMax || _waiting.Count == 0)
            {
                return null;
            }

            _flightsOut++;
            var flight = new List<Submission>(Math.Min(_waiting.Count, _options.FlightAccountsMax));
            var accounts = new HashSet<string>(StringComparer.Ordinal);
            var entries = 0;
            while (flight.Count < _options.FlightAccountsMax && _waiting.TryPeek(out var next))
            {
                entries += next.Batch.Entries.Length;

                // An account comes twice where an activation that is over had a batch waiting and the next one has, too.
                var isSecond = !accounts.Add(next.Batch.AccountId);
                if (flight.Count > 0 && (isSecond || entries > _options.FlightEntriesMax))
                {
                    break;
                }

                flight.Add(_waiting.Dequeue());
            }

            return flight;
        }
    }

    private async Task FlyAsync(List<Submission> flight)
    {
        try
        {
            await CommitAsync(flight);
        }
        catch (Exception bug)
        {
            LogFlightBroke(bug);
            foreach (var submission in flight)
            {
                submission.Result.TrySetException(bug);
            }
        }

        lock (_gate)
        {
            _flightsOut--;
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
        catch (LedgerDataException refused)
        {
            await CommitEachAsync(flight, refused, sentAt);
            return;
        }
        catch (OperationCanceledException)
        {
            Abandon(flight);
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

    /// <summary>One account's bad data never holds up another: each goes alone, and the one that is refused alone is looked into.</summary>
    private async Task CommitEachAsync(List<Submission> flight, LedgerDataException refused, long sentAt)
    {
        if (flight.Count > 1)
        {
            foreach (var submission in flight)
            {
                await CommitAsync([submission]);
            }

            return;
        }

        var only = flight[0];
        try
        {
            var existing = await FindOwnEntriesAsync(only.Batch);
            if (existing.IsEmpty)
            {
                LogRefused(only.Batch.AccountId, refused);
            }

            only.Answer(existing.IsEmpty ? BatchOutcome.Failed : BatchOutcome.RefExists, sentAt, only.Batch.Epoch, existing);
        }
        catch (OperationCanceledException)
        {
            Abandon(flight);
        }
    }

    /// <summary>Says what became of a batch that was left out: committed by an earlier try, fenced, or neither.</summary>
    private async Task ResolveAsync(Submission submission, BatchAnswer answer, long sentAt)
    {
        var batch = submission.Batch;
        if (answer.Epoch == batch.Epoch)
        {
            // One activation an epoch, one flight at a time: the next version can only be this batch's.
            var isOurs = !batch.IsReadOnly && answer.Version == batch.Version + 1;
            if (!isOurs)
            {
                LogDiverged(batch.AccountId, batch.Epoch, batch.Version, answer.Version);
            }

            submission.Answer(isOurs ? BatchOutcome.Applied : BatchOutcome.Failed, sentAt, answer.Epoch);
            return;
        }

        if (answer.Epoch < batch.Epoch)
        {
            LogDiverged(batch.AccountId, batch.Epoch, batch.Version, answer.Version);
            submission.Answer(BatchOutcome.Failed, sentAt, answer.Epoch);
            return;
        }

        try
        {
            // Under a newer epoch no try of ours can commit any more. Whether one did before cannot be told for the batch: the
            // newer epoch may have written the same refs under the same seq. But each movement is done or not.
            var existing = await FindOwnEntriesAsync(batch);
            submission.Answer(BatchOutcome.Fenced, sentAt, answer.Epoch, existing);
        }
        catch (OperationCanceledException)
        {
            Abandon([submission]);
        }
    }

    private async Task<ImmutableArray<LedgerEntry>> FindOwnEntriesAsync(AccountBatch batch)
    {
        if (batch.Entries.IsEmpty)
        {
            return [];
        }

        var refs = batch.Entries.Select(static e => new EntryRef(e.Kind, e.Ref)).ToImmutableArray();
        return await UntilAnsweredAsync(() => _ledger.FindEntriesAsync(batch.AccountId, refs, CancellationToken.None));
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
            catch (Exception lost) when (lost is not LedgerDataException)
            {
                JournalMetrics.AnswersLost.Add(1);
                LogAnswerLost(lost.GetType().Name, lost.Message);
            }

            await Task.Delay(delay, _time, _stopping.Token);
        }
    }

    private void Abandon(List<Submission> flight)
    {
        foreach (var submission in flight)
        {
            LogAbandoned(submission.Batch.AccountId, submission.Batch.Entries.Length);
            submission.Answer(BatchOutcome.Abandoned, 0, submission.Batch.Epoch);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Ledger: no answer ({Error}: {Message}); sending again")]
    private partial void LogAnswerLost(string error, string message);

    [LoggerMessage(2, LogLevel.Critical, "Ledger: account {AccountId}: data refused; its activation steps down")]
    private partial void LogRefused(string accountId, Exception refused);

    [LoggerMessage(3, LogLevel.Critical, "Ledger: account {AccountId}: its row is not what its activation believes: epoch {Epoch}, version {Version}, found version {Found}")]
    private partial void LogDiverged(string accountId, long epoch, long version, long found);

    [LoggerMessage(4, LogLevel.Error, "Ledger: account {AccountId}: stopped with {Entries} ledger rows unanswered")]
    private partial void LogAbandoned(string accountId, int entries);

    [LoggerMessage(5, LogLevel.Critical, "Ledger: a flight broke")]
    private partial void LogFlightBroke(Exception bug);

    private sealed record FlightStart(Journal Journal, List<Submission> Flight);

    internal sealed class Submission(AccountBatch batch)
    {
        public AccountBatch Batch { get; } = batch;

        public TaskCompletionSource<BatchResult> Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Answer(BatchOutcome outcome, long sentAt, long epoch, ImmutableArray<LedgerEntry> existing = default) =>
            Result.SetResult(new BatchResult(outcome, sentAt, epoch, existing.IsDefault ? [] : existing));
    }
}
