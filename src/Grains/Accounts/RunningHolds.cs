using Microsoft.Extensions.Logging;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

/// <summary>Extends, renews and settles holds, and takes over those that other activations made. Each message in its hold's turn.</summary>
internal sealed class RunningHolds(
    string accountId,
    HoldBook book,
    ActivationClock clock,
    BatchLoop loop,
    HoldGrowth growth,
    HoldLooks looks,
    AccountOptions options,
    ILogger log,
    Action keepTicking)
{
    /// <summary>Asserts that the ledger would take what a message says.</summary>
    public static void Check(RenewRequest request)
    {
        foreach (var item in request.Items)
        {
            Invariant.Holds(item.ProgressNanos >= 0 && item.Usage.IsValid && IsValid(item.Ticket));
        }
    }

    /// <inheritdoc cref="Check(RenewRequest)"/>
    public static void Check(SettleRequest request)
    {
        Invariant.Holds(request.CostNanos >= 0 && request.Usage.IsValid && IsValid(request.Ticket));
        Invariant.Holds(request.FirstByteMs >= -1 && request.DurationMs >= 0);
    }

    public async Task<ExtendAnswer> ExtendAsync(ExtendRequest request)
    {
        var holdId = request.Ticket.HoldId;
        if (loop.IsOver)
        {
            return Extended(ExtendOutcome.Retry);
        }

        if (book.TryGetClosed(holdId, out _))
        {
            return Extended(ExtendOutcome.Closed);
        }

        var hold = book.Find(holdId);
        if (hold is null || IsUnknownIn(hold, request.Ticket))
        {
            return Extended(ExtendOutcome.NotHeld);
        }

        var outcome = await growth.GrowAsync(hold, request.NewTotalNanos) switch
        {
            Growth.Grown => ExtendOutcome.Extended,
            Growth.Refused => ExtendOutcome.Refused,
            Growth.Closed => ExtendOutcome.Closed,
            Growth.Over => ExtendOutcome.Retry,
            _ => ExtendOutcome.Unavailable,
        };
        return Extended(outcome, hold);
    }

    public ExtendAnswer Extended(ExtendOutcome outcome, Hold? hold = null) => new(outcome, book.Epoch, hold?.Total ?? 0);

    public Task<RenewedHold> RenewAsync(RenewItem item)
    {
        var ticket = item.Ticket;
        if (loop.IsOver || book.Row is null)
        {
            return Task.FromResult(Renewed(ticket, RenewOutcome.Retry));
        }

        if (book.TryGetClosed(ticket.HoldId, out _))
        {
            return Task.FromResult(Renewed(ticket, RenewOutcome.Closed));
        }

        var hold = book.Find(ticket.HoldId);
        hold?.Renew(item, clock.Now, options.Lease);
        return hold is not null && !IsUnknownIn(hold, ticket) ? ConfirmAsync(ticket, hold) : PresentAsync(item, hold);
    }

    /// <summary>The settlement of a hold that is on its way into the ledger, which needs no turn to wait for; else null.</summary>
    public Task<SettleAnswer>? FindSettling(SettleRequest request)
    {
        return book.Find(request.Ticket.HoldId)?.Closing is { } closing ? AnswerAsync(closing) : null;

        async Task<SettleAnswer> AnswerAsync(CloseHold closing) => Settled(await OutcomeAsync(closing));
    }

    public async Task<SettleAnswer> SettleAsync(SettleRequest request) => Settled(await CloseAsync(request));

    public SettleAnswer Settled(ClosedHold? closed) => closed is { } hold
        ? new SettleAnswer(
            hold.By == ClosedBy.Lease ? SettleOutcome.ClosedByLease : SettleOutcome.Committed, book.Epoch, hold.Charge, hold.Shortfall)
        : new SettleAnswer(SettleOutcome.Retry, book.Epoch, 0, 0);

    /// <summary>Charges a hold at its progress: its edge has not renewed it in time.</summary>
    public void CloseByLease(Hold hold) => Close(hold, new CloseHold(hold, ClosedBy.Lease, OnClosed)
    {
        Cost = Math.Min(hold.Progress, hold.Total),
        Usage = hold.ProgressUsage,
        Status = RequestStatus.EdgeLost,
        FirstByteMs = -1,
        DurationMs = hold.AgeMs,
    });

    private static bool IsValid(Ticket ticket) =>
        ticket.TotalNanos >= 0 && ticket.AgeMs >= 0 && ticket.ExtraAttempts >= 0 && ticket.HoldId.Length is >= 1 and <= AccountProtocol.RefLengthMax;

    /// <summary>Whether the activation does not have so large a total as a ticket says, and can still take it over.</summary>
    private static bool IsUnknownIn(Hold hold, Ticket ticket) => ticket.TotalNanos > hold.Total && hold.Closing is null;

    /// <summary>Answers a renewal of what is held; without authority only after the ledger was asked.</summary>
    private Task<RenewedHold> ConfirmAsync(Ticket ticket, Hold hold)
    {
        return hold.Closing is null && clock.HasAuthority
            ? Task.FromResult(Renewed(ticket, RenewOutcome.Held, hold.Total))
            : WaitForAuthorityAsync();

        async Task<RenewedHold> WaitForAuthorityAsync()
        {
            var confirmed = await growth.GrowAsync(hold, 0);
            if (hold.Closing is { } closing)
            {
                return Renewed(ticket, await closing.Closed is null ? RenewOutcome.Retry : RenewOutcome.Closed);
            }

            return Renewed(ticket, confirmed == Growth.Grown ? RenewOutcome.Held : RenewOutcome.Retry, hold.Total);
        }
    }

    /// <summary>Takes over a hold, or so large a total, that this activation does not have.</summary>
    private async Task<RenewedHold> PresentAsync(RenewItem item, Hold? hold)
    {
        var ticket = item.Ticket;
        if (hold is null && ticket.AgeMs > options.TicketAgeMax.TotalMilliseconds)
        {
            return Renewed(ticket, RenewOutcome.Closed);
        }

        var look = await looks.LookAsync(ticket.HoldId);
        if (look.Closed is not null || !look.IsAnswered)
        {
            return Renewed(ticket, look.Closed is null ? RenewOutcome.Retry : RenewOutcome.Closed);
        }

        if (hold is null)
        {
            hold = Adopt(ticket);
            hold.Renew(item, clock.Now, options.Lease);
        }

        book.Inherit(hold, ticket.TotalNanos);
        return await growth.GrowAsync(hold, ticket.TotalNanos) switch
        {
            Growth.Grown or Growth.Refused => Renewed(ticket, RenewOutcome.Held, hold.Total),
            Growth.Closed => Renewed(ticket, RenewOutcome.Closed),
            _ => Renewed(ticket, RenewOutcome.Retry),
        };
    }

    private Hold Adopt(Ticket ticket)
    {
        var hold = book.Adopt(ticket);
        hold.StartLease(clock.Now, options.Lease);
        keepTicking();
        return hold;
    }

    /// <summary>Null if the message must be repeated.</summary>
    private async Task<ClosedHold?> CloseAsync(SettleRequest request)
    {
        var ticket = request.Ticket;
        if (loop.IsOver || book.Row is null)
        {
            return null;
        }

        if (book.TryGetClosed(ticket.HoldId, out var closed))
        {
            return closed;
        }

        var hold = book.Find(ticket.HoldId);
        if (hold is null || IsUnknownIn(hold, ticket))
        {
            var look = await looks.LookAsync(ticket.HoldId);
            if (look.Closed is not null || !look.IsAnswered)
            {
                return look.Closed;
            }

            hold ??= Adopt(ticket);
            book.Inherit(hold, ticket.TotalNanos);
            growth.GrowAtOnce(hold, ticket.TotalNanos);
        }

        hold.ServedAs(ticket);
        return await OutcomeAsync(Close(hold, new CloseHold(hold, ClosedBy.Settlement, OnClosed)
        {
            Cost = request.CostNanos,
            Usage = request.Usage,
            Status = request.Status,
            FirstByteMs = request.FirstByteMs,
            DurationMs = request.DurationMs,
        }));
    }

    private CloseHold Close(Hold hold, CloseHold operation) => hold.Closing ??= loop.Enqueue(operation);

    /// <summary>How a hold was closed; null if that takes too long to wait for, or the activation was over first.</summary>
    private async Task<ClosedHold?> OutcomeAsync(CloseHold closing)
    {
        await clock.WithinAsync(closing.Closed, options.SettlePatience);
        return closing.Closed.IsCompleted ? await closing.Closed : null;
    }

    private void OnClosed(CloseHold operation, ClosedHold outcome)
    {
        var hold = operation.Hold;
        book.Close(hold, outcome, (Int128)operation.Usage.TotalInput + operation.Usage.TotalOutput, clock.Now);
        if (outcome.Shortfall > 0)
        {
            AccountMetrics.Shortfall.Add(outcome.Shortfall);
            log.LogShortfall(accountId, hold.Id, outcome.Shortfall);
        }

        if (outcome.By == ClosedBy.Lease)
        {
            log.LogClosedByLease(accountId, hold.Id, outcome.Charge);
        }
    }

    private static RenewedHold Renewed(Ticket ticket, RenewOutcome outcome, long total = 0) => new(ticket.HoldId, outcome, total);
}
