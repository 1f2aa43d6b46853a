using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

public sealed partial class AccountGrain
{
    /// <inheritdoc/>
    public async Task<ExtendAnswer> ExtendAsync(ExtendRequest request)
    {
        if (IsStale(request.Epoch))
        {
            return Extended(ExtendOutcome.Retry, null);
        }

        await LoadAsync(CancellationToken.None);
        return await InTurnAsync(request.Ticket.HoldId, () => ExtendInTurnAsync(request));
    }

    private async Task<ExtendAnswer> ExtendInTurnAsync(ExtendRequest request)
    {
        var holdId = request.Ticket.HoldId;
        if (_isOver)
        {
            return Extended(ExtendOutcome.Retry, null);
        }

        if (_closed.TryGet(holdId, out _))
        {
            return Extended(ExtendOutcome.Closed, null);
        }

        if (!_holds.TryGetValue(holdId, out var hold) || (request.Ticket.TotalNanos > hold.Total && hold.Closing is null))
        {
            return Extended(ExtendOutcome.NotHeld, null);
        }

        var outcome = await GrowAsync(hold, request.NewTotalNanos) switch
        {
            Growth.Grown => ExtendOutcome.Extended,
            Growth.Refused => ExtendOutcome.Refused,
            Growth.Closed => ExtendOutcome.Closed,
            Growth.Over => ExtendOutcome.Retry,
            _ => ExtendOutcome.Unavailable,
        };
        return Extended(outcome, hold);
    }

    /// <inheritdoc/>
    public async Task<RenewAnswer> RenewAsync(RenewRequest request)
    {
        foreach (var item in request.Items)
        {
            Invariant.Holds(item.ProgressNanos >= 0 && item.Usage.IsValid && IsValid(item.Ticket));
        }

        if (!IsStale(request.Epoch))
        {
            await LoadAsync(CancellationToken.None);
        }

        var renewals = new Task<RenewedHold>[request.Items.Length];
        for (var i = 0; i < renewals.Length; i++)
        {
            var item = request.Items[i];
            renewals[i] = InTurnAsync(item.Ticket.HoldId, () => RenewInTurnAsync(item));
        }

        return new RenewAnswer(Epoch, ImmutableArray.Create(await Task.WhenAll(renewals)));
    }

    /// <inheritdoc/>
    public async Task<SettleAnswer> SettleAsync(SettleRequest request)
    {
        if (IsStale(request.Epoch))
        {
            return Settled(null);
        }

        Invariant.Holds(request.CostNanos >= 0 && request.Usage.IsValid && IsValid(request.Ticket));
        Invariant.Holds(request.FirstByteMs >= -1 && request.DurationMs >= 0);
        await LoadAsync(CancellationToken.None);
        var holdId = request.Ticket.HoldId;
        if (_holds.TryGetValue(holdId, out var known) && known.Closing is { } closing)
        {
            return Settled(await closing.Closed);
        }

        return await InTurnAsync(holdId, async () => Settled(await SettleInTurnAsync(request)));
    }

    /// <inheritdoc/>
    public async Task<ImmutableArray<SettleAnswer>> SettleManyAsync(ImmutableArray<SettleRequest> requests) =>
        ImmutableArray.Create(await Task.WhenAll(requests.Select(SettleAsync)));

    /// <summary>Null if another activation must be asked.</summary>
    private async Task<ClosedHold?> SettleInTurnAsync(SettleRequest request)
    {
        var ticket = request.Ticket;
        if (_isOver || _row is null)
        {
            return null;
        }

        if (_closed.TryGet(ticket.HoldId, out var closed))
        {
            return closed;
        }

        if (!_holds.TryGetValue(ticket.HoldId, out var hold) || (ticket.TotalNanos > hold.Total && hold.Closing is null))
        {
            var look = await LookAsync(ticket.HoldId);
            if (look.Closed is not null || !look.IsAnswered)
            {
                return look.Closed;
            }

            hold ??= Adopt(ticket);
            Inherit(hold, ticket.TotalNanos);
            GrowOwn(hold, Math.Max(0, Math.Min(ticket.TotalNanos - hold.Total, SlackNow)));
        }

        hold.Channel = ticket.Channel;
        return await CloseAsync(hold, new CloseHold(hold, ClosedBy.Settlement, OnClosed)
        {
            Cost = request.CostNanos,
            Usage = request.Usage,
            Status = request.Status,
            FirstByteMs = request.FirstByteMs,
            DurationMs = request.DurationMs,
        });
    }

    private Task<RenewedHold> RenewInTurnAsync(RenewItem item)
    {
        var ticket = item.Ticket;
        if (_isOver || _row is null)
        {
            return Task.FromResult(Renewed(ticket, RenewOutcome.Retry));
        }

        if (_closed.TryGet(ticket.HoldId, out _))
        {
            return Task.FromResult(Renewed(ticket, RenewOutcome.Closed));
        }

        if (_holds.TryGetValue(ticket.HoldId, out var hold))
        {
            hold.Renew(item, Now, _options.Lease);
            if (hold.Closing is not null || ticket.TotalNanos <= hold.Total)
            {
                return ConfirmAsync(ticket, hold);
            }
        }

        return PresentAsync(item, hold);
    }

    /// <summary>Answers a renewal of what is held; without authority only after the ledger was asked.</summary>
    private Task<RenewedHold> ConfirmAsync(Ticket ticket, Hold hold)
    {
        return hold.Closing is null && HasAuthority
            ? Task.FromResult(Renewed(ticket, RenewOutcome.Held, hold.Total))
            : WaitForAuthorityAsync();

        async Task<RenewedHold> WaitForAuthorityAsync()
        {
            var growth = await GrowAsync(hold, 0);
            if (hold.Closing is { By: ClosedBy.Lease } closing)
            {
                return Renewed(ticket, await closing.Closed is null ? RenewOutcome.Retry : RenewOutcome.Closed);
            }

            return Renewed(ticket, growth is Growth.Grown or Growth.Closed ? RenewOutcome.Held : RenewOutcome.Retry, hold.Total);
        }
    }

    /// <summary>Takes over a hold, or so large a total, that this activation does not have.</summary>
    private async Task<RenewedHold> PresentAsync(RenewItem item, Hold? hold)
    {
        var ticket = item.Ticket;
        if (hold is null && ticket.AgeMs > _options.TicketAgeMax.TotalMilliseconds)
        {
            return Renewed(ticket, RenewOutcome.Closed);
        }

        var look = await LookAsync(ticket.HoldId);
        if (look.Closed is not null || !look.IsAnswered)
        {
            return Renewed(ticket, look.Closed is null ? RenewOutcome.Retry : RenewOutcome.Closed);
        }

        if (hold is null)
        {
            hold = Adopt(ticket);
            hold.Renew(item, Now, _options.Lease);
        }

        Inherit(hold, ticket.TotalNanos);
        return await GrowAsync(hold, ticket.TotalNanos) switch
        {
            Growth.Grown or Growth.Refused => Renewed(ticket, RenewOutcome.Held, hold.Total),
            Growth.Closed => Renewed(ticket, RenewOutcome.Closed),
            _ => Renewed(ticket, RenewOutcome.Retry),
        };
    }

    /// <summary>How many holds the ledger is being asked for.</summary>
    private int _looking;

    /// <summary>Whether the ledger has the hold's row. What an older epoch had out is committed or fenced by now.</summary>
    private async Task<(bool IsAnswered, ClosedHold? Closed)> LookAsync(string holdId)
    {
        ImmutableArray<LedgerEntry> rows;
        _looking++;
        try
        {
            rows = await _ledger.FindEntriesAsync(_id, [new EntryRef(EntryKind.Charge, holdId)], CancellationToken.None);
        }
        catch (Exception error) when (error is not InvariantException)
        {
            LogLookFailed(_id, holdId, error);
            if (_quarantineEnd is { } end)
            {
                // It came in time, and its edge will repeat it.
                _quarantineEnd = Max(end, Now + _options.Quarantine - _options.Lease);
            }

            return (false, null);
        }
        finally
        {
            _looking--;
        }

        if (_isOver)
        {
            return (false, null);
        }

        if (rows.IsEmpty)
        {
            return (true, null);
        }

        var closed = new ClosedHold(rows[0].ClosedBy ?? ClosedBy.Settlement, -rows[0].Amount, rows[0].Shortfall);
        _closed.Remember(holdId, closed, Now);
        KeepTicking();
        return (true, closed);
    }

    private Hold Adopt(Ticket ticket)
    {
        var hold = new Hold(ticket.HoldId, _keys.GetValueOrDefault(ticket.KeyId))
        {
            PriceId = ticket.PriceId,
            Model = ticket.Model,
            Endpoint = ticket.Endpoint,
            ClientAddress = ticket.ClientAddress,
            Channel = ticket.Channel,
            MayBeIdempotent = true,
        };
        hold.StartLease(Now, _options.Lease);
        Open(hold);
        return hold;
    }

    /// <summary>Backs what is missing of a presented total out of quarantine, while that lasts.</summary>
    private void Inherit(Hold hold, long total)
    {
        var inheritable = _departure is { EndsQuarantine: true } ? 0 : _funds.Quarantined - _funds.Inherited;
        var part = Math.Min(Math.Max(0, total - hold.Total), inheritable);
        hold.Inherited += part;
        _funds.Inherited += part;
        if (hold.Key is not null)
        {
            hold.Key.Held += part;
        }
    }

    private enum Growth
    {
        Grown,
        Refused,
        Closed,
        Over,
        OutOfPatience,
    }

    /// <summary>Raises a hold's total by the rules of admission; with a total that it has already, only confirms the epoch.</summary>
    private Task<Growth> GrowAsync(Hold hold, long total)
    {
        if (TryGrow(hold, total, hasAsked: false) is { } growth)
        {
            return Task.FromResult(growth);
        }

        return Unbox(WaitAsync(
            Math.Max(0, total - hold.Total),
            () => TryGrow(hold, total, hasAsked: true) is { } decided ? (object)decided : null,
            static isOver => isOver ? Growth.Over : Growth.OutOfPatience));

        static async Task<Growth> Unbox(Task<object> answer) => (Growth)await answer;
    }

    private Growth? TryGrow(Hold hold, long total, bool hasAsked)
    {
        if (hold.Closing is not null || !_holds.ContainsKey(hold.Id))
        {
            return Growth.Closed;
        }

        if (!HasAuthority)
        {
            return null;
        }

        var missing = total - hold.Total;
        var isRefused = missing > 0
            && (hold.Key?.IsOverCap(missing, _time.GetUtcNow()) == true || (hasAsked && _funds.Available < missing));
        if (!isRefused && missing > SlackNow)
        {
            return null;
        }

        if (!isRefused && missing > 0)
        {
            GrowOwn(hold, missing);
        }

        hold.StartLease(Now, _options.Lease);
        return isRefused ? Growth.Refused : Growth.Grown;
    }

    /// <summary>Whether the ledger would take what a ticket says: edges make tickets, and are asserted on.</summary>
    private static bool IsValid(Ticket ticket) =>
        ticket.TotalNanos >= 0 && ticket.AgeMs >= 0 && ticket.HoldId.Length is >= 1 and <= RefLengthMax;

    private ExtendAnswer Extended(ExtendOutcome outcome, Hold? hold) => new(outcome, Epoch, hold?.Total ?? 0);

    private static RenewedHold Renewed(Ticket ticket, RenewOutcome outcome, long total = 0) => new(ticket.HoldId, outcome, total);

    private SettleAnswer Settled(ClosedHold? closed) => closed is { } hold
        ? new SettleAnswer(
            hold.By == ClosedBy.Lease ? SettleOutcome.ClosedByLease : SettleOutcome.Committed, Epoch, hold.Charge, hold.Shortfall)
        : new SettleAnswer(SettleOutcome.Retry, Epoch, 0, 0);
}
