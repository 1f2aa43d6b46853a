using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

/// <summary>Something that waits to be written. It changes memory only once it is known to be committed.</summary>
internal abstract class Operation
{
    /// <summary>Changes the batch's copy of the money and writes what it has to write.</summary>
    public abstract void AddTo(BatchBuilder batch);

    /// <summary>It is committed.</summary>
    public abstract void Committed();

    /// <summary>The activation is over before it was committed.</summary>
    public abstract void Fail();

    /// <summary>
    /// Told the rows that kept a batch from committing. True if one of them is this operation's own, which is then done
    /// without moving anything.
    /// </summary>
    public virtual bool IsAlready(LedgerEntry existing) => false;
}

/// <summary>Closes a hold, by settlement or by the end of its lease.</summary>
internal sealed class CloseHold(Hold hold, ClosedBy by, Action<CloseHold, ClosedHold> onClosed) : Operation
{
    private readonly TaskCompletionSource<ClosedHold?> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task<ClosedHold?>? _told;
    private ClosedHold _outcome;

    public Hold Hold { get; } = hold;

    public ClosedBy By { get; } = by;

    public required long Cost { get; init; }
    public required Usage Usage { get; init; }
    public required RequestStatus Status { get; init; }
    public required long FirstByteMs { get; init; }
    public required long DurationMs { get; init; }

    /// <summary>How it was closed; null if the activation was over before that was known.</summary>
    /// <remarks>Through a task of its own that ends on the grain's scheduler, as one with a limited wait must.</remarks>
    public Task<ClosedHold?> Closed => _told ??= TellAsync();

    public override void AddTo(BatchBuilder batch)
    {
        var charge = batch.Funds.Close(Hold.Own, Hold.Inherited, Cost);
        _outcome = new ClosedHold(By, charge, Cost - charge);
        batch.Write(EntryKind.Charge, Hold.Id, -charge, Cost - charge, By);
        batch.Write(new UsageRow
        {
            At = batch.UtcNow,
            KeyId = Hold.Key?.Settings.KeyId ?? "",
            RequestId = Hold.Id,
            Model = Hold.Model,
            Channel = Hold.Channel,
            Endpoint = Hold.Endpoint,
            PriceId = Hold.PriceId,
            Usage = Usage,
            Charge = charge,
            FirstByteMs = FirstByteMs,
            DurationMs = DurationMs,
            Status = Status,
            ClientAddress = Hold.ClientAddress,
            ExtraAttempts = Hold.ExtraAttempts,
        });
        if (Hold.Key is { } key)
        {
            batch.Spend(key, charge, Hold.ClientAddress);
        }

        if (Hold.MayBeIdempotent)
        {
            var state = Status == RequestStatus.Completed ? IdempotencyState.Completed : IdempotencyState.Ended;
            batch.Write(new IdempotencyEnd(Hold.Id, state, charge));
        }
    }

    public override void Committed() => Finish(_outcome);

    public override void Fail() => _closed.TrySetResult(null);

    public override bool IsAlready(LedgerEntry existing)
    {
        if (existing.Kind != EntryKind.Charge || existing.Ref != Hold.Id)
        {
            return false;
        }

        Finish(ClosedHold.Of(existing));
        return true;
    }

    private async Task<ClosedHold?> TellAsync() => await _closed.Task;

    private void Finish(ClosedHold outcome)
    {
        onClosed(this, outcome);
        _closed.TrySetResult(outcome);
    }
}

/// <summary>Moves money that no request caused.</summary>
/// <param name="onShortfall">Is told what of a committed chargeback the account did not have, nanos.</param>
internal sealed class MoveMoney(MoveRequest request, long epoch, Action<long> onShortfall) : Operation
{
    private readonly TaskCompletionSource<MoveAnswer> _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private MoveAnswer? _outcome;
    private long _shortfall;

    public Task<MoveAnswer> Moved => _moved.Task;

    public override void AddTo(BatchBuilder batch)
    {
        var outcome = request.AmountNanos > 0 ? Credit(ref batch.Funds) : Debit(ref batch.Funds, out _shortfall);
        if (outcome == MoveOutcome.Moved)
        {
            batch.Write(request.Kind, request.Ref, request.AmountNanos + _shortfall, _shortfall);
        }

        // A refusal says what would have been given.
        var isRefusedRefund = outcome == MoveOutcome.InsufficientFunds && request.Kind == EntryKind.Refund;
        var available = isRefusedRefund ? batch.Funds.Refundable : batch.Funds.Available;
        _outcome = new MoveAnswer(outcome, epoch, batch.Funds.Balance, available, IsRepeat: false, _shortfall);
    }

    public override void Committed()
    {
        if (_shortfall > 0)
        {
            onShortfall(_shortfall);
        }

        _moved.TrySetResult(_outcome!);
    }

    public override void Fail() => _moved.TrySetResult(new MoveAnswer(MoveOutcome.Retry, epoch, 0, 0, false));

    public override bool IsAlready(LedgerEntry existing)
    {
        if (existing.Kind != request.Kind || existing.Ref != request.Ref)
        {
            return false;
        }

        _moved.TrySetResult(Repeat(existing, request, epoch, 0));
        return true;
    }

    /// <summary>The answer to a movement that is in the ledger already, under the same amount or another.</summary>
    public static MoveAnswer Repeat(LedgerEntry existing, MoveRequest request, long epoch, long available) => new(
        existing.Amount - existing.Shortfall == request.AmountNanos ? MoveOutcome.Moved : MoveOutcome.RefConflict,
        epoch,
        existing.BalanceAfter,
        available,
        IsRepeat: true,
        existing.Shortfall);

    private MoveOutcome Credit(ref Funds funds)
    {
        if (request.AmountNanos > long.MaxValue - funds.Balance)
        {
            return MoveOutcome.Invalid;
        }

        funds.Credit(request.AmountNanos);
        funds.Bonus += request.Kind == EntryKind.Bonus ? request.AmountNanos : 0;
        return MoveOutcome.Moved;
    }

    private MoveOutcome Debit(ref Funds funds, out long shortfall)
    {
        var most = request.Kind == EntryKind.Refund ? funds.Refundable : funds.Available;
        shortfall = request.Kind == EntryKind.Chargeback ? Math.Max(0, -request.AmountNanos - most) : 0;
        var amount = -request.AmountNanos - shortfall;
        if (amount > most)
        {
            return MoveOutcome.InsufficientFunds;
        }

        funds.Take(amount);
        return MoveOutcome.Moved;
    }
}

/// <summary>A change that writes no ledger row and is put into memory once it is durable.</summary>
internal sealed class Change(Action<BatchBuilder> write, Action committed) : Operation
{
    private readonly TaskCompletionSource<bool> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>True once it is durable; false if the activation was over before that was known.</summary>
    public Task<bool> Done => _done.Task;

    public override void AddTo(BatchBuilder batch) => write(batch);

    public override void Committed()
    {
        committed();
        _done.TrySetResult(true);
    }

    public override void Fail() => _done.TrySetResult(false);
}
