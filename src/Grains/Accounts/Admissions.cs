using Microsoft.Extensions.Logging;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

/// <summary>Admits requests: at once where what is known decides, else after the ledger was asked.</summary>
internal sealed class Admissions(
    string accountId,
    HoldBook book,
    ActivationClock clock,
    BatchLoop loop,
    Turns turns,
    ILedger ledger,
    IDatabaseLock databaseLock,
    AccountOptions options,
    ILogger log,
    Action keepTicking)
{
    /// <summary>Idempotency keys of admissions that are being looked up or written down.</summary>
    private readonly HashSet<string> _startingKeys = new(StringComparer.Ordinal);

    /// <summary>The answer if nothing has to be waited for: neither the ledger nor an earlier message about the same hold.</summary>
    public AdmitAnswer? AdmitAtOnce(AdmitRequest request)
    {
        if (loop.IsOver)
        {
            return Refuse(AdmitOutcome.Retry);
        }

        Invariant.Holds(request.LeastNanos >= 0 && request.LeastNanos <= request.MostNanos && request.EstimatedTokens >= 0);
        Invariant.Holds(request.HoldId.Length is >= 1 and <= AccountProtocol.RefLengthMax);
        Invariant.Holds(request.IdempotencyKey is null or { Length: >= 1 and <= AccountProtocol.IdempotencyKeyLengthMax });
        if (book.Row is null)
        {
            // Said at once, unlike to messages that must be repeated: the client can go to the gateway that has the lock.
            return databaseLock.IsHeld ? null : Refuse(AdmitOutcome.Unavailable);
        }

        try
        {
            return turns.IsBusy(request.HoldId) ? null : TryAdmit(request);
        }
        catch (InvariantException bug)
        {
            loop.Break(bug);
            throw;
        }
    }

    /// <summary>In the hold's turn.</summary>
    public Task<AdmitAnswer> AdmitAsync(AdmitRequest request)
    {
        if (TryAdmit(request) is { } answer)
        {
            return Task.FromResult(answer);
        }

        if (book.Find(request.HoldId) is { } hold)
        {
            return AdmitAgainAsync(hold);
        }

        return request.IdempotencyKey is null ? AdmitNewAsync(request) : AdmitOnceAsync(request, request.IdempotencyKey);
    }

    public async Task<KeyAnswer> FindKeyAsync(FindKeyRequest request)
    {
        KeyAnswer? found = null;
        var answer = Unable() ?? await DecideAsync(0, _ =>
        {
            if (!databaseLock.IsHeld)
            {
                return Refuse(AdmitOutcome.Unavailable);
            }

            if (!clock.HasAuthority)
            {
                return null;
            }

            var key = book.FindKey(request.KeyId);
            var rule = AdmissionRules.CheckUse(
                key, book.Row!.Status, request.KeyHash, model: null, request.ClientAddress, clock.UtcNow);
            found = rule == AdmitOutcome.Admitted ? Found(key!, request.IsRequest) : null;
            return Refuse(rule);
        });
        return found ?? new KeyAnswer { Outcome = answer.Outcome, Epoch = answer.Epoch };
    }

    private KeyAnswer Found(Key key, bool isRequest)
    {
        var answer = new KeyAnswer { Outcome = AdmitOutcome.Admitted, Epoch = book.Epoch, Models = key.Settings.Models };
        if (!isRequest)
        {
            return answer;
        }

        var now = clock.Now;
        var (ofKey, ofAccount) = (key.Limits.UntilRequest(now), book.Limits.UntilRequest(now));
        if (ofKey > TimeSpan.Zero || ofAccount > TimeSpan.Zero)
        {
            return answer with
            {
                Outcome = AdmitOutcome.RequestRateLimited,
                Models = [],
                Rates = key.Standing(book.Limits, now),
                RetryAfterMs = AdmissionRules.CeilingMs(ofKey > TimeSpan.Zero ? ofKey : ofAccount),
                Scope = ofKey > TimeSpan.Zero ? LimitScope.Key : LimitScope.Account,
            };
        }

        key.Limits.Take(0, now);
        book.Limits.Take(0, now);
        return answer with
        {
            Standing = key.MoneyStanding(book.Funds, clock.UtcNow),
            Rates = key.Standing(book.Limits, now),
        };
    }

    /// <summary>Why nothing can be decided; null if something can.</summary>
    private AdmitAnswer? Unable() =>
        loop.IsOver || loop.IsGivingBack ? Refuse(AdmitOutcome.Retry)
        : book.Row is not null ? null
        : Refuse(databaseLock.IsHeld ? AdmitOutcome.UnknownKey : AdmitOutcome.Unavailable);

    /// <summary>The answer by what is known now; null if the ledger has to be asked first.</summary>
    private AdmitAnswer? TryAdmit(AdmitRequest request)
    {
        if (Unable() is { } refusal)
        {
            return refusal;
        }

        if (book.TryGetClosed(request.HoldId, out _))
        {
            return Refuse(AdmitOutcome.HoldClosed);
        }

        return book.Find(request.HoldId) is { } hold ? DecideAgain(hold)
            : request.IdempotencyKey is null ? Decide(request, hasAsked: false)
            : null;
    }

    private Task<AdmitAnswer> AdmitNewAsync(AdmitRequest request) =>
        DecideAsync(AdmissionRules.PreferredAmount(request, book.Funds), hasAsked => Decide(request, hasAsked));

    /// <summary>Answers for a hold that was made before.</summary>
    private Task<AdmitAnswer> AdmitAgainAsync(Hold hold) => DecideAsync(0, _ => DecideAgain(hold));

    private AdmitAnswer? DecideAgain(Hold hold) =>
        !book.IsOpen(hold) ? Refuse(AdmitOutcome.HoldClosed)
        : clock.HasAuthority ? Admitted(hold)
        : null;

    /// <summary>Looks now, and, where that does not decide it, again after each batch.</summary>
    private Task<AdmitAnswer> DecideAsync(long amount, Func<bool, AdmitAnswer?> decide)
    {
        if (decide(false) is { } answer)
        {
            return Task.FromResult(answer);
        }

        return loop.IsFull
            ? Task.FromResult(Refuse(AdmitOutcome.Unavailable))
            : loop.WaitAsync(amount, () => decide(true), isOver => Refuse(isOver ? AdmitOutcome.Retry : AdmitOutcome.Unavailable));
    }

    /// <inheritdoc cref="AdmissionRules.Decide" path="/param"/>
    private AdmitAnswer? Decide(AdmitRequest request, bool hasAsked)
    {
        if (!databaseLock.MayAdmit)
        {
            return Refuse(AdmitOutcome.Unavailable);
        }

        if (!clock.HasAuthority)
        {
            return null;
        }

        var facts = Facts(request);
        var verdict = AdmissionRules.Decide(request, facts, hasAsked);
        if (verdict.Amount is not { } amount)
        {
            return verdict.Refusal;
        }

        var hold = book.Admit(request, facts.Key!, amount, facts.Now);
        keepTicking();
        loop.SendIfReserveIsLow();
        return Admitted(hold);
    }

    private AdmissionFacts Facts(AdmitRequest request) => new()
    {
        Epoch = book.Epoch,
        Status = book.Row!.Status,
        Key = book.FindKey(request.KeyId),
        Limits = book.Limits,
        Funds = book.Funds,
        Slack = book.SlackNow,
        QuarantineLeft = clock.QuarantineLeft,
        Now = clock.Now,
        UtcNow = clock.UtcNow,
    };

    private AdmitAnswer Admitted(Hold hold)
    {
        var now = clock.Now;
        hold.StartLease(now, options.Lease);
        return new AdmitAnswer
        {
            Outcome = AdmitOutcome.Admitted,
            Epoch = book.Epoch,
            TotalNanos = hold.Total,
            Rates = hold.Key?.Standing(book.Limits, now) ?? default,
            ShowCost = hold.Key?.Settings.ShowCost ?? false,
        };
    }

    private AdmitAnswer Refuse(AdmitOutcome outcome) => AdmissionRules.Refuse(outcome, book.Epoch);

    /// <summary>Admits a request that carries an idempotency key: written down before it is answered.</summary>
    private async Task<AdmitAnswer> AdmitOnceAsync(AdmitRequest request, string idempotencyKey)
    {
        if (!_startingKeys.Add(idempotencyKey))
        {
            return AdmissionRules.RefuseRunning(book.Epoch);
        }

        try
        {
            var (isAnswered, earlier) = await FindEarlierAsync(idempotencyKey);
            if (loop.IsOver || !isAnswered)
            {
                return Refuse(loop.IsOver ? AdmitOutcome.Retry : AdmitOutcome.Unavailable);
            }

            if (earlier is not null && RefuseRepeat(request, earlier) is { } refusal)
            {
                // An answer by an epoch that does not stand any more could tell of a state that is past.
                return await DecideAsync(0, _ => clock.HasAuthority ? refusal : null);
            }

            var answer = await AdmitNewAsync(request);
            return answer.IsAdmitted ? await StartAsync(request, idempotencyKey) : answer;
        }
        finally
        {
            _startingKeys.Remove(idempotencyKey);
        }
    }

    private async Task<AdmitAnswer> StartAsync(AdmitRequest request, string idempotencyKey)
    {
        var started = new IdempotencyRow(
            idempotencyKey, request.BodyHash, request.HoldId, IdempotencyState.Running, 0, clock.UtcNow);
        var change = loop.Enqueue(new Change(batch => batch.Write(started), static () => { }));
        return await change.Done ? await AdmitAgainAsync(book.Find(request.HoldId)!) : Refuse(AdmitOutcome.Retry);
    }

    private async Task<(bool IsAnswered, IdempotencyRow? Row)> FindEarlierAsync(string idempotencyKey)
    {
        try
        {
            return (true, await ledger.FindIdempotencyAsync(accountId, idempotencyKey, CancellationToken.None));
        }
        catch (LedgerLostException lost)
        {
            log.LogIdempotencyUnread(accountId, lost);
            return (false, null);
        }
        catch (Exception bug)
        {
            loop.Break(bug);
            return (false, null);
        }
    }

    private AdmitAnswer? RefuseRepeat(AdmitRequest request, IdempotencyRow earlier) => AdmissionRules.RefuseRepeat(
        request, earlier, Facts(request), isHeld: book.Find(earlier.HoldId) is not null, options.TicketAgeMax);
}
