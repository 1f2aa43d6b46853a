using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Tests.Simulation.Cluster;

namespace OrleansGateway.Tests.Simulation.Audit;

/// <summary>
/// What edges may count on: while what they send arrives in time their holds stay, with all that was promised of them. Only a hold is ever
/// exempt, never an account, and only until its activation answers for it again.
/// </summary>
internal sealed partial class Auditor
{
    /// <summary>Between what an activation does and its being seen here.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(0.5);

    /// <summary>The edge of the gateway that last took the lock; null in a cluster.</summary>
    private SimulatedEdge? _lockHolder;

    private TimeSpan _lockTakenAt;

    /// <summary>A gateway has the lock: what others had promised, it may free at once.</summary>
    public void TookLock(SimulatedEdge edge)
    {
        if (_lockHolder == edge)
        {
            return;
        }

        if (_lockHolder is { Process.IsDead: false })
        {
            rare.Reached(RareState.LockTakenFromLivingGateway);
        }

        _lockHolder = edge;
        _lockTakenAt = clock.Now;
        foreach (var hold in _holds.Values)
        {
            hold.IsLate |= hold.Edge != edge;
        }
    }

    /// <summary>An activation has said that it lets a hold go that was never renewed.</summary>
    public void LetGo(string holdId, long epoch)
    {
        trace.Add("account", $"epoch {epoch} lets {holdId} go");
        rare.Reached(RareState.NeverRenewedHoldLetGo);
        var hold = _holds[holdId];
        hold.IsLetGo = true;
        var books = _accounts[hold.Request.AccountId];
        if (epoch < books.Epoch)
        {
            // It had run out before that: what an activation without a future has given to others is promised twice.
            if (books.Held.ContainsKey(holdId))
            {
                Intruded(books);
            }

            hold.IsLate = true;
            return;
        }

        if (hold.Charge is null)
        {
            Judge(hold, isKept: false, "it was let go in time");
        }

        books.Open.Remove(holdId);
        books.Held.Remove(holdId);
        hold.Backed = 0;
        Watch(books);
    }

    /// <summary>A message is in the hands of a silo. One that comes in time counts from now on, whenever it is answered.</summary>
    private void Arrived(AccountBooks books, PendingMessage pending)
    {
        if (books.IsQuarantined && IsIntruding(books, pending))
        {
            Intruded(books);
        }

        foreach (var holdId in pending.Holds)
        {
            var hold = _holds[holdId];
            if (!IsInTime(hold))
            {
                continue;
            }

            var isKnown = pending.Silo.Process == books.Owner && books.Held.ContainsKey(holdId);
            if (isKnown && pending.Message is RenewRequest)
            {
                // It has its lease at once, and its answer may have to wait for others of the same message.
                hold.Deadline = Later(hold.Deadline, pending.At + Lease);
                isKnown = hold.Named <= hold.Backed;
            }

            if (!isKnown || pending.Message is not RenewRequest)
            {
                hold.Here.Add(pending);
            }
        }
    }

    /// <summary>An edge is told that its hold is closed, and cuts the response.</summary>
    private void IsClosed(string holdId)
    {
        var hold = _holds[holdId];
        if (hold is { Charge: null, IsSettling: false })
        {
            Judge(hold, isKept: false, "it was said to be closed, and has no row");
        }

        if (hold.Charge is { ClosedBy: Ledger.ClosedBy.Lease } && !hold.IsEdgeDead)
        {
            rare.Reached(RareState.ClosedByLeaseToldToLivingEdge);
        }
    }

    /// <summary>An activation has answered for a hold: its lease starts afresh.</summary>
    /// <param name="asked">The total that the message named: one that knew less changes nothing.</param>
    /// <param name="at">When the message came: its lease has started then or later.</param>
    private void Contact(AccountBooks books, string holdId, long epoch, long asked, long total, TimeSpan at)
    {
        var hold = _holds[holdId];
        hold.Epochs.Add(epoch);
        hold.ConfirmedMost = Math.Max(hold.ConfirmedMost, total);
        if (epoch < books.Epoch)
        {
            ContactOfEarlier(books, hold, epoch, total, at);
            return;
        }

        if (hold.Charge is not null)
        {
            // A late message has revived it in an activation that does not know: set aside until that lets it go.
            hold.Backed = total;
            books.Held.TryAdd(holdId, hold);
            return;
        }

        var isInTime = IsInTime(hold);
        if (hold.Confirmed > 0)
        {
            Judge(hold, asked < hold.Confirmed || total >= hold.Confirmed, "it came in time, and less is held than it was promised");
        }

        hold.IsDeprived &= total < hold.Confirmed;
        hold.Confirmed = asked >= hold.Confirmed || !isInTime ? total : Math.Max(total, hold.Confirmed);
        hold.Backed = Math.Max(total, books.Held.ContainsKey(holdId) ? hold.Backed : 0);
        hold.Deadline = isInTime ? Later(hold.Deadline, at + Lease) : at + Lease;
        hold.IsLate = IsDisowned(hold);
        books.Open.TryAdd(holdId, hold);
        books.Held.TryAdd(holdId, hold);
        Backed(books);
    }

    /// <summary>What an earlier activation has promised is backed by what the present one has in quarantine.</summary>
    private void ContactOfEarlier(AccountBooks books, HoldBooks hold, long epoch, long total, TimeSpan at)
    {
        if (at - _confirmedAt[(hold.Request.AccountId, epoch)] > Lease + Slack)
        {
            Break("rule 5", $"{hold.Request.Id} was answered by epoch {epoch} long after that lost its authority to {books.Epoch}");
        }

        if (hold.Charge is not null)
        {
            return;
        }

        // What a gateway promises while another has the lock stays no promise when it gets the lock back; nor does what it promises while
        // another, which had lost the lock, has freed at once what backs it; nor what it promises by an epoch that another has succeeded,
        // before it is told that it has the lock back and so had lost it.
        hold.IsLate |= IsDisowned(hold) || books.IsUsurped
            || (_lockHolder is not null && books.Owner != hold.Edge.Process && clock.Now - _lockTakenAt < Slack);
        hold.Deadline ??= books.ActivatedAt + Quarantine;
        books.Open.TryAdd(hold.Request.Id, hold);
        if (total > hold.Confirmed)
        {
            hold.Confirmed = total;
            hold.IsDeprived |= books.IntrudedEpoch == books.Epoch;
            hold.RestUntil = books.ActivatedAt + Quarantine;
            Backed(books);
        }
    }

    /// <summary>
    /// Whether a message presents what is not promised any more: it may take of the quarantine what others have yet to present. It is not in
    /// time, or its edge has not heard yet that less is held.
    /// </summary>
    private bool IsIntruding(AccountBooks books, PendingMessage pending)
    {
        return pending.Message switch
        {
            RenewRequest renew => renew.Items.Any(item => Intrudes(item.Ticket)),
            SettleRequest settle => Intrudes(settle.Ticket),
            _ => false,
        };

        bool Intrudes(Ticket ticket)
        {
            var hold = _holds[ticket.HoldId];
            var isUnknown = !books.Held.ContainsKey(ticket.HoldId) || ticket.TotalNanos > hold.Backed;
            return hold.Charge is null && isUnknown && (!IsInTime(hold) || ticket.TotalNanos > hold.Confirmed);
        }
    }

    private static void Intruded(AccountBooks books)
    {
        books.IntrudedEpoch = books.Epoch;
        foreach (var hold in books.Open.Values)
        {
            hold.IsDeprived |= hold.Confirmed > (books.Held.ContainsKey(hold.Request.Id) ? hold.Backed : 0);
        }
    }

    /// <summary>Whatever was promised and could not yet be taken back is set aside.</summary>
    private void Backed(AccountBooks books)
    {
        Int128 promised = 0;
        foreach (var hold in books.Open.Values)
        {
            promised += Promised(books, hold);
        }

        var row = books.Rows.Row;
        if (promised > row.Reserved + row.Quarantined)
        {
            Break("rule 5", $"{row.AccountId} has promised {promised} and set aside {row.Reserved} and {row.Quarantined}: "
                + string.Join(' ', books.Open.Values.Select(h => $"{h.Request.Id}={Promised(books, h)}")));
        }
    }

    private long Promised(AccountBooks books, HoldBooks hold)
    {
        if (hold.IsEdgeDead)
        {
            return books.Held.ContainsKey(hold.Request.Id) ? hold.Backed : 0;
        }

        if (books.Held.ContainsKey(hold.Request.Id))
        {
            var isRestPromised = !hold.IsDeprived && clock.Now < hold.RestUntil - Slack && IsInTime(hold);
            var promised = Math.Max(hold.Backed, isRestPromised ? hold.Confirmed : 0);
            verdicts.Add(Verdict.Backing, isJudged: promised >= hold.Confirmed);
            return promised;
        }

        if (HasRunOut(hold))
        {
            return 0;
        }

        var isJudged = IsInTime(hold) && !hold.IsDeprived;
        verdicts.Add(Verdict.Backing, isJudged);
        return isJudged ? hold.Confirmed : 0;
    }

    /// <summary>Holds rule 8 against what happens to a hold. One that has run out is promised nothing, and is neither judged nor exempt.</summary>
    private void Judge(HoldBooks hold, bool isKept, string broken)
    {
        if (hold.IsEdgeDead || HasRunOut(hold))
        {
            return;
        }

        var isJudged = IsInTime(hold) && !hold.IsDeprived;
        verdicts.Add(Verdict.Rule8, isJudged);
        if (isJudged && !isKept)
        {
            var books = _accounts[hold.Request.AccountId];
            Break("rule 8", $"{hold.Request.Id}: {broken}. {books.Rows.Row}: {string.Join(' ', books.Open.Values.Append(hold).Distinct().Select(h => Describe(books, h)))}");
        }
    }

    private string Describe(AccountBooks books, HoldBooks hold) =>
        $"[{hold.Request.Id}: {hold.Confirmed}, {(books.Held.ContainsKey(hold.Request.Id) ? $"of it {hold.Backed}" : "not presented")}, "
        + $"until {hold.Deadline?.TotalSeconds}{(IsLate(hold) ? ", late" : "")}{(hold.IsDeprived ? ", deprived" : "")}"
        + $"{(hold.IsEdgeDead ? ", edge dead" : "")}{(IsHere(hold) ? ", here" : "")}]";

    private static TimeSpan Later(TimeSpan? one, TimeSpan other) => one > other ? one.Value : other;

    /// <summary>Whether some activation has answered for it, and all that came after came in time.</summary>
    private bool IsInTime(HoldBooks hold) => hold.Deadline is not null && !IsLate(hold);

    private bool IsLate(HoldBooks hold) => hold.IsLate || IsDisowned(hold) || (hold.Deadline is not null && HasRunOut(hold));

    /// <summary>Whether no activation has answered for it, or its lease ended before anything more came.</summary>
    private bool HasRunOut(HoldBooks hold) => hold.Deadline is not { } deadline || (clock.Now > deadline - Slack && !IsHere(hold));

    /// <summary>
    /// Whether the present activation has a message about it that came in time. Where it is being ended, what comes waits for the next one.
    /// </summary>
    private bool IsHere(HoldBooks hold)
    {
        var owner = _accounts[hold.Request.AccountId].Owner;
        return hold.Here.Exists(pending => pending.Silo is { IsDead: false, IsStopping: false } silo && silo.Process == owner);
    }

    /// <summary>Whether its gateway has lost the lock to another.</summary>
    private bool IsDisowned(HoldBooks hold) => _lockHolder is not null && hold.Edge != _lockHolder;
}
