using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

public sealed partial class AccountGrain
{
    private const int MostPartOfAvailable = 8;
    private const int IdempotencyKeyLengthMax = 256;

    /// <summary>Idempotency keys of admissions that are being looked up or written down.</summary>
    private readonly HashSet<string> _startingKeys = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public async Task<AdmitAnswer> AdmitAsync(AdmitRequest request)
    {
        if (AdmitAtOnce(request) is { } answer)
        {
            return answer;
        }

        await LoadAsync(CancellationToken.None);
        return await InTurnAsync(request.HoldId, () => AdmitInTurnAsync(request));
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<AdmitAnswer?>> AdmitManyAsync(ImmutableArray<AdmitRequest> requests)
    {
        // If one of them shows that this activation is stale, it admits none.
        foreach (var request in requests)
        {
            IsStale(request.Epoch);
        }

        return Task.FromResult(ImmutableArray.CreateRange(requests, AdmitAtOnce));
    }

    /// <inheritdoc/>
    public async Task<KeyAnswer> FindKeyAsync(FindKeyRequest request)
    {
        if (IsStale(request.Epoch))
        {
            return Found(Refuse(AdmitOutcome.Retry), []);
        }

        if (_row is null && !_lock.IsHeld)
        {
            return Found(Refuse(AdmitOutcome.Unavailable), []);
        }

        await LoadAsync(CancellationToken.None);
        if (_isOver || _isGivingBack)
        {
            return Found(Refuse(AdmitOutcome.Retry), []);
        }

        if (_row is null)
        {
            return Found(Refuse(AdmitOutcome.UnknownKey), []);
        }

        ImmutableArray<string> models = [];
        var answer = await DecideAsync(0, _ =>
        {
            if (!_lock.IsHeld)
            {
                return Refuse(AdmitOutcome.Unavailable);
            }

            if (!HasAuthority)
            {
                return null;
            }

            var rule = CheckRules(request.KeyId, request.KeyHash, null, request.ClientAddress, _time.GetUtcNow());
            models = rule == AdmitOutcome.Admitted ? _keys[request.KeyId].Settings.Models : [];
            return Refuse(rule);
        });
        return Found(answer, models);

        static KeyAnswer Found(AdmitAnswer answer, ImmutableArray<string> models) =>
            new() { Outcome = answer.Outcome, Epoch = answer.Epoch, Models = models };
    }

    /// <summary>The answer if nothing has to be waited for: neither the ledger nor an earlier message about the same hold.</summary>
    private AdmitAnswer? AdmitAtOnce(AdmitRequest request)
    {
        if (IsStale(request.Epoch))
        {
            return Refuse(AdmitOutcome.Retry);
        }

        Invariant.Holds(request.LeastNanos >= 0 && request.LeastNanos <= request.MostNanos && request.EstimatedTokens >= 0);
        Invariant.Holds(request.HoldId.Length is >= 1 and <= RefLengthMax);
        Invariant.Holds(request.IdempotencyKey is null or { Length: >= 1 and <= IdempotencyKeyLengthMax });
        if (_row is null)
        {
            // Said at once, unlike to messages that must be repeated: the client can go to the gateway that has the lock.
            return _lock.IsHeld ? null : Refuse(AdmitOutcome.Unavailable);
        }

        try
        {
            return _turns.IsBusy(request.HoldId) ? null : TryAdmit(request);
        }
        catch (InvariantException bug)
        {
            Break(bug);
            throw;
        }
    }

    /// <summary>The answer by what is known now; null if the ledger has to be asked first.</summary>
    private AdmitAnswer? TryAdmit(AdmitRequest request)
    {
        if (_isOver || _isGivingBack)
        {
            return Refuse(AdmitOutcome.Retry);
        }

        if (_row is null)
        {
            return Refuse(AdmitOutcome.UnknownKey);
        }

        if (_closed.TryGet(request.HoldId, out _))
        {
            return Refuse(AdmitOutcome.HoldClosed);
        }

        if (_holds.TryGetValue(request.HoldId, out var hold))
        {
            return DecideAgain(hold);
        }

        return request.IdempotencyKey is null ? Decide(request, hasAsked: false) : null;
    }

    private Task<AdmitAnswer> AdmitInTurnAsync(AdmitRequest request)
    {
        if (TryAdmit(request) is { } answer)
        {
            return Task.FromResult(answer);
        }

        if (_holds.TryGetValue(request.HoldId, out var hold))
        {
            return AdmitAgainAsync(hold);
        }

        return request.IdempotencyKey is null
            ? DecideAsync(PreferredAmount(request), hasAsked => Decide(request, hasAsked))
            : AdmitOnceAsync(request, request.IdempotencyKey);
    }

    /// <summary>Answers for a hold that was made before.</summary>
    private Task<AdmitAnswer> AdmitAgainAsync(Hold hold) => DecideAsync(0, _ => DecideAgain(hold));

    private AdmitAnswer? DecideAgain(Hold hold) =>
        hold.Closing is not null || !_holds.ContainsKey(hold.Id) ? Refuse(AdmitOutcome.HoldClosed)
        : HasAuthority ? Admitted(hold)
        : null;

    /// <summary>Looks now, and, where that does not decide it, again after each flight.</summary>
    private Task<AdmitAnswer> DecideAsync(long amount, Func<bool, AdmitAnswer?> decide)
    {
        if (decide(false) is { } answer)
        {
            return Task.FromResult(answer);
        }

        if (_pending.Count + _waiters.Count >= _options.WaitingOperationsMax)
        {
            return Task.FromResult(Refuse(AdmitOutcome.Unavailable));
        }

        return WaitAsync(amount, () => decide(true), isOver => Refuse(isOver ? AdmitOutcome.Retry : AdmitOutcome.Unavailable));
    }

    /// <summary>
    /// The answer by what is known now; null if the ledger has to be asked first. <paramref name="hasAsked"/>: a statement
    /// that was sent after the request arrived has been answered, so that a lack of money is certain.
    /// </summary>
    private AdmitAnswer? Decide(AdmitRequest request, bool hasAsked)
    {
        if (!_lock.MayAdmit)
        {
            return Refuse(AdmitOutcome.Unavailable);
        }

        if (!HasAuthority)
        {
            return null;
        }

        var utcNow = _time.GetUtcNow();
        var rule = CheckRules(request, utcNow);
        if (rule != AdmitOutcome.Admitted)
        {
            return Refuse(rule);
        }

        var key = _keys[request.KeyId];
        if (key.FindCapOver(request.LeastNanos, utcNow) is { } cap)
        {
            return RefuseForCap(cap, key);
        }

        if (CheckLimits(request, key) is { } limited)
        {
            return limited;
        }

        var amount = PreferredAmount(request);
        if (key.IsOverCap(amount, utcNow) || (hasAsked && amount > SlackNow))
        {
            amount = request.LeastNanos;
        }

        if (amount <= SlackNow)
        {
            return Admitted(Hold(request, key, amount));
        }

        // Money that is there is worth another flight, which extends the reserve.
        return hasAsked && _funds.Available < request.LeastNanos ? RefuseForMoney(request, key) : null;
    }

    /// <summary>The most, while that is a small part of what is available; a poor account begins with the least.</summary>
    private long PreferredAmount(AdmitRequest request) =>
        request.MostNanos <= _funds.Available / MostPartOfAvailable ? request.MostNanos : request.LeastNanos;

    private AdmitOutcome CheckRules(AdmitRequest request, DateTimeOffset utcNow) =>
        CheckRules(request.KeyId, request.KeyHash, request.Model, request.ClientAddress, utcNow);

    private AdmitOutcome CheckRules(string keyId, Sha256Hash hash, string? model, string clientAddress, DateTimeOffset utcNow)
    {
        var rule = _keys.GetValueOrDefault(keyId)?.Check(hash, model, clientAddress, utcNow) ?? AdmitOutcome.UnknownKey;
        if (rule is AdmitOutcome.UnknownKey or AdmitOutcome.KeyDisabled or AdmitOutcome.KeyExpired)
        {
            return rule;
        }

        return _row!.Status switch
        {
            AccountStatus.Suspended => AdmitOutcome.AccountSuspended,
            AccountStatus.Closed => AdmitOutcome.AccountClosed,
            _ => rule,
        };
    }

    private AdmitAnswer? CheckLimits(AdmitRequest request, Key key)
    {
        var now = Now;
        var scope = LimitScope.Key;
        var outcome = key.Limits.Check(request.EstimatedTokens, now, out var retryAfter);
        if (outcome == AdmitOutcome.Admitted)
        {
            scope = LimitScope.Account;
            outcome = _limits.Check(request.EstimatedTokens, now, out retryAfter);
        }

        return outcome == AdmitOutcome.Admitted
            ? null
            : Refuse(outcome, key) with { Scope = scope, RetryAfterMs = CeilingMs(retryAfter) };
    }

    private AdmitAnswer RefuseForCap(in CapReached cap, Key key) => Refuse(AdmitOutcome.SpendCapReached, key) with
    {
        Scope = LimitScope.Key,
        AvailableNanos = cap.LeftNanos,
        CapWindow = cap.Window,
        CapEnd = cap.Window == SpendWindow.Total ? null : new DateTimeOffset(cap.End, TimeOnly.MinValue, TimeSpan.Zero),
    };

    private AdmitAnswer RefuseForMoney(AdmitRequest request, Key key)
    {
        var quarantined = _funds.Quarantined - _funds.Inherited;
        var answer = Refuse(AdmitOutcome.InsufficientFunds, key) with { AvailableNanos = _funds.Available };
        return _quarantineEnd is { } end && _funds.Available + quarantined >= request.LeastNanos
            ? answer with { Outcome = AdmitOutcome.FundsInQuarantine, RetryAfterMs = Math.Max(1, CeilingMs(end - Now)) }
            : answer;
    }

    private Hold Hold(AdmitRequest request, Key key, long amount)
    {
        var hold = new Hold(request.HoldId, key)
        {
            PriceId = request.PriceId,
            Model = request.Model,
            Endpoint = request.Endpoint,
            ClientAddress = request.ClientAddress,
            EstimatedTokens = request.EstimatedTokens,
            MayBeIdempotent = request.IdempotencyKey is not null,
        };
        key.Limits.Take(request.EstimatedTokens, Now);
        _limits.Take(request.EstimatedTokens, Now);
        Open(hold);
        GrowOwn(hold, amount);
        return hold;
    }

    private AdmitAnswer Admitted(Hold hold)
    {
        hold.StartLease(Now, _options.Lease);
        return new AdmitAnswer
        {
            Outcome = AdmitOutcome.Admitted,
            Epoch = Epoch,
            TotalNanos = hold.Total,
            Rates = Standing(hold.Key),
            ShowCost = hold.Key?.Settings.ShowCost ?? false,
        };
    }

    private AdmitAnswer Refuse(AdmitOutcome outcome, Key? key = null) =>
        new() { Outcome = outcome, Epoch = Epoch, Rates = Standing(key) };

    private RateStanding Standing(Key? key) =>
        key is null ? default : _limits.Tighten(key.Limits.Tighten(default, Now), Now);

    /// <summary>Admits a request that carries an idempotency key: written down before it is answered.</summary>
    private async Task<AdmitAnswer> AdmitOnceAsync(AdmitRequest request, string idempotencyKey)
    {
        if (!_startingKeys.Add(idempotencyKey))
        {
            return Refuse(AdmitOutcome.IdempotencyRunning) with { RetryAfterMs = 1000 };
        }

        try
        {
            var (isAnswered, earlier) = await FindEarlierAsync(idempotencyKey);
            if (_isOver || !isAnswered)
            {
                return Refuse(_isOver ? AdmitOutcome.Retry : AdmitOutcome.Unavailable);
            }

            if (earlier is not null && RefuseRepeat(request, earlier) is { } refusal)
            {
                // An answer by an epoch that does not stand any more could tell of a state that is past.
                return await DecideAsync(0, _ => HasAuthority ? refusal : null);
            }

            var answer = await DecideAsync(PreferredAmount(request), hasAsked => Decide(request, hasAsked));
            if (!answer.IsAdmitted)
            {
                return answer;
            }

            var started = new IdempotencyRow(
                idempotencyKey, request.BodyHash, request.HoldId, IdempotencyState.Running, 0, _time.GetUtcNow());
            var change = Enqueue(new Change(departure => departure.Write(started), static () => { }));
            return await change.Done ? await AdmitAgainAsync(_holds[request.HoldId]) : Refuse(AdmitOutcome.Retry);
        }
        finally
        {
            _startingKeys.Remove(idempotencyKey);
        }
    }

    private async Task<(bool IsAnswered, IdempotencyRow? Row)> FindEarlierAsync(string idempotencyKey)
    {
        try
        {
            return (true, await _ledger.FindIdempotencyAsync(_id, idempotencyKey, CancellationToken.None));
        }
        catch (Exception error)
        {
            LogIdempotencyUnread(_id, error);
            return (false, null);
        }
    }

    private AdmitAnswer? RefuseRepeat(AdmitRequest request, IdempotencyRow earlier)
    {
        var utcNow = _time.GetUtcNow();
        var age = utcNow - earlier.At;
        if (age > _options.IdempotencyMemory)
        {
            return null;
        }

        if (earlier.HoldId == request.HoldId)
        {
            // A late message must not put a request that is done back into running.
            return earlier.State == IdempotencyState.Running ? null : Refuse(AdmitOutcome.HoldClosed);
        }

        // Whoever may not use the key must not learn what it did.
        var rule = CheckRules(request, utcNow);
        if (rule != AdmitOutcome.Admitted)
        {
            return Refuse(rule);
        }

        if (earlier.BodyHash != request.BodyHash)
        {
            return Refuse(AdmitOutcome.IdempotencyBodyDiffers);
        }

        var isRunning = earlier.State == IdempotencyState.Running
            && (_holds.ContainsKey(earlier.HoldId) || age <= _options.TicketAgeMax);
        return (earlier.State, isRunning) switch
        {
            (IdempotencyState.Completed, _) => Refuse(AdmitOutcome.IdempotencyCompleted) with
            {
                EarlierRequestId = earlier.HoldId,
                EarlierChargeNanos = earlier.Charge,
            },
            (_, true) => Refuse(AdmitOutcome.IdempotencyRunning) with { EarlierRequestId = earlier.HoldId, RetryAfterMs = 1000 },
            _ => null,
        };
    }

    private static long CeilingMs(TimeSpan span) => (long)Math.Ceiling(span.TotalMilliseconds);
}
