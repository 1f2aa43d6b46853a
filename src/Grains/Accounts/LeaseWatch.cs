using Microsoft.Extensions.Logging;

namespace OrleansGateway.Grains.Accounts;

/// <summary>Ends what has had its time: leases of holds, patience, quarantine, what is remembered.</summary>
internal sealed class LeaseWatch(
    string accountId, HoldBook book, ActivationClock clock, BatchLoop loop, RunningHolds running, Turns turns, ILogger log)
{
    /// <summary>Whether there is anything whose time can come.</summary>
    public bool IsNeeded =>
        !loop.IsOver && (book.Holds.Count > 0 || loop.HasWaiters || clock.IsInQuarantine || book.HasClosedHolds);

    public void Tick()
    {
        book.ForgetClosed(clock.Now);
        loop.Tick();
        if (!clock.IsInQuarantine)
        {
            WatchLeases();
        }
    }

    /// <summary>A lease that has run out is ended only by an epoch that a statement sent after it has confirmed.</summary>
    private void WatchLeases()
    {
        foreach (var hold in book.Holds)
        {
            if (hold.Closing is null && !hold.IsLeaseWatched && hold.LeaseEnd <= clock.Now)
            {
                hold.IsLeaseWatched = true;
                _ = loop.WaitAsync<Hold>(0, () => EndLease(hold), _ => Unwatch(hold));
            }
        }
    }

    /// <summary>Charges a hold at its progress if it was ever renewed; else nobody shows that its ticket arrived, and it is let go.</summary>
    private Hold EndLease(Hold hold)
    {
        Unwatch(hold);

        // A message about the hold that is here shows that its edge lives: its answer starts the lease afresh, or settles. An activation that
        // is being ended gets none any more, and leaves its holds to the next one.
        if (!book.IsOpen(hold) || hold.LeaseEnd > clock.Now || turns.IsBusy(hold.Id) || loop.IsGivingBack)
        {
            return hold;
        }

        if (hold.IsRenewed)
        {
            running.CloseByLease(hold);
        }
        else
        {
            book.Drop(hold);
            log.LogLetGo(accountId, book.Epoch, hold.Id);
        }

        return hold;
    }

    private static Hold Unwatch(Hold hold)
    {
        hold.IsLeaseWatched = false;
        return hold;
    }
}
