using Microsoft.Extensions.Logging;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

/// <summary>
/// Sends one account's batches to the journal, one after another while there is reason to, and ends the activation where one
/// shows that its memory is not to be acted on any more.
/// </summary>
/// <param name="keepTicking">Has somebody look at the time.</param>
/// <param name="deactivate">Makes room for another activation.</param>
internal sealed class BatchLoop(
    string accountId,
    HoldBook book,
    ActivationClock clock,
    Journal journal,
    AccountOptions options,
    ILogger log,
    Action keepTicking,
    Action deactivate)
{
    private const int BatchOperationsMax = 2_000;

    private readonly LinkedList<Operation> _pending = new();
    private readonly Waiters _waiters = new();
    private Task _sending = Task.CompletedTask;
    private long _batchNumber;

    /// <summary>Fenced, stale or broken: it answers nothing but that, and makes room for another activation.</summary>
    public bool IsOver { get; private set; }

    /// <summary>A clean stop: nothing more is admitted, and what no hold needs is given back.</summary>
    public bool IsGivingBack { get; private set; }

    public bool IsFull => _pending.Count + _waiters.Count >= options.WaitingOperationsMax;

    public bool HasWaiters => _waiters.Count > 0;

    private bool NeedsReserve => !IsGivingBack && book.IsReserveLow;

    private bool NeedsBatch =>
        _pending.Count > 0 || _waiters.Count > 0 || clock.IsQuarantineDue || NeedsReserve || (IsGivingBack && book.Funds.Slack > 0);

    /// <summary>Puts an operation into one of the next batches; it fails if the activation is over first.</summary>
    public TOperation Enqueue<TOperation>(TOperation operation)
        where TOperation : Operation
    {
        if (IsOver)
        {
            operation.Fail();
        }
        else
        {
            _pending.AddLast(operation);
            Send();
        }

        return operation;
    }

    /// <summary>Decides after one of the next batches, in the same turn as its commit.</summary>
    /// <param name="amount">Nanos of reserve that it needs; 0 if it only needs the epoch confirmed.</param>
    /// <param name="decide">The answer, or null to wait for another batch.</param>
    /// <param name="giveUp">The answer when the activation is over (true) or patience is (false).</param>
    public Task<T> WaitAsync<T>(long amount, Func<T?> decide, Func<bool, T> giveUp)
        where T : class
    {
        var waiter = new Waiter<T>(decide, giveUp) { Amount = amount, BatchNumber = _batchNumber + 1, Since = clock.Now };
        if (IsOver)
        {
            waiter.GiveUp(isOver: true);
        }
        else
        {
            _waiters.Add(waiter);
            keepTicking();
            Send();
        }

        return waiter.Answer;
    }

    /// <summary>Sends what there is, unless a batch is out: then it goes after that.</summary>
    public void Send()
    {
        if (_sending.IsCompleted && !IsOver)
        {
            _sending = SendAsync();
        }
    }

    /// <summary>After a hold has taken of the reserve: extends it in the background before it runs out.</summary>
    public void SendIfReserveIsLow()
    {
        if (NeedsReserve)
        {
            Send();
        }
    }

    /// <summary>Gives up waiters whose patience is over, and ends quarantine when its time has come.</summary>
    public void Tick()
    {
        _waiters.EndPatience(clock.Now, options.Patience);
        if (clock.IsQuarantineDue)
        {
            Send();
        }
    }

    /// <summary>Admits nothing more, and completes when all is committed and what no hold needs is given back.</summary>
    public Task GiveBackAsync()
    {
        IsGivingBack = true;
        Send();
        return _sending;
    }

    /// <summary>Whether a message must go to another activation: this one is over, or the sender has seen a newer epoch.</summary>
    public bool StepDownIfStale(long epochSeen)
    {
        if (!IsOver && book.Row is not null && epochSeen > book.Epoch)
        {
            log.LogStale(accountId, book.Epoch, epochSeen);
            StepDown();
        }

        return IsOver;
    }

    /// <summary>A broken rule is a bug: nobody acts on this memory any more, and the next activation reads what is true.</summary>
    public void Break(Exception bug)
    {
        log.LogBroken(accountId, book.Epoch, bug);
        StepDown();
    }

    private void StepDown()
    {
        if (IsOver)
        {
            return;
        }

        IsOver = true;
        foreach (var operation in _pending)
        {
            operation.Fail();
        }

        _pending.Clear();
        _waiters.GiveUp();
        deactivate();
    }

    private async Task SendAsync()
    {
        // In a turn of its own: whoever asks for a batch is in the middle of something that its commit could change.
        await Task.Yield();
        BatchBuilder? batch = null;
        try
        {
            while (!IsOver && NeedsBatch)
            {
                _batchNumber++;
                var before = clock.Sending();
                batch = book.StartBatch(before.Utc, clock.IsQuarantineDue);
                Fill(batch);
                var result = await journal.SubmitAsync(batch.Close());
                Answer(batch, result, before);
            }
        }
        catch (Exception bug)
        {
            book.EndBatch();
            foreach (var operation in batch?.Operations ?? [])
            {
                operation.Fail();
            }

            Break(bug);
        }
    }

    private void Fill(BatchBuilder batch)
    {
        if (batch.EndsQuarantine)
        {
            // Alone: what is inherited becomes own only once that is committed.
            batch.Funds.EndQuarantine();
            return;
        }

        while (batch.Operations.Count < BatchOperationsMax && _pending.First is { } next)
        {
            _pending.RemoveFirst();
            batch.Operations.Add(next.Value);
            next.Value.AddTo(batch);
        }

        if (IsGivingBack)
        {
            batch.Funds.GiveBackSlack();
        }
        else
        {
            var wanted = _waiters.Wanted();
            book.ExtendReserve(batch, wanted.All, wanted.Largest);
        }
    }

    private void Answer(BatchBuilder batch, BatchResult result, ActivationClock.SentBefore before)
    {
        book.EndBatch();
        switch (result.Outcome)
        {
            case BatchOutcome.Applied:
                if (batch.EndsQuarantine)
                {
                    clock.EndQuarantine();
                }

                book.Commit(batch);
                clock.Confirm(result.SentAt, before);

                // In the same turn as the commit, before another batch is made: the money is exactly what the row says.
                _waiters.LookAgain(_batchNumber);
                break;
            case BatchOutcome.RefExists when !IsOver:
                Rebook(batch, result);
                break;
            default:
                Abort(batch, result);
                break;
        }
    }

    /// <summary>Some movements are in the ledger already: they are done, and the others take the next batch.</summary>
    private void Rebook(BatchBuilder batch, BatchResult result)
    {
        var done = batch.Operations.Where(o => result.Existing.Any(o.IsAlready)).ToHashSet();
        if (done.Count == 0)
        {
            Abort(batch, result);
            return;
        }

        for (var i = batch.Operations.Count - 1; i >= 0; i--)
        {
            if (!done.Contains(batch.Operations[i]))
            {
                _pending.AddFirst(batch.Operations[i]);
            }
        }
    }

    private void Abort(BatchBuilder batch, BatchResult result)
    {
        if (result.Outcome == BatchOutcome.Fenced)
        {
            log.LogFenced(accountId, book.Epoch, result.Epoch);
        }
        else if (!IsOver && result.Outcome != BatchOutcome.Abandoned)
        {
            log.LogBatchFailed(accountId, book.Epoch, result.Outcome);
        }

        // What is in the ledger is done, whichever try and epoch wrote it.
        foreach (var operation in batch.Operations)
        {
            if (!result.Existing.Any(operation.IsAlready))
            {
                operation.Fail();
            }
        }

        StepDown();
    }
}
