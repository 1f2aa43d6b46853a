using System.Collections.Immutable;
using System.Numerics;
using Orleans.Runtime;
using OrleansGateway.Grains.Accounts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Simulation.Cluster;
using OrleansGateway.Tests.Simulation.Machine;
using OrleansGateway.Tests.Simulation.Workload;

namespace OrleansGateway.Tests.Simulation.Audit;

/// <summary>
/// Keeps books of its own from what clients, messages and rows show, shares nothing with the account's code, and holds the protocol's
/// rules against them at every event. This file: messages and clients. Beside it: rows, promises and keys.
/// </summary>
internal sealed partial class Auditor(SimulatedClock clock, Trace trace, RareStates rare, Verdicts verdicts, bool hearsAlarms)
{
    /// <summary>What keeps an answer away where something has died, stopped, stepped down or is late.</summary>
    private static readonly HashSet<string> Expected = new(StringComparer.Ordinal)
    {
        nameof(TimeoutException),
        nameof(OperationCanceledException),
        nameof(TaskCanceledException),
        nameof(SiloUnavailableException),
        nameof(AccountUnavailableException),
        nameof(LedgerLostException),
    };

    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Quarantine = TimeSpan.FromSeconds(25);
    private static readonly TimeSpan RenewalAndMargin = TimeSpan.FromSeconds(10);

    private readonly Dictionary<string, AccountBooks> _accounts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HoldBooks> _holds = new(StringComparer.Ordinal);
    private readonly Dictionary<EntryRef, (string AccountId, long Amount)> _orders = [];

    /// <summary>The first rule that was broken, and how.</summary>
    public (string Rule, string What)? Broken { get; private set; }

    public void Break(string rule, string what)
    {
        trace.Add("AUDITOR", $"{rule}: {what}");
        Broken ??= (rule, what);
    }

    /// <summary>The product itself says that it is broken.</summary>
    public void Alarm(string what)
    {
        trace.Add("AUDITOR", $"alarm: {what}");
        if (hearsAlarms)
        {
            Broken ??= ("alarm", what);
        }
    }

    /// <summary>A message failed, and its sender repeats it: only what a fault can have caused is nothing to be told of.</summary>
    public void Swallowed(string exception, string what)
    {
        if (!Expected.Contains(exception))
        {
            Alarm($"swallowed {exception}: {what}");
        }
    }

    /// <inheritdoc cref="Swallowed(string, string)"/>
    public void Swallowed(Exception exception) => Swallowed(exception.GetType().Name, $"{exception}");

    public void Begun(ClientRequest request, SimulatedEdge edge) => _holds.Add(request.Id, new HoldBooks(request, edge));

    /// <summary>Somebody has paid, or wants money back.</summary>
    public void Ordered(string accountId, MoveRequest order) => _orders[new EntryRef(order.Kind, order.Ref)] = (accountId, order.AmountNanos);

    /// <summary>An order was answered for good.</summary>
    public void OrderEnded(MoveRequest order, MoveAnswer answer)
    {
        trace.Add("operator", $"{order} {answer}");
        var mayBeRefused = order is { AmountNanos: < 0, Kind: not EntryKind.Chargeback } && answer.Outcome == MoveOutcome.InsufficientFunds;
        if (!mayBeRefused && answer.Outcome != MoveOutcome.Moved)
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
            hold.Named = ticket.TotalNanos;
            if (hold.Named > hold.ConfirmedMost)
            {
                Break("rule 5", $"an edge counts on {hold.Named} for {ticket.HoldId}, of which nobody has confirmed more than {hold.ConfirmedMost}");
            }
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
            Watch(books);
        }

        if (message is AdmitRequest admit)
        {
            _holds[admit.HoldId].AskedAt ??= clock.Now;
        }

        if (books is not null)
        {
            Arrived(books, pending);
        }

        return pending;
    }

    /// <summary>It is answered, has failed, or nobody will know.</summary>
    public void Ended(PendingMessage pending)
    {
        pending.Books?.Pending.Remove(pending);
        foreach (var holdId in pending.Holds)
        {
            _holds[holdId].Here.Remove(pending);
        }
    }

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
                Settled(pending, books, request, settlement);
                break;
            case (MoveRequest request, MoveAnswer move):
                Moved(pending, books, request, move);
                break;
            case (SetKeyRequest request, ChangeAnswer { Outcome: ChangeOutcome.Done } change) when change.Epoch == books.Epoch:
                KeyOf(books, request.Settings.KeyId).Settle(clock.Now);
                break;
        }

        Watch(books);
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

    /// <summary>What a usage costs, by arithmetic of its own.</summary>
    private static BigInteger CostOf(ClientRequest request, Usage usage)
    {
        if (usage == default)
        {
            return 0;
        }

        var price = request.Price!;
        var millionths = Units.All.Aggregate(BigInteger.Zero, (sum, unit) => sum + ((BigInteger)usage[unit] * (price.Base[unit] ?? 0)));
        return (millionths + 999_999) / 1_000_000;
    }

    private void Admitted(PendingMessage pending, AccountBooks books, AdmitRequest request, AdmitAnswer answer)
    {
        if (answer.IsAdmitted)
        {
            var hold = _holds[request.HoldId];
            if (!pending.IsRepeat && answer.Epoch == books.Epoch && hold.CountedEpoch != books.Epoch)
            {
                (hold.CountedEpoch, hold.EstimatedTokens) = (books.Epoch, request.EstimatedTokens);
                WithinLimits(pending, books, request, answer);
            }

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
        else
        {
            AskedAgain(books, pending, ticket.HoldId, epoch);
        }
    }

    /// <summary>An activation could not say. What came in time has as long as it takes to come again.</summary>
    private void AskedAgain(AccountBooks books, PendingMessage pending, string holdId, long epoch)
    {
        var hold = _holds[holdId];
        if (epoch == books.Epoch && hold.Deadline is not null && !IsLate(hold))
        {
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

    private void Settled(PendingMessage pending, AccountBooks books, SettleRequest request, SettleAnswer answer)
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
        else if (answer.Outcome == SettleOutcome.Retry)
        {
            AskedAgain(books, pending, request.Ticket.HoldId, answer.Epoch);
        }
        else if (hold.IsLetGo)
        {
            rare.Reached(RareState.LateSettlementOfHoldLetGo);
        }
    }

    private void Moved(PendingMessage pending, AccountBooks books, MoveRequest request, MoveAnswer answer)
    {
        if (answer.Outcome == MoveOutcome.Moved)
        {
            var entry = books.Rows.Find(new EntryRef(request.Kind, request.Ref));
            if (entry is null || entry.Amount - entry.Shortfall != request.AmountNanos || entry.Shortfall != answer.ShortfallNanos)
            {
                Break("rule 4", $"{request} was said to be done, its row is {entry}");
            }
            else if (entry.Shortfall > 0)
            {
                rare.Reached(RareState.ChargebackShortfall);
                NotRefusedInVain(pending, 1 - entry.Amount, answer.IsRepeat);
            }
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

    private void NotRefusedInVain(PendingMessage pending, long nanos, bool isRepeat = false)
    {
        if (!isRepeat && pending.LeastSpare >= nanos)
        {
            Break("rule 6", $"{nanos} nanos were refused while {pending.LeastSpare} were there: {pending.Message}");
        }
    }
}
