using Orleans;
using Orleans.Runtime;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

public sealed partial class AccountGrain
{
    private IGrainTimer? _timer;

    /// <summary>Ticks while there is anything whose time can come.</summary>
    private void KeepTicking() => _timer ??= this.RegisterGrainTimer(
        static (grain, cancellationToken) => grain.TickAsync(cancellationToken),
        this,
        new GrainTimerCreationOptions(_options.Tick, _options.Tick) { Interleave = true, KeepAlive = true });

    private Task TickAsync(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            // A tick that was queued when the timer was disposed.
            return Task.CompletedTask;
        }

        _closed.Forget(Now);
        EndPatience();
        if (IsQuarantineDue)
        {
            RequestFlight();
        }

        if (_quarantineEnd is null)
        {
            WatchLeases();
        }

        if (_isOver || (_holds.Count == 0 && _waiters.Count == 0 && _quarantineEnd is null && _closed.IsEmpty))
        {
            _timer?.Dispose();
            _timer = null;
        }

        return Task.CompletedTask;
    }

    private void EndPatience()
    {
        var kept = 0;
        for (var i = 0; i < _waiters.Count; i++)
        {
            var waiter = _waiters[i];
            if (Now - waiter.Since > _options.Patience)
            {
                waiter.GiveUp(isOver: false);
            }
            else
            {
                _waiters[kept++] = waiter;
            }
        }

        _waiters.RemoveRange(kept, _waiters.Count - kept);
    }

    /// <summary>A lease that has run out is ended only by an epoch that a statement sent after it has confirmed.</summary>
    private void WatchLeases()
    {
        foreach (var hold in _holds.Values)
        {
            if (hold.Closing is null && !hold.IsLeaseWatched && hold.LeaseEnd <= Now)
            {
                hold.IsLeaseWatched = true;
                _ = WaitAsync<Hold>(0, () => EndLease(hold), _ => Unwatch(hold));
            }
        }
    }

    /// <summary>Charges a hold at its progress if it was ever renewed; else nobody shows that its ticket arrived, and it is let go.</summary>
    private Hold EndLease(Hold hold)
    {
        Unwatch(hold);
        var isOpen = hold.Closing is null && _holds.ContainsKey(hold.Id);

        // A message about the hold that is here shows that its edge lives: its answer starts the lease afresh, or settles.
        if (!isOpen || hold.LeaseEnd > Now || _turns.IsBusy(hold.Id))
        {
            return hold;
        }

        if (!hold.IsRenewed)
        {
            Drop(hold);
            LogLetGo(_id, Epoch, hold.Id);
            return hold;
        }

        _ = CloseAsync(hold, new CloseHold(hold, ClosedBy.Lease, OnClosed)
        {
            Cost = Math.Min(hold.Progress, hold.Total),
            Usage = hold.ProgressUsage,
            Status = RequestStatus.EdgeLost,
            FirstByteMs = -1,
            DurationMs = hold.AgeMs,
        });
        return hold;
    }

    private static Hold Unwatch(Hold hold)
    {
        hold.IsLeaseWatched = false;
        return hold;
    }
}
