using System.Collections.Immutable;
using System.Numerics;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Simulation.Cluster;
using OrleansGateway.Tests.Simulation.Machine;
using OrleansGateway.Tests.Simulation.Workload;

namespace OrleansGateway.Tests.Simulation.Audit;

/// <summary>
/// Keeps books of its own from what clients, messages and rows show, shares nothing with the account's code, and holds the protocol's
/// rules against them at every event. This file: messages and clients. Beside it: rows.
/// </summary>
internal sealed partial class Auditor(SimulatedClock clock, Trace trace, RareStates rare)
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Quarantine = TimeSpan.FromSeconds(25);
    private static readonly TimeSpan RenewalAndMargin = TimeSpan.FromSeconds(10);

    /// <summary>Between what an activation does and its being seen here.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(0.5);

    private readonly Dictionary<string, AccountBooks> _accounts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HoldBooks> _holds = new(StringComparer.Ordinal);
    private readonly Dictionary<EntryRef, (string AccountId, long Amount)> _orders = [];

    /// <summary>The first rule that was broken, and how.</summary>
    public (string Rule, string What)? Broken { get; private set; }

    /// <summary>Two gateways have run on one database: what one had promised the other may have freed at once.</summary>
    public bool HadTwoGateways { get; set; }

    public void Break(string rule, string what)
    {
        trace.Add("AUDITOR", $"{rule}: {what}");
        Broken ??= (rule, what);
    }

    public void Begun(ClientRequest request, SimulatedEdge edge) => _holds.Add(request.Id, new HoldBooks(request, edge));

    /// <summary>Somebody has paid, or wants money back.</summary>
    public void Ordered(string accountId, MoveRequest order) => _orders[new EntryRef(order.Kind, order.Ref)] = (accountId, order.AmountNanos);

    /// <summary>An order was answered for good.</summary>
    public void OrderEnded(MoveRequest order, MoveAnswer answer)
    {
        trace.Add("operator", $"{order} {answer}");
        if (order.AmountNanos > 0 && answer.Outcome != MoveOutcome.Moved)
        {
            Break("rule 4", $"{order} was answered {answer}");
        }
    }

    /// <summary>An edge sends what goes in one call.</summary>
    public void Sent<TMessage>(ImmutableArray<TMessage> messages)
        where TMessage : class
    {
        if (messages is [AdmitRequest, _, ..] or [SettleRequest, _, ..])
        {
            rare.Reached(messages[0] is AdmitRequest ? RareState.AdmissionsSentTogether : RareState.SettlementsSentTogether);
        }

        foreach (var message in messages)
        {
            Sent(message);
        }
    }

    private void Sent(object message)
    {
        switch (message)
        {
            case SettleRequest settle:
                Name(settle.Ticket);
                _holds[settle.Ticket.HoldId].IsSettling = true;
                break;
            case RenewRequest renew:
                foreach (var item in renew.Items)
                {
                    Name(item.Ticket);
                }

                break;
            case ExtendRequest extend:
                Name(extend.Ticket);
                break;
        }

        void Name(Ticket ticket)
        {
            var hold = _holds[ticket.HoldId];
            hold.TicketTotal = Math.Max(hold.TicketTotal, ticket.TotalNanos);
        }
    }

    public PendingMessage Delivered(SimulatedSilo silo, string accountId, object message)
    {
        trace.Add(silo.Name, $"{accountId} gets {Told.Of(message)}");
        var books = _accounts.GetValueOrDefault(accountId);
        var pending = new PendingMessage(silo, books, message, clock.Now);
        if (books is not null && pending.Totals.Length > 0)
        {
            books.Pending.Add(pending);
            books.Watch();
        }

        if (message is SettleRequest settle && IsLate(_holds[settle.Ticket.HoldId]))
        {
            books!.LateUntil = clock.Now + TimeSpan.FromMinutes(1);
        }

        return pending;
    }

    /// <summary>It is answered, has failed, or nobody will know.</summary>
    public static void Ended(PendingMessage pending) => pending.Books?.Pending.Remove(pending);

    /// <param name="answer">Null where an admission has to be asked for alone, and of an account that is not there.</param>
    public void Answered(PendingMessage pending, object? answer)
    {
        if (answer is null)
        {
            if (pending.Message is AdmitRequest)
            {
                rare.Reached(RareState.AdmissionHadToWait);
            }

            return;
        }

        trace.Add(pending.Silo.Name, $"answers {Told.Of(answer, pending.Message)}");
        if (pending.Books is not { } books)
        {
            return;
        }

        switch (pending.Message, answer)
        {
            case (AdmitRequest request, AdmitAnswer admission):
                Admitted(pending, books, request, admission);
                break;
            case (ExtendRequest request, ExtendAnswer extension):
                Extended(pending, books, request, extension);
                break;
            case (RenewRequest request, RenewAnswer renewal):
                for (var i = 0; i < request.Items.Length; i++)
                {
                    Renewed(pending, books, request.Items[i].Ticket, renewal.Holds[i], renewal.Epoch);
                }

                break;
            case (SettleRequest request, SettleAnswer settlement):
                Settled(request, settlement);
                break;
            case (MoveRequest request, MoveAnswer move):
                Moved(pending, books, request, move);
                break;
        }

        books.Watch();
    }

    /// <summary>A client has seen the end of its request.</summary>
    public void Ended(ClientRequest request)
    {
        trace.Add("client", $"{request.Id}: {request.Fate} {(request.Fate == Fate.Refused ? $"{request.Refusal}" : "")}");
        if (request.Fate == Fate.Refused && request.Refusal is AdmitOutcome.IdempotencyCompleted or AdmitOutcome.IdempotencyRunning)
        {
            rare.Reached(RareState.RepeatRefusedByIdempotencyKey);
        }

        if (request.Fate != Fate.Completed)
        {
            return;
        }

        var charge = _holds[request.Id].Charge;
        var cost = CostOf(request, request.Told);
        if (charge is null || charge.Shortfall - charge.Amount != cost)
        {
            Break("rule 3", $"{request.Id} was completed and cost {cost}, its row is {charge}");
        }

        NotPaidBack(_holds[request.Id]);
    }

    /// <summary>An activation has said that it lets a hold go that was never renewed.</summary>
    public void LetGo(string holdId, long epoch)
    {
        rare.Reached(RareState.NeverRenewedHoldLetGo);
        var hold = _holds[holdId];
        hold.IsLetGo = true;
        var books = _accounts[hold.Request.AccountId];
        if (hold.Charge is null && IsInTime(hold))
        {
            Break("rule 8", $"{holdId} was let go in time");
        }

        if (epoch == books.Epoch)
        {
            books.Open.Remove(holdId);
            books.Held.Remove(holdId);
        }
    }

    /// <summary>What a usage costs, by arithmetic of its own.</summary>
    private static BigInteger CostOf(ClientRequest request, Usage usage)
    {
        if (usage == default)
        {
            return 0;
        }

        var price = request.Price!;
        var millionths = ((BigInteger)usage.Input * price.Base.Input) + ((BigInteger)usage.Output * price.Base.Output)
            + ((BigInteger)usage.Calls * price.PerCallNanos * 1_000_000);
        return (millionths + 999_999) / 1_000_000;
    }

    private void Admitted(PendingMessage pending, AccountBooks books, AdmitRequest request, AdmitAnswer answer)
    {
        if (answer.IsAdmitted)
        {
            Contact(books, request.HoldId, answer.Epoch, answer.TotalNanos, answer.TotalNanos, pending.At);
        }
        else if (request.IdempotencyKey is not null && answer.Epoch == books.Epoch && answer.Outcome == AdmitOutcome.Unavailable)
        {
            // It may have been held before the ledger went away; then it is let go.
            var hold = _holds[request.HoldId];
            hold.MayBeHeld = request.MostNanos;
            books.Held.TryAdd(request.HoldId, hold);
        }
        else if (answer.Outcome is AdmitOutcome.InsufficientFunds or AdmitOutcome.FundsInQuarantine)
        {
            rare.Reached(answer.Outcome == AdmitOutcome.InsufficientFunds ? RareState.RefusedForMoney : RareState.RefusedForQuarantine);
            NotRefusedInVain(pending, request.LeastNanos);
        }
    }

    private void Extended(PendingMessage pending, AccountBooks books, ExtendRequest request, ExtendAnswer answer)
    {
        var holdId = request.Ticket.HoldId;
        switch (answer.Outcome)
        {
            case ExtendOutcome.Extended:
                Contact(books, holdId, answer.Epoch, request.NewTotalNanos, answer.TotalNanos, pending.At);
                break;
            case ExtendOutcome.Refused:
                rare.Reached(RareState.ExtendRefused);
                Contact(books, holdId, answer.Epoch, request.Ticket.TotalNanos, answer.TotalNanos, pending.At);
                if (!_holds[holdId].Request.MayBeCapped)
                {
                    NotRefusedInVain(pending, request.NewTotalNanos - answer.TotalNanos);
                }

                break;
            case ExtendOutcome.Closed:
                IsClosed(holdId);
                break;
        }
    }

    private void Renewed(PendingMessage pending, AccountBooks books, Ticket ticket, RenewedHold answer, long epoch)
    {
        if (answer.Outcome == RenewOutcome.Held)
        {
            Presented(pending, books, ticket.HoldId, epoch);
            Contact(books, ticket.HoldId, epoch, ticket.TotalNanos, answer.TotalNanos, pending.At);
        }
        else if (answer.Outcome == RenewOutcome.Closed)
        {
            IsClosed(ticket.HoldId);
        }
        else if (epoch == books.Epoch && _holds[ticket.HoldId] is { Deadline: not null } hold && !IsLate(hold))
        {
            // It came in time; that the ledger was away is not its fault.
            hold.Deadline = Later(hold.Deadline, pending.At + RenewalAndMargin);
        }
    }

    private void Presented(PendingMessage pending, AccountBooks books, string holdId, long epoch)
    {
        var hold = _holds[holdId];
        if (hold.Epochs.Contains(epoch))
        {
            return;
        }

        if (hold.ChargedAt < pending.At)
        {
            Break("rule 3", $"{holdId} is held by epoch {epoch}, to be charged again: {hold.Charge}");
        }
        else if (hold.Charge is null && epoch == books.Epoch)
        {
            rare.Reached(books.IsQuarantined ? RareState.HoldAdopted : RareState.HeldAgainAfterQuarantine);
        }
    }

    private void Settled(SettleRequest request, SettleAnswer answer)
    {
        var hold = _holds[request.Ticket.HoldId];
        if (answer.Outcome == SettleOutcome.Committed && hold.Charge is not { ClosedBy: ClosedBy.Settlement })
        {
            Break("rule 3", $"{request.Ticket.HoldId} was said to be committed, its row is {hold.Charge}");
        }
        else if (answer.Outcome == SettleOutcome.ClosedByLease)
        {
            IsClosed(request.Ticket.HoldId);
        }
        else if (answer.Outcome == SettleOutcome.Committed && hold.IsLetGo)
        {
            rare.Reached(RareState.LateSettlementOfHoldLetGo);
        }
    }

    private void Moved(PendingMessage pending, AccountBooks books, MoveRequest request, MoveAnswer answer)
    {
        if (answer.Outcome == MoveOutcome.Moved && books.Rows.Find(new EntryRef(request.Kind, request.Ref))?.Amount != request.AmountNanos)
        {
            Break("rule 4", $"{request} was said to be done, and is not");
        }
        else if (answer.Outcome == MoveOutcome.InsufficientFunds)
        {
            NotRefusedInVain(pending, -request.AmountNanos);
        }
    }

    private void NotPaidBack(HoldBooks hold)
    {
        if (hold is { Compensation: > 0, Request.Fate: Fate.Completed })
        {
            Break("rule 3", $"{hold.Request.Id} was completed and is paid back {hold.Compensation}");
        }
    }

    private void NotRefusedInVain(PendingMessage pending, long nanos)
    {
        if (pending.LeastSpare >= nanos)
        {
            Break("rule 6", $"{nanos} nanos were refused while {pending.LeastSpare} were there: {pending.Message}");
        }
    }

    /// <summary>An edge is told that its hold is closed, and cuts the response.</summary>
    private void IsClosed(string holdId)
    {
        var hold = _holds[holdId];
        if (hold is { Charge: null, IsSettling: false } && IsInTime(hold))
        {
            Break("rule 8", $"{holdId} was said to be closed, and has no row");
        }

        if (hold.Charge is { ClosedBy: ClosedBy.Lease } && !hold.IsEdgeDead)
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
        if (epoch < books.Epoch && at - _confirmedAt[(hold.Request.AccountId, epoch)] > Lease + Slack)
        {
            Break("rule 5", $"{holdId} was answered by epoch {epoch} long after that lost its authority to {books.Epoch}");
        }

        if (hold.Charge is not null)
        {
            // A late message has revived it in an activation that does not know: set aside until that lets it go.
            if (epoch == books.Epoch)
            {
                hold.Confirmed = total;
                books.Held.TryAdd(holdId, hold);
            }

            return;
        }

        if (IsLate(hold))
        {
            hold.IsLate = true;
            books.LateUntil = clock.Now + TimeSpan.FromMinutes(1);
        }

        books.Open.TryAdd(holdId, hold);
        var isPresent = epoch == books.Epoch;
        if (isPresent)
        {
            books.Held.TryAdd(holdId, hold);
        }

        if (asked < hold.Confirmed && total < hold.Confirmed)
        {
            return;
        }

        if (isPresent && total < hold.Confirmed && IsInTime(hold) && !IsAnyLate(books))
        {
            Break("rule 8", $"{holdId} came in time, and of the {hold.Confirmed} that it was promised only {total} are held");
        }

        hold.Confirmed = isPresent ? total : Math.Max(total, hold.Confirmed);
        if (isPresent)
        {
            hold.Deadline = Later(hold.Deadline, at + Lease);
        }
        else
        {
            // Backed by what the present activation has in quarantine.
            hold.Deadline ??= books.ActivatedAt + Quarantine;
        }

        Backed(books);
    }

    private static TimeSpan Later(TimeSpan? one, TimeSpan other) => one > other ? one.Value : other;

    /// <summary>Whether some activation has answered for it, and all that came after came in time.</summary>
    private bool IsInTime(HoldBooks hold) => hold.Deadline is not null && !IsLate(hold) && !HadTwoGateways;

    private bool IsLate(HoldBooks hold) => hold.IsLate || (hold.Deadline is { } deadline && clock.Now > deadline - Slack);
}
