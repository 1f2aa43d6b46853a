using System.Text;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

public sealed partial class AccountGrain
{
    private const int RefLengthMax = 128;
    private const int NameLengthMax = 200;
    private const int ListLengthMax = 1_000;

    /// <inheritdoc/>
    public async Task<ChangeAnswer> CreateAsync(CreateRequest request)
    {
        if (_isOver)
        {
            return Changed(ChangeOutcome.Retry);
        }

        if (!Ids.IsAccountId(_id))
        {
            return Changed(ChangeOutcome.Invalid, "an account's id is 12 letters and digits");
        }

        if (!IsName(request.Name) || !Limits.AreValid(request.Limits))
        {
            return Changed(ChangeOutcome.Invalid, $"a name has at most {NameLengthMax} printable characters, a limit is from 1 to {Limits.LimitMax}");
        }

        if (_row is null)
        {
            await _ledger.CreateAccountAsync(_id, request.Name, request.Limits, _time.GetUtcNow(), CancellationToken.None);
            await LoadAsync(CancellationToken.None);
        }

        return Changed(_isOver ? ChangeOutcome.Retry : ChangeOutcome.Done);
    }

    /// <inheritdoc/>
    public async Task<MoveAnswer> MoveAsync(MoveRequest request)
    {
        if (IsStale(request.Epoch))
        {
            return Moved(MoveOutcome.Retry);
        }

        await LoadAsync(CancellationToken.None);
        if (_row is null)
        {
            return Moved(MoveOutcome.UnknownAccount);
        }

        // In turn, or the same movement sent twice at once would be twice in one flight.
        return IsValid(request)
            ? await InTurnAsync($"{request.Kind}/{request.Ref}", () => MoveInTurnAsync(request))
            : Moved(MoveOutcome.Invalid);
    }

    private async Task<MoveAnswer> MoveInTurnAsync(MoveRequest request)
    {
        var existing = await _ledger.FindEntriesAsync(_id, [new EntryRef(request.Kind, request.Ref)], CancellationToken.None);
        if (_isOver)
        {
            return Moved(MoveOutcome.Retry);
        }

        return existing.IsEmpty
            ? await Enqueue(new MoveMoney(request, Epoch)).Moved
            : MoveMoney.Repeat(existing[0], request, Epoch, _funds.Available);
    }

    /// <inheritdoc/>
    public async Task<ChangeAnswer> SetKeyAsync(SetKeyRequest request)
    {
        if (IsStale(request.Epoch))
        {
            return Changed(ChangeOutcome.Retry);
        }

        await LoadAsync(CancellationToken.None);
        return await InTurnAsync($"key/{request.Settings.KeyId}", () => SetKeyInTurnAsync(request.Settings));
    }

    private async Task<ChangeAnswer> SetKeyInTurnAsync(KeySettings settings)
    {
        if (RefuseKey(settings) is { } refusal)
        {
            return refusal;
        }

        if (_keys.TryGetValue(settings.KeyId, out var existing))
        {
            settings = settings with { Hash = existing.Settings.Hash };
        }

        return await ChangeAsync(departure => departure.Write(settings), () => SetKey(settings));
    }

    /// <inheritdoc/>
    public async Task<ChangeAnswer> SetStatusAsync(SetStatusRequest request)
    {
        if (IsStale(request.Epoch))
        {
            return Changed(ChangeOutcome.Retry);
        }

        await LoadAsync(CancellationToken.None);
        return await InTurnAsync("status", () => SetStatusInTurnAsync(request));
    }

    private async Task<ChangeAnswer> SetStatusInTurnAsync(SetStatusRequest request)
    {
        if (_row is null)
        {
            return Changed(ChangeOutcome.UnknownAccount);
        }

        if (_row.Status == AccountStatus.Closed && request.Status is not (null or AccountStatus.Closed))
        {
            return Changed(ChangeOutcome.ClosedForGood, "the account is closed for good");
        }

        if (request.Limits is { } limits && !Limits.AreValid(limits))
        {
            return Changed(ChangeOutcome.Invalid, $"a limit is from 1 to {Limits.LimitMax}");
        }

        return await ChangeAsync(
            departure =>
            {
                departure.Status = request.Status ?? departure.Status;
                departure.Limits = request.Limits ?? departure.Limits;
            },
            () => _limits.Set(_row.Limits, Now));
    }

    /// <inheritdoc/>
    public async Task<AccountView?> ShowAsync()
    {
        await LoadAsync(CancellationToken.None);
        return _row is null
            ? null
            : new AccountView
            {
                AccountId = _id,
                Name = _row.Name,
                Status = _row.Status,
                Limits = _row.Limits,
                Epoch = _row.Epoch,
                BalanceNanos = _funds.Balance,
                ReservedNanos = _funds.Reserved,
                QuarantinedNanos = _funds.Quarantined,
                AvailableNanos = _funds.Available,
                HeldNanos = _funds.Own + _funds.Inherited,
                OpenHolds = _holds.Count,
                Keys = [.. _keys.Values
                    .OrderBy(static k => k.Settings.KeyId, StringComparer.Ordinal)
                    .Select(k => new KeyView(k.Settings, SpendWindows.Roll(k.Spend, _time.GetUtcNow()), k.Held))],
            };
    }

    private async Task<ChangeAnswer> ChangeAsync(Action<Departure> board, Action land) =>
        Changed(await Enqueue(new Change(board, land)).Done ? ChangeOutcome.Done : ChangeOutcome.Retry);

    private ChangeAnswer? RefuseKey(KeySettings settings)
    {
        if (_row is null)
        {
            return Changed(ChangeOutcome.UnknownAccount);
        }

        if (Key.Validate(settings) is { } reason)
        {
            return Changed(ChangeOutcome.Invalid, reason);
        }

        if (!Ids.IsKeyId(settings.KeyId) || !IsName(settings.Name))
        {
            return Changed(ChangeOutcome.Invalid, $"a key's id is 12 letters and digits, its name has at most {NameLengthMax} printable characters");
        }

        if (settings.Models.Length > ListLengthMax || settings.Addresses.Length > ListLengthMax || !settings.Models.All(IsName))
        {
            return Changed(ChangeOutcome.Invalid, $"a key lists at most {ListLengthMax} models and as many addresses");
        }

        if (!_keys.TryGetValue(settings.KeyId, out var existing))
        {
            return _keys.Count < _options.KeysMax
                ? null
                : Changed(ChangeOutcome.Invalid, $"an account has at most {_options.KeysMax} keys");
        }

        return existing.Settings.Status == KeyStatus.Revoked && settings.Status != KeyStatus.Revoked
            ? Changed(ChangeOutcome.ClosedForGood, "the key is revoked for good")
            : null;
    }

    private void SetKey(KeySettings settings)
    {
        if (_keys.TryGetValue(settings.KeyId, out var key))
        {
            key.Set(settings, Now);
        }
        else
        {
            _keys.Add(settings.KeyId, new Key(new KeyRow(settings, KeySpend.None), Now));
        }
    }

    private static bool IsValid(MoveRequest request)
    {
        var isSignRight = request.Kind switch
        {
            EntryKind.Topup or EntryKind.Bonus or EntryKind.Compensation => request.AmountNanos > 0,
            EntryKind.Refund => request.AmountNanos is < 0 and > long.MinValue,
            EntryKind.Adjustment => request.AmountNanos is not (0 or long.MinValue),
            _ => false,
        };
        return isSignRight && request.Ref.Length is >= 1 and <= RefLengthMax && IsText(request.Ref);
    }

    private static bool IsName(string text) => text.Length <= NameLengthMax && IsText(text);

    /// <summary>Whether the ledger can store it: well-formed Unicode, and no control characters, which logs do not want either.</summary>
    private static bool IsText(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune == Rune.ReplacementChar || Rune.IsControl(rune))
            {
                return false;
            }
        }

        return true;
    }

    private MoveAnswer Moved(MoveOutcome outcome) => new(outcome, Epoch, _funds.Balance, _funds.Available, IsRepeat: false);

    private ChangeAnswer Changed(ChangeOutcome outcome, string? reason = null) => new(outcome, Epoch, reason);
}
