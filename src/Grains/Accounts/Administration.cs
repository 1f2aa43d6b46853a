using Microsoft.Extensions.Logging;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

/// <summary>Moves money that no request caused, and changes keys, status and limits: durable first, then in memory.</summary>
internal sealed class Administration(
    string accountId, HoldBook book, ActivationClock clock, BatchLoop loop, ILedger ledger, AccountOptions options, ILogger log)
{
    /// <param name="load">Reads the account into the book.</param>
    public async Task<ChangeAnswer> CreateAsync(CreateRequest request, Func<Task> load)
    {
        if (loop.IsOver)
        {
            return Changed(ChangeOutcome.Retry);
        }

        if (AdministrationRules.Refuse(accountId, request) is { } reason)
        {
            return Changed(ChangeOutcome.Invalid, reason);
        }

        if (book.Row is null)
        {
            await ledger.CreateAccountAsync(accountId, request.Name, request.Limits, clock.UtcNow, CancellationToken.None);
            await load();
        }

        return Changed(loop.IsOver ? ChangeOutcome.Retry : ChangeOutcome.Done);
    }

    /// <summary>In the movement's turn, or the same one sent twice at once would be twice in one batch.</summary>
    public async Task<MoveAnswer> MoveAsync(MoveRequest request)
    {
        if (book.Row is null)
        {
            return Moved(MoveOutcome.UnknownAccount);
        }

        if (!AdministrationRules.IsValid(request))
        {
            return Moved(MoveOutcome.Invalid);
        }

        var existing = await ledger.FindEntriesAsync(accountId, [new EntryRef(request.Kind, request.Ref)], CancellationToken.None);
        if (loop.IsOver)
        {
            return Moved(MoveOutcome.Retry);
        }

        return existing.IsEmpty
            ? await loop.Enqueue(new MoveMoney(request, book.Epoch, OnShortfall)).Moved
            : MoveMoney.Repeat(existing[0], request, book.Epoch, book.Funds.Available);

        void OnShortfall(long shortfall)
        {
            AccountMetrics.Shortfall.Add(shortfall);
            log.LogChargebackShortfall(accountId, request.Ref, shortfall);
        }
    }

    /// <summary>In the key's turn.</summary>
    public async Task<ChangeAnswer> SetKeyAsync(KeySettings settings)
    {
        if (RefuseKey(settings) is { } refusal)
        {
            return refusal;
        }

        if (book.FindKey(settings.KeyId) is { } existing)
        {
            settings = settings with { Hash = existing.Settings.Hash };
        }

        return await ChangeAsync(batch => batch.Write(settings), () => book.SetKey(settings, clock.Now));
    }

    /// <summary>In the status' turn.</summary>
    public async Task<ChangeAnswer> SetStatusAsync(SetStatusRequest request)
    {
        if (book.Row is not { } row)
        {
            return Changed(ChangeOutcome.UnknownAccount);
        }

        if (row.Status == AccountStatus.Closed && request.Status is not (null or AccountStatus.Closed))
        {
            return Changed(ChangeOutcome.ClosedForGood, "the account is closed for good");
        }

        if (request.Limits is { } limits && AdministrationRules.Refuse(limits) is { } reason)
        {
            return Changed(ChangeOutcome.Invalid, reason);
        }

        return await ChangeAsync(
            batch =>
            {
                batch.Status = request.Status ?? batch.Status;
                batch.Limits = request.Limits ?? batch.Limits;
            },
            () => book.Limits.Set(book.Row.Limits, clock.Now));
    }

    public AccountView? Show() => book.Row is not { } row
        ? null
        : new AccountView
        {
            AccountId = accountId,
            Name = row.Name,
            Status = row.Status,
            Limits = row.Limits,
            Epoch = row.Epoch,
            BalanceNanos = book.Funds.Balance,
            ReservedNanos = book.Funds.Reserved,
            QuarantinedNanos = book.Funds.Quarantined,
            BonusNanos = book.Funds.Bonus,
            AvailableNanos = book.Funds.Available,
            HeldNanos = book.Funds.Own + book.Funds.Inherited,
            OpenHolds = book.Holds.Count,
            Keys = [.. book.Keys.Values
                .OrderBy(static k => k.Settings.KeyId, StringComparer.Ordinal)
                .Select(k => new KeyView(k.Settings, SpendWindows.Roll(k.Spend, clock.UtcNow), k.Held))],
        };

    public MoveAnswer Moved(MoveOutcome outcome) => new(outcome, book.Epoch, book.Funds.Balance, book.Funds.Available, IsRepeat: false);

    public ChangeAnswer Changed(ChangeOutcome outcome, string? reason = null) => new(outcome, book.Epoch, reason);

    private async Task<ChangeAnswer> ChangeAsync(Action<BatchBuilder> write, Action committed) =>
        Changed(await loop.Enqueue(new Change(write, committed)).Done ? ChangeOutcome.Done : ChangeOutcome.Retry);

    private ChangeAnswer? RefuseKey(KeySettings settings)
    {
        if (book.Row is null)
        {
            return Changed(ChangeOutcome.UnknownAccount);
        }

        if (AdministrationRules.Refuse(settings) is { } reason)
        {
            return Changed(ChangeOutcome.Invalid, reason);
        }

        if (book.FindKey(settings.KeyId) is not { } existing)
        {
            return book.Keys.Count < options.KeysMax
                ? null
                : Changed(ChangeOutcome.Invalid, $"an account has at most {options.KeysMax} keys");
        }

        return existing.Settings.Status == KeyStatus.Revoked && settings.Status != KeyStatus.Revoked
            ? Changed(ChangeOutcome.ClosedForGood, "the key is revoked for good")
            : null;
    }
}
