using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

/// <summary>Something that waits to be written. It changes memory only once it is known to be committed.</summary>
internal abstract class Operation
{
    /// <summary>Changes the departure's copy of the money and writes what it has to write.</summary>
    public abstract void Board(Departure departure);

    /// <summary>It is committed.</summary>
    public abstract void Land();

    /// <summary>The activation is over before it was committed.</summary>
    public abstract void Fail();

    /// <summary>
    /// Told the rows that kept a flight from committing. True if one of them is this operation's own, which is then done
    /// without moving anything.
    /// </summary>
    public virtual bool IsAlready(LedgerEntry existing) => false;
}

/// <summary>Closes a hold, by settlement or by the end of its lease.</summary>
internal sealed class CloseHold(Hold hold, ClosedBy by, Action<CloseHold, ClosedHold> onClosed) : Operation
{
    private readonly TaskCompletionSource<ClosedHold?> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ClosedHold _outcome;

    public Hold Hold { get; } = hold;

    public ClosedBy By { get; } = by;

    public required long Cost { get; init; }
    public required Usage Usage { get; init; }
    public required RequestStatus Status { get; init; }
    public required long FirstByteMs { get; init; }
    public required long DurationMs { get; init; }

    /// <summary>How it was closed; null if the activation was over before that was known.</summary>
    public Task<ClosedHold?> Closed => _closed.Task;

    public override void Board(Departure departure)
    {
        var charge = departure.Funds.Close(Hold.Own, Hold.Inherited, Cost);
        _outcome = new ClosedHold(By, charge, Cost - charge);
        departure.Write(EntryKind.Charge, Hold.Id, -charge, Cost - charge, By);
        departure.Write(new UsageRow
        {
            At = departure.UtcNow,
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
        });
        if (Hold.Key is { } key)
        {
            departure.Spend(key, charge, Hold.ClientAddress);
        }

        if (Hold.MayBeIdempotent)
        {
            var state = Status == RequestStatus.Completed ? IdempotencyState.Completed : IdempotencyState.Ended;
            departure.Write(new IdempotencyEnd(Hold.Id, state, charge));
        }
    }

    public override void Land() => Finish(_outcome);

    public override void Fail() => _closed.TrySetResult(null);

    public override bool IsAlready(LedgerEntry existing)
    {
        if (existing.Kind != EntryKind.Charge || existing.Ref != Hold.Id)
        {
            return false;
        }

        Finish(new ClosedHold(existing.ClosedBy ?? ClosedBy.Settlement, -existing.Amount, existing.Shortfall));
        return true;
    }

    private void Finish(ClosedHold outcome)
    {
        onClosed(this, outcome);
        _closed.TrySetResult(outcome);
    }
}

/// <summary>Moves money that no request caused.</summary>
internal sealed class MoveMoney(MoveRequest request, long epoch) : Operation
{
    private readonly TaskCompletionSource<MoveAnswer> _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private MoveAnswer? _outcome;

    public Task<MoveAnswer> Moved => _moved.Task;

    public override void Board(Departure departure)
    {
        var outcome = MoveOutcome.Moved;
        if (request.AmountNanos > long.MaxValue - departure.Funds.Balance)
        {
            outcome = MoveOutcome.Invalid;
        }
        else if (request.AmountNanos > 0)
        {
            departure.Funds.Credit(request.AmountNanos);
        }
        else if (-request.AmountNanos <= departure.Funds.Available)
        {
            departure.Funds.Take(-request.AmountNanos);
        }
        else
        {
            outcome = MoveOutcome.InsufficientFunds;
        }

        if (outcome == MoveOutcome.Moved)
        {
            departure.Write(request.Kind, request.Ref, request.AmountNanos);
        }

        _outcome = new MoveAnswer(outcome, epoch, departure.Funds.Balance, departure.Funds.Available, IsRepeat: false);
    }

    public override void Land() => _moved.TrySetResult(_outcome!);

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
        existing.Amount == request.AmountNanos ? MoveOutcome.Moved : MoveOutcome.RefConflict,
        epoch,
        existing.BalanceAfter,
        available,
        IsRepeat: true);
}

/// <summary>A change that writes no ledger row and is put into memory once it is durable.</summary>
internal sealed class Change(Action<Departure> board, Action land) : Operation
{
    private readonly TaskCompletionSource<bool> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>True once it is durable; false if the activation was over before that was known.</summary>
    public Task<bool> Done => _done.Task;

    public override void Board(Departure departure) => board(departure);

    public override void Land()
    {
        land();
        _done.TrySetResult(true);
    }

    public override void Fail() => _done.TrySetResult(false);
}
