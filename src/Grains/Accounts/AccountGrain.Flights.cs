using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

public sealed partial class AccountGrain
{
    private const int BlockRequests = 4;
    private const int BlockPartOfFree = 8;
    private const int FlightOperationsMax = 2_000;

    private readonly LinkedList<Operation> _pending = new();
    private readonly List<Waiter> _waiters = [];

    /// <summary>The flight that is out; null if none is.</summary>
    private Departure? _departure;

    private Task _flying = Task.CompletedTask;
    private long _flightNumber;

    /// <summary>By how much the reserve was last extended, nanos: below half of it, it is extended again.</summary>
    private long _block;

    /// <summary>What the last request needed, nanos.</summary>
    private long _lastAmount;

    private bool _isGivingBack;

    /// <summary>What no hold needs of the reserve; what a flight takes away counts as gone, what it brings does not count yet.</summary>
    private long SlackNow => Math.Max(0, _funds.Slack - (_departure?.Funds.ReservedGone ?? 0));

    /// <summary>Not while a hold that came in time is being looked for.</summary>
    private bool IsQuarantineDue => _quarantineEnd <= Now && _looking == 0;

    private bool NeedsReserve => !_isGivingBack && _funds.Free > 0 && SlackNow < _block / 2;

    private bool NeedsFlight =>
        _pending.Count > 0 || _waiters.Count > 0 || IsQuarantineDue || NeedsReserve || (_isGivingBack && _funds.Slack > 0);

    private TOperation Enqueue<TOperation>(TOperation operation)
        where TOperation : Operation
    {
        if (_isOver)
        {
            operation.Fail();
        }
        else
        {
            _pending.AddLast(operation);
            RequestFlight();
        }

        return operation;
    }

    private Task<T> WaitAsync<T>(long amount, Func<T?> decide, Func<bool, T> giveUp)
        where T : class
    {
        var waiter = new Waiter<T>(decide, giveUp) { Amount = amount, FlightNumber = _flightNumber + 1, Since = Now };
        if (_isOver)
        {
            waiter.GiveUp(isOver: true);
        }
        else
        {
            _waiters.Add(waiter);
            KeepTicking();
            RequestFlight();
        }

        return waiter.Answer;
    }

    private void RequestFlight()
    {
        if (_flying.IsCompleted && !_isOver)
        {
            _flying = FlyAsync();
        }
    }

    /// <summary>Sends flights one after another while there is reason to.</summary>
    private async Task FlyAsync()
    {
        // In a turn of its own: whoever asks for a flight is in the middle of something that a landing could change.
        await Task.Yield();
        Departure? departure = null;
        try
        {
            while (!_isOver && NeedsFlight)
            {
                _flightNumber++;
                departure = new Departure(_row!, _funds, _time.GetUtcNow()) { EndsQuarantine = IsQuarantineDue };
                _departure = departure;
                Board(departure);
                var result = await _journal.SubmitAsync(departure.Close());
                Land(departure, result);
            }
        }
        catch (Exception bug)
        {
            // A broken rule is a bug: nobody acts on this memory any more, and the next activation reads what is true.
            LogBroken(_id, Epoch, bug);
            _departure = null;
            foreach (var operation in departure?.Operations ?? [])
            {
                operation.Fail();
            }

            StepDown();
        }
    }

    private void Board(Departure departure)
    {
        if (departure.EndsQuarantine)
        {
            // Alone: what is inherited becomes own only once that is committed.
            departure.Funds.EndQuarantine();
            return;
        }

        while (departure.Operations.Count < FlightOperationsMax && _pending.First is { } next)
        {
            _pending.RemoveFirst();
            departure.Operations.Add(next.Value);
            next.Value.Board(departure);
        }

        if (_isGivingBack)
        {
            departure.Funds.GiveBackSlack();
        }
        else
        {
            ExtendReserve(departure);
        }
    }

    private void ExtendReserve(Departure departure)
    {
        Int128 wanted = 0;
        var largest = _lastAmount;
        foreach (var waiter in _waiters)
        {
            wanted += waiter.Amount;
            largest = Math.Max(largest, waiter.Amount);
        }

        ref var funds = ref departure.Funds;
        if (funds.Free == 0 || (wanted <= funds.Slack && funds.Slack >= _block / 2))
        {
            return;
        }

        // Rounded up: what is free is never too little for a block.
        var partOfFree = (funds.Free - 1) / BlockPartOfFree + 1;
        var block = Int128.Max((Int128)largest * BlockRequests, partOfFree);
        departure.Block = (long)Int128.Min(funds.Free, Int128.Max(block, wanted - funds.Slack));
        funds.ExtendReserve(departure.Block);
    }

    private void Land(Departure departure, BatchResult result)
    {
        _departure = null;
        switch (result.Outcome)
        {
            case BatchOutcome.Applied:
                Commit(departure);
                _authorityEnd = Max(_authorityEnd, _time.GetElapsedTime(_startedAt, result.SentAt) + _options.Lease);
                LookAgain();
                break;
            case BatchOutcome.RefExists when !_isOver:
                Rebook(departure, result);
                break;
            default:
                Abort(departure, result);
                break;
        }
    }

    private void Commit(Departure departure)
    {
        var batch = departure.Batch!;
        AccountMetrics.Reserve.Add(batch.ReservedDelta);
        _row = _row! with
        {
            Version = batch.IsReadOnly ? _row.Version : _row.Version + 1,
            Seq = _row.Seq + batch.Entries.Length,
            Balance = batch.BalanceAfter,
            Reserved = batch.ReservedAfter,
            Quarantined = batch.QuarantinedAfter,
            Status = departure.Status ?? _row.Status,
            Limits = departure.Limits ?? _row.Limits,
        };
        _funds.Balance = _row.Balance;
        _funds.Reserved = _row.Reserved;
        _funds.Quarantined = _row.Quarantined;
        if (departure.Block > 0)
        {
            _block = departure.Block;
        }

        if (departure.EndsQuarantine)
        {
            _quarantineEnd = null;
            _funds.Own += _funds.Inherited;
            _funds.Inherited = 0;
            foreach (var hold in _holds.Values)
            {
                hold.Own += hold.Inherited;
                hold.Inherited = 0;
            }
        }

        foreach (var (key, spend) in departure.Spends)
        {
            key.Spend = spend;
        }

        foreach (var operation in departure.Operations)
        {
            operation.Land();
        }

        _funds.Check();
    }

    /// <summary>Some movements are in the ledger already: they are done, and the others take the next flight.</summary>
    private void Rebook(Departure departure, BatchResult result)
    {
        var done = departure.Operations.Where(o => result.Existing.Any(o.IsAlready)).ToHashSet();
        if (done.Count == 0)
        {
            Abort(departure, result);
            return;
        }

        for (var i = departure.Operations.Count - 1; i >= 0; i--)
        {
            if (!done.Contains(departure.Operations[i]))
            {
                _pending.AddFirst(departure.Operations[i]);
            }
        }
    }

    private void Abort(Departure departure, BatchResult result)
    {
        if (result.Outcome == BatchOutcome.Fenced)
        {
            LogFenced(_id, Epoch, result.Epoch);
        }
        else if (!_isOver && result.Outcome != BatchOutcome.Abandoned)
        {
            LogFlightFailed(_id, Epoch, result.Outcome);
        }

        // What is in the ledger is done, whichever try and epoch wrote it.
        foreach (var operation in departure.Operations)
        {
            if (!result.Existing.Any(operation.IsAlready))
            {
                operation.Fail();
            }
        }

        StepDown();
    }

    /// <summary>In the same turn as the commit, before another flight is made: the money is exactly what the row says.</summary>
    private void LookAgain()
    {
        var kept = 0;
        for (var i = 0; i < _waiters.Count; i++)
        {
            var waiter = _waiters[i];
            if (waiter.FlightNumber > _flightNumber || !waiter.TryDecide())
            {
                _waiters[kept++] = waiter;
            }
        }

        _waiters.RemoveRange(kept, _waiters.Count - kept);
    }

    private void Open(Hold hold)
    {
        _holds.Add(hold.Id, hold);
        _limits.Running++;
        if (hold.Key is not null)
        {
            hold.Key.Limits.Running++;
        }

        AccountMetrics.Holds.Add(1);
        KeepTicking();
    }

    private void GrowOwn(Hold hold, long amount)
    {
        Invariant.Holds(amount >= 0 && amount <= SlackNow);
        hold.Own += amount;
        _funds.Own += amount;
        if (amount > 0)
        {
            _lastAmount = amount;
        }

        if (hold.Key is not null)
        {
            hold.Key.Held += amount;
        }

        if (NeedsReserve)
        {
            RequestFlight();
        }
    }

    private void Drop(Hold hold)
    {
        _holds.Remove(hold.Id);
        _funds.Own -= hold.Own;
        _funds.Inherited -= hold.Inherited;
        _limits.Running--;
        if (hold.Key is not null)
        {
            hold.Key.Held -= hold.Total;
            hold.Key.Limits.Running--;
        }

        AccountMetrics.Holds.Add(-1);
    }

    /// <summary>Null if the activation was over before the hold was known to be closed.</summary>
    private async Task<ClosedHold?> CloseAsync(Hold hold, CloseHold operation)
    {
        hold.Closing = hold.Closing ?? Enqueue(operation);
        return await hold.Closing.Closed;
    }

    private void OnClosed(CloseHold operation, ClosedHold outcome)
    {
        var hold = operation.Hold;
        Drop(hold);
        _closed.Remember(hold.Id, outcome, Now);
        var used = (Int128)operation.Usage.TotalInput + operation.Usage.TotalOutput;
        hold.Key?.Limits.Correct(hold.EstimatedTokens, used, Now);
        _limits.Correct(hold.EstimatedTokens, used, Now);
        if (outcome.Shortfall > 0)
        {
            AccountMetrics.Shortfall.Add(outcome.Shortfall);
            LogShortfall(_id, hold.Id, outcome.Shortfall);
        }

        if (outcome.By == ClosedBy.Lease)
        {
            LogClosedByLease(_id, hold.Id, outcome.Charge);
        }
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
