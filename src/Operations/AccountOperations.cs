using Orleans;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Operations;

/// <summary>An account as its grain holds it. Money in nanos.</summary>
public sealed record Account
{
    public required string AccountId { get; init; }
    public required string Name { get; init; }
    public required AccountStatus Status { get; init; }
    public required RateLimits Limits { get; init; }
    public required long BalanceNanos { get; init; }
    public required long ReservedNanos { get; init; }
    public required long QuarantinedNanos { get; init; }

    /// <summary>Of the balance, what came as bonus: charges take it first, refunds never.</summary>
    public required long BonusNanos { get; init; }

    /// <summary>What a debit could take.</summary>
    public required long AvailableNanos { get; init; }

    /// <summary>What running requests hold.</summary>
    public required long HeldNanos { get; init; }

    public required int OpenHolds { get; init; }

    /// <summary>How many, revoked ones too.</summary>
    public required int Keys { get; init; }

    internal static Account Of(AccountView view) => new()
    {
        AccountId = view.AccountId,
        Name = view.Name,
        Status = view.Status,
        Limits = view.Limits,
        BalanceNanos = view.BalanceNanos,
        ReservedNanos = view.ReservedNanos,
        QuarantinedNanos = view.QuarantinedNanos,
        BonusNanos = view.BonusNanos,
        AvailableNanos = view.AvailableNanos,
        HeldNanos = view.HeldNanos,
        OpenHolds = view.OpenHolds,
        Keys = view.Keys.Length,
    };
}

/// <summary>What a movement of money did. Money in nanos.</summary>
/// <param name="IsRepeat">The kind and ref had moved it before; nothing was moved now.</param>
/// <param name="ShortfallNanos">What of a chargeback the account did not have.</param>
public sealed record Movement(
    string AccountId,
    EntryKind Kind,
    string Ref,
    long AmountNanos,
    long BalanceNanos,
    long AvailableNanos,
    bool IsRepeat,
    long ShortfallNanos);

/// <summary>Accounts: made, shown, limited, suspended, closed, credited, debited.</summary>
public sealed class AccountOperations(IGrainFactory grains, Changes changes, RandomSource random, TimeProvider time)
{
    /// <summary>Makes an account; of one that exists nothing is changed.</summary>
    /// <param name="actor">Who asks.</param>
    /// <param name="requestId">The actor's own name for this change.</param>
    /// <param name="accountId">12 letters and digits; empty for a new one.</param>
    /// <param name="name">1–200 characters.</param>
    /// <param name="limits">Each at least 1, or null.</param>
    /// <param name="cancellationToken">Calls it off until its intent is written.</param>
    public async Task<Result<Account>> CreateAsync(
        Actor actor, string requestId, string accountId, string name, RateLimits limits, CancellationToken cancellationToken)
    {
        var problems = new Problems();
        problems.CheckRequestId(requestId);
        problems.CheckText("name", name);
        problems.CheckLimits("limits", limits);
        if (accountId.Length > 0 && !Ids.IsAccountId(accountId))
        {
            problems.Add("account_id", "It must be 12 letters and digits, or empty for a new one.");
        }

        if (problems.ToFailure() is { } failure)
        {
            return failure;
        }

        return await changes.RunAsync(
            actor,
            requestId,
            new Change<Account>
            {
                Action = "account.create",

                // A person makes the one that they have none of.
                RefusalOf = static by => by.AccountId is null ? null : by.Refusal,
                Subject = accountId.Length > 0 ? accountId : Ids.NewAccountId(random),
                Request = new { accountId, name, limits },
                Read = async id => new Before(await grains.FindAsync(id) is { } view ? Account.Of(view) : null),
                Act = id => ChangeAsync(id, () => grains.Account(id).CreateAsync(new CreateRequest(name, limits))),
            },
            cancellationToken);
    }

    /// <summary>One account as it stands. Asks its grain.</summary>
    public async Task<Result<Account>> GetAsync(Actor actor, string accountId) => actor.RefusalFor(accountId) is { } refusal ? refusal : await FindAsync(accountId);

    private async Task<Result<Account>> FindAsync(string accountId) =>
        await grains.FindAsync(accountId) is { } view ? Account.Of(view) : Failure.UnknownAccount(accountId);

    /// <summary>Changes limits.</summary>
    /// <param name="paths">Which, such as <c>limits.concurrency</c>; the others stay.</param>
    public async Task<Result<Account>> UpdateAsync(
        Actor actor, string requestId, string accountId, RateLimits limits, IReadOnlyCollection<string> paths, CancellationToken cancellationToken)
    {
        var problems = new Problems();
        problems.CheckRequestId(requestId);
        Masks.Limits.Check(paths, problems);
        var given = Masks.Limits.Apply(RateLimits.None, limits, paths);
        problems.CheckLimits("limits", given);
        if (problems.ToFailure() is { } failure)
        {
            return failure;
        }

        return await changes.RunAsync(
            actor,
            requestId,
            new Change<Account>
            {
                Action = "account.update",
                AccountId = accountId,
                Subject = accountId,
                Request = new { accountId, limits = given, updateMask = paths.Order(StringComparer.Ordinal) },
                Read = ReadAsync,
                Act = async id => await grains.FindAsync(id) is { } view
                    ? await ChangeAsync(id, () => grains.Account(id).SetStatusAsync(
                        new SetStatusRequest(0, null, Masks.Limits.Apply(view.Limits, given, paths))))
                    : Failure.UnknownAccount(id),
            },
            cancellationToken);
    }

    /// <summary>Suspends an account, ends its suspension, or closes it for good.</summary>
    /// <param name="status">Null is refused.</param>
    public async Task<Result<Account>> SetStatusAsync(
        Actor actor, string requestId, string accountId, AccountStatus? status, CancellationToken cancellationToken)
    {
        var problems = new Problems();
        problems.CheckRequestId(requestId);
        if (status is null)
        {
            problems.Add("status", "It must be active, suspended or closed.");
        }

        if (problems.ToFailure() is { } failure)
        {
            return failure;
        }

        return await changes.RunAsync(
            actor,
            requestId,
            new Change<Account>
            {
                Action = "account.status",
                AccountId = accountId,
                Subject = accountId,
                Request = new { accountId, status },
                Read = ReadAsync,
                Act = id => ChangeAsync(id, () => grains.Account(id).SetStatusAsync(new SetStatusRequest(0, status, null))),
            },
            cancellationToken);
    }

    /// <summary>Suspends an account because its owner asks for it.</summary>
    /// <param name="reason">Of whoever asks the audit later: <c>policy</c> where consent was taken back, <c>deletion</c> where it is going to be closed.</param>
    public Task<Result<Account>> PauseAsync(Actor actor, string requestId, string accountId, string reason, CancellationToken cancellationToken) =>
        SetPausedAsync(
            actor, requestId, accountId, reason, "account.pause",
            id => ChangeAsync(id, () => grains.Account(id).SetStatusAsync(new SetStatusRequest(0, AccountStatus.Suspended, null))), cancellationToken);

    /// <summary>Ends what <see cref="PauseAsync"/> began; an operator's suspension stays.</summary>
    public Task<Result<Account>> UnpauseAsync(Actor actor, string requestId, string accountId, string reason, CancellationToken cancellationToken) =>
        SetPausedAsync(
            actor, requestId, accountId, reason, "account.unpause",
            async id => await changes.IsPausedByOwnerAsync(id)
                ? await ChangeAsync(id, () => grains.Account(id).SetStatusAsync(new SetStatusRequest(0, AccountStatus.Active, null)))
                : await FindAsync(id),
            cancellationToken);

    private async Task<Result<Account>> SetPausedAsync(
        Actor actor, string requestId, string accountId, string reason, string action, Func<string, Task<Result<Account>>> act, CancellationToken cancellationToken)
    {
        var problems = new Problems();
        problems.CheckRequestId(requestId);
        problems.CheckText("reason", reason);
        return problems.ToFailure() is { } failure ? failure : await changes.RunAsync(
            actor,
            requestId,
            new Change<Account>
            {
                Action = action,
                RefusalOf = by => by.RefusalFor(accountId),
                AccountId = accountId,
                Subject = accountId,
                Request = new { accountId, reason },
                Read = ReadAsync,
                Act = act,
            },
            cancellationToken);
    }

    /// <summary>Adds or takes money. The same kind and ref never move it twice, whatever the request id.</summary>
    /// <param name="kind">Null is refused.</param>
    /// <param name="reference">
    /// What caused it, 1–128 characters; empty takes the request id, of an actor that is not an operator with <c>kind:id:</c> before it:
    /// two actors may use the same request id.
    /// </param>
    /// <param name="amountNanos">Not 0, with the sign that the kind has.</param>
    public async Task<Result<Movement>> MoveAsync(
        Actor actor, string requestId, string accountId, EntryKind? kind, string reference, long amountNanos, CancellationToken cancellationToken)
    {
        var problems = new Problems();
        problems.CheckRequestId(requestId);
        var cause = reference.Length > 0 ? reference : DefaultRef(actor, requestId);
        if (cause != requestId)
        {
            problems.CheckText("ref", cause, AccountProtocol.RefLengthMax);
        }

        CheckMove(problems, kind, amountNanos);
        if (problems.ToFailure() is { } failure)
        {
            return failure;
        }

        var move = new MoveRequest(0, kind!.Value, cause, amountNanos);
        return await changes.RunAsync(
            actor,
            requestId,
            new Change<Movement>
            {
                Action = "account.move",
                AccountId = accountId,
                Subject = accountId,
                Request = new { accountId, kind, move.Ref, amountNanos },
                Read = ReadAsync,
                Act = id => MoveAsync(id, move),
            },
            cancellationToken);
    }

    internal static string DefaultRef(Actor actor, string requestId) =>
        actor.Kind == ActorKind.Operator ? requestId : $"{OperationJson.Name(actor.Kind)}:{actor.Id}:{requestId}";

    private static void CheckMove(Problems problems, EntryKind? kind, long amountNanos)
    {
        var expected = kind switch
        {
            EntryKind.Topup or EntryKind.Bonus or EntryKind.Compensation when amountNanos <= 0 => "It must be above 0 for this kind.",
            EntryKind.Refund or EntryKind.Chargeback when amountNanos is >= 0 or long.MinValue => "It must be below 0 for this kind.",
            EntryKind.Adjustment when amountNanos is 0 or long.MinValue => "It must not be 0.",
            _ => null,
        };
        if (kind is null or EntryKind.Charge)
        {
            problems.Add("kind", "It must be topup, bonus, compensation, refund, chargeback or adjustment.");
        }
        else if (expected is not null)
        {
            problems.Add("amount_nanos", expected);
        }
    }

    private async Task<Result<Movement>> MoveAsync(string accountId, MoveRequest move)
    {
        var answer = await time.RepeatAsync(() => grains.Account(accountId).MoveAsync(move), static moved => moved.Outcome == MoveOutcome.Retry);
        return answer?.Outcome switch
        {
            MoveOutcome.Moved => new Movement(
                accountId, move.Kind, move.Ref, move.AmountNanos, answer.BalanceNanos, answer.AvailableNanos, answer.IsRepeat, answer.ShortfallNanos),
            MoveOutcome.RefConflict => new Failure(FailureKind.RefConflict, $"The ref '{move.Ref}' has moved another amount before; nothing is moved.")
            {
                Fields = [new FieldProblem("ref", "It has moved another amount before.")],
            },
            MoveOutcome.InsufficientFunds => new Failure(
                FailureKind.InsufficientFunds, $"Only {Money.FormatUsd(answer.AvailableNanos)} USD are available; nothing is moved.")
            {
                Fields = [new FieldProblem("amount_nanos", "It is above what is available.")],
            },
            MoveOutcome.Invalid => Failure.Invalid("amount_nanos", "The balance would overflow."),
            MoveOutcome.UnknownAccount => Failure.UnknownAccount(accountId),
            _ => Failure.Unavailable,
        };
    }

    private async Task<Result<Before>> ReadAsync(string accountId) =>
        await grains.FindAsync(accountId) is { } view ? new Before(Account.Of(view)) : Failure.UnknownAccount(accountId);

    private async Task<Result<Account>> ChangeAsync(string accountId, Func<Task<ChangeAnswer>> send) =>
        await time.ChangeAsync(accountId, send) is { } failure ? failure : await FindAsync(accountId);
}
