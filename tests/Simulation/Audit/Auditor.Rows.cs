using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared.Ledger;
using OrleansGateway.Tests.Simulation.Machine;
using OrleansGateway.Tests.Simulation.Workload;

namespace OrleansGateway.Tests.Simulation.Audit;

internal sealed partial class Auditor
{
    private readonly Dictionary<(string AccountId, long Epoch, long Version), int> _tries = [];
    private readonly Dictionary<(string AccountId, long Epoch), TimeSpan> _confirmedAt = [];
    private readonly Dictionary<(string AccountId, long Epoch), SimulatedProcess> _activating = [];

    /// <summary>A process's statement is raising an account's epoch.</summary>
    public void Activating(string accountId, long epoch, SimulatedProcess process) => _activating[(accountId, epoch)] = process;

    /// <summary>A statement has run: all that it changed is there.</summary>
    public void AfterStatement(IEnumerable<LedgerModelAccount> accounts)
    {
        foreach (var rows in accounts)
        {
            if (!_accounts.TryGetValue(rows.Row.AccountId, out var books))
            {
                _accounts.Add(rows.Row.AccountId, books = new AccountBooks(rows));
            }

            AfterStatement(books);
        }
    }

    /// <summary>A statement of a flight is on its way.</summary>
    public void Trying(AccountBatch batch)
    {
        if (!batch.IsReadOnly)
        {
            var key = (batch.AccountId, batch.Epoch, batch.Version);
            _tries[key] = _tries.GetValueOrDefault(key) + 1;
        }
    }

    /// <summary>A flight's sender has its answer.</summary>
    /// <param name="sentAt">When this try was sent.</param>
    public void Answered(AccountBatch batch, BatchAnswer answer, TimeSpan sentAt)
    {
        var key = (batch.AccountId, batch.Epoch, batch.Version);
        if (!batch.IsReadOnly && _tries[key] > 1)
        {
            if (answer.IsApplied)
            {
                rare.Reached(RareState.LostCommitHadNotRun);
            }
            else if (answer.Epoch == batch.Epoch)
            {
                rare.Reached(RareState.LostCommitHadRun);
            }
        }

        var activation = (batch.AccountId, batch.Epoch);
        if (answer.IsApplied || answer.Epoch == batch.Epoch)
        {
            _confirmedAt[activation] = TimeSpan.FromTicks(Math.Max(sentAt.Ticks, _confirmedAt[activation].Ticks));
        }
        else if (answer.Epoch > batch.Epoch)
        {
            rare.Reached(RareState.FencedTwin);
            if (batch.IsReadOnly && _confirmedAt.TryGetValue(activation, out var confirmedAt) && sentAt - confirmedAt > Lease)
            {
                rare.Reached(RareState.TwinWithoutAuthority);
            }
        }
    }

    /// <summary>All is over and at rest: what only shows in the end.</summary>
    public void Close()
    {
        var completed = new HashSet<(string, string)>();
        foreach (var hold in _holds.Values)
        {
            var request = hold.Request;
            var charged = -(hold.Charge?.Amount ?? 0);
            if (charged > 0 && request.Fate is not (Fate.Completed or Fate.Cut or Fate.Left))
            {
                Break("rule 3", $"{request.Id} was {request.Fate} and is charged {charged}");
            }

            if (request is { Fate: Fate.Cut, GotOutput: false } && charged > hold.Compensation && !hold.IsEdgeDead)
            {
                Break("rule 3", $"{request.Id}: of {charged} only {hold.Compensation} was paid back, and its client got nothing");
            }

            // How long a request may run is told by the time of day.
            if (clock.UtcAhead == TimeSpan.Zero
                && request is { Fate: Fate.Completed, IdempotencyKey: { } key, IsWhole: true } && !completed.Add((request.AccountId, key)))
            {
                Break("rule 3", $"{request.Id}: what has this idempotency key was completed before");
            }
        }

        foreach (var (order, (accountId, amount)) in _orders)
        {
            if ((amount > 0 || order.Kind == EntryKind.Chargeback) && _accounts[accountId].Rows.Entries.Count(e => e.Kind == order.Kind && e.Ref == order.Ref) != 1)
            {
                Break("rule 4", $"{order} is not in the books once");
            }
        }

        foreach (var books in _accounts.Values)
        {
            var row = books.Rows.Row;
            if (row.Reserved != 0 || row.Quarantined != 0)
            {
                Break("rule 7", $"{row.AccountId} was left with {row.Reserved} reserved and {row.Quarantined} in quarantine");
            }

            books.Rows.Verify();
        }
    }

    private void AfterStatement(AccountBooks books)
    {
        var row = books.Rows.Row;
        if (row.Epoch != books.Epoch)
        {
            Activated(books);
        }

        var charges = 0;
        for (; books.EntriesSeen < books.Rows.Entries.Count; books.EntriesSeen++)
        {
            var entry = books.Rows.Entries[books.EntriesSeen];
            books.Sum += entry.Amount;
            if (entry.BalanceAfter != books.Sum || entry.Seq != books.EntriesSeen + 1)
            {
                Break("rule 2", $"{row.AccountId}: {entry} follows a sum of {books.Sum - entry.Amount}");
            }

            charges += entry.Kind == EntryKind.Charge ? 1 : 0;
            if (entry.Kind == EntryKind.Refund && books.Sum < books.Bonus)
            {
                Break("rule 4", $"{entry} sends back what came as bonus: {books.Sum} are left of {books.Bonus}");
            }

            books.Bonus = entry.Kind switch
            {
                EntryKind.Bonus => books.Bonus + entry.Amount,
                EntryKind.Charge => Int128.Max(0, books.Bonus + entry.Amount),
                _ => Int128.Min(books.Bonus, books.Sum),
            };
            Written(books, entry);
        }

        if (books.IsQuarantined && row.Quarantined == 0 && charges == 0)
        {
            QuarantineEnded(books);
        }

        books.Quarantined = row.Quarantined;
        if (row.Balance != books.Sum)
        {
            Break("rule 2", $"{row.AccountId} has {row.Balance}, and its rows come to {books.Sum}");
        }

        if (row.Bonus != books.Bonus)
        {
            Break("rule 2", $"{row.AccountId} has a bonus of {row.Bonus}, and its rows leave {books.Bonus}");
        }

        if (row.Balance < 0)
        {
            Break("rule 1", $"{row.AccountId} has {row.Balance}");
        }

        if (row.Reserved < 0 || row.Quarantined < 0 || row.Free < 0)
        {
            Break("rule 5", $"{row.AccountId} has {row.Reserved} reserved and {row.Quarantined} in quarantine of {row.Balance}");
        }

        if (row.Free == 0 && row.Reserved > books.Reserved && books.Epoch == row.Epoch && row.Balance > 0)
        {
            rare.Reached(RareState.ReserveExtendedForLastNano);
        }

        books.Reserved = row.Reserved;
        KeysWritten(books);
        Backed(books);
        Watch(books);
    }

    private void Watch(AccountBooks books)
    {
        books.Watch();
        WatchLimits(books);
    }

    private void Activated(AccountBooks books)
    {
        var row = books.Rows.Row;

        // A gateway that does not know yet that another has the lock by now frees at once what that one has set aside.
        var owner = _activating[(row.AccountId, row.Epoch)];
        books.IsUsurped = _lockHolder is not null && _lockHolder.Process != owner && !owner.IsDead;
        rare.Reached(RareState.ActivatedWithoutTheLock, books.IsUsurped);
        foreach (var (holdId, hold) in books.Open)
        {
            // What the last activation held and has not ended is set aside, whenever its edge was last heard.
            if (books.IsUsurped || IsDisowned(hold) || (IsLate(hold) && !books.Held.ContainsKey(holdId)))
            {
                hold.IsLate = true;
            }
            else
            {
                hold.IsLate = false;
                hold.RestUntil = clock.Now + Quarantine;
                hold.Deadline = Later(hold.Deadline, hold.RestUntil);
            }

            hold.Backed = 0;
        }

        // What came too late in the last epoch may have left too little for all: whoever presents first has it.
        var wasIntruded = books.IntrudedEpoch == books.Epoch;
        var promised = books.Open.Values.Where(static hold => !hold.IsLate).Aggregate(Int128.Zero, static (sum, hold) => sum + hold.Confirmed);
        var isTooLittle = wasIntruded && promised > (Int128)row.Reserved + row.Quarantined;
        books.Epoch = row.Epoch;
        books.ActivatedAt = clock.Now;
        books.Owner = owner;
        _confirmedAt[(row.AccountId, books.Epoch)] = clock.Now;
        books.Reserved = row.Reserved;
        books.Held.Clear();
        KeysRead(books);
        foreach (var hold in books.Open.Values)
        {
            hold.IsDeprived &= isTooLittle;
        }

        // And what came too late for it may wait for this one.
        if (isTooLittle || (row.Quarantined > 0 && books.Pending.Exists(pending => IsIntruding(books, pending))))
        {
            Intruded(books);
        }
    }

    /// <summary>The quarantine is over: what of it was not presented is anybody's.</summary>
    private void QuarantineEnded(AccountBooks books)
    {
        var isAny = books.Held.Values.Any(hold => hold.Epochs.Count > 1);
        rare.Reached(isAny ? RareState.QuarantineEndedWithAdoptedHolds : RareState.QuarantineEndedWithoutAdoptedHolds);
        foreach (var (holdId, hold) in books.Open)
        {
            // One whose message is here may be adopted already: its answer will tell.
            if (!books.Held.ContainsKey(holdId) && !IsHere(hold))
            {
                Judge(hold, isKept: false, "it may yet be presented, and the quarantine has ended");
            }
        }
    }

    private void Written(AccountBooks books, LedgerEntry entry)
    {
        switch (entry.Kind)
        {
            case EntryKind.Charge:
                Charged(books, entry);
                break;
            case EntryKind.Compensation:
                _holds[entry.Ref].Compensation += entry.Amount;
                NotPaidBack(_holds[entry.Ref]);
                rare.Reached(RareState.PaidBack);
                break;
            default:
                if (!_orders.TryGetValue(new EntryRef(entry.Kind, entry.Ref), out var order)
                    || order != (books.Rows.Row.AccountId, entry.Amount - entry.Shortfall))
                {
                    Break("rule 4", $"nobody ordered {entry}");
                }

                break;
        }
    }

    private void Charged(AccountBooks books, LedgerEntry entry)
    {
        if (!_holds.TryGetValue(entry.Ref, out var hold) || hold.Charge is not null || hold.Request.Fate is Fate.Refused)
        {
            Break("rule 3", $"{entry} is for {(hold is null ? "nobody" : hold.Charge is null ? "what was refused" : "what was charged before")}");
            return;
        }

        var cost = CostOf(hold.Request, hold.Request.Provided);
        if (-entry.Amount > cost)
        {
            Break("rule 3", $"{entry} is above the {cost} that its provider has charged for");
        }

        if (entry.ClosedBy == ClosedBy.Lease)
        {
            if (entry.Amount < 0)
            {
                rare.Reached(RareState.LeaseChargedAtProgress);
            }

            Judge(hold, isKept: false, $"{entry} ended a lease in time");
        }

        if (entry.Shortfall > 0)
        {
            rare.Reached(RareState.Shortfall);
            // What the edge did not hear of, or was told to be less, is no bound.
            var bound = Math.Min(hold.Confirmed, hold.Named);
            if (entry.Shortfall - entry.Amount <= bound)
            {
                Judge(hold, isKept: false, $"{entry} has a shortfall within its bound of {bound}");
            }
        }

        Spent(books, hold, entry);
        hold.Charge = entry;
        hold.ChargedAt = clock.Now;
        books.Open.Remove(entry.Ref);
        books.Held.Remove(entry.Ref);
    }
}
