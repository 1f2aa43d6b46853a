using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

/// <summary>All that an admission is decided by beside the request.</summary>
internal readonly record struct AdmissionFacts
{
    public required long Epoch { get; init; }
    public required AccountStatus Status { get; init; }

    /// <summary>Null for a key that the account does not have.</summary>
    public required Key? Key { get; init; }

    /// <summary>The account's own.</summary>
    public required RateLimiter Limits { get; init; }

    public required Funds Funds { get; init; }

    /// <summary>What a hold can be given at once, nanos.</summary>
    public required long Slack { get; init; }

    /// <summary>Null if nothing is in quarantine.</summary>
    public required TimeSpan? QuarantineLeft { get; init; }

    /// <summary>On the activation's clock.</summary>
    public required TimeSpan Now { get; init; }

    public required DateTimeOffset UtcNow { get; init; }
}

/// <summary>What the rules say of a request; nothing if the ledger has to be asked first.</summary>
/// <param name="Refusal">Null if it is not refused.</param>
/// <param name="Amount">What it is to hold, nanos; null if it is not admitted.</param>
internal readonly record struct Verdict(AdmitAnswer? Refusal, long? Amount)
{
    public static Verdict AskLedger => default;

    public static Verdict Hold(long amount) => new(null, amount);

    public static implicit operator Verdict(AdmitAnswer refusal) => new(refusal, null);
}

/// <summary>Who is admitted, and with how much. Takes nothing.</summary>
internal static class AdmissionRules
{
    private const int MostPartOfAvailable = 8;
    private const int RunningRetryMs = 1000;

    /// <param name="hasAsked">
    /// A statement that was sent after the request arrived has been answered, so that a lack of money is certain.
    /// </param>
    public static Verdict Decide(AdmitRequest request, in AdmissionFacts facts, bool hasAsked)
    {
        var rule = Check(request, facts);
        if (rule != AdmitOutcome.Admitted)
        {
            return Refuse(rule, facts.Epoch);
        }

        var key = facts.Key!;
        if (key.FindCapOver(request.LeastNanos, facts.UtcNow) is { } cap)
        {
            return RefuseForCap(cap, facts);
        }

        if (CheckLimits(request, facts) is { } limited)
        {
            return limited;
        }

        var amount = PreferredAmount(request, facts.Funds);
        if (key.IsOverCap(amount, facts.UtcNow) || (hasAsked && amount > facts.Slack))
        {
            amount = request.LeastNanos;
        }

        if (amount <= facts.Slack)
        {
            return Verdict.Hold(amount);
        }

        // Money that is there is worth another batch, which extends the reserve.
        return hasAsked && facts.Funds.Available < request.LeastNanos ? RefuseForMoney(request, facts) : Verdict.AskLedger;
    }

    /// <summary>The most, while that is a small part of what is available; a poor account begins with the least.</summary>
    public static long PreferredAmount(AdmitRequest request, in Funds funds) =>
        request.MostNanos <= funds.Available / MostPartOfAvailable ? request.MostNanos : request.LeastNanos;

    /// <summary>Which rule of the key or the account keeps it from being used; <see cref="AdmitOutcome.Admitted"/> if none does.</summary>
    /// <inheritdoc cref="Key.Check" path="/param"/>
    public static AdmitOutcome CheckUse(
        Key? key, AccountStatus status, Sha256Hash hash, string? model, string clientAddress, DateTimeOffset utcNow)
    {
        var rule = key?.Check(hash, model, clientAddress, utcNow) ?? AdmitOutcome.UnknownKey;
        if (rule is AdmitOutcome.UnknownKey or AdmitOutcome.KeyDisabled or AdmitOutcome.KeyExpired)
        {
            return rule;
        }

        return status switch
        {
            AccountStatus.Suspended => AdmitOutcome.AccountSuspended,
            AccountStatus.Closed => AdmitOutcome.AccountClosed,
            _ => rule,
        };
    }

    /// <summary>What an earlier request under the same idempotency key says against this one; null if nothing.</summary>
    /// <param name="isHeld">Whether the earlier request's hold is open.</param>
    /// <param name="ticketAgeMax">How long an unknown hold may still be presented.</param>
    public static AdmitAnswer? RefuseRepeat(
        AdmitRequest request, IdempotencyRow earlier, in AdmissionFacts facts, bool isHeld, TimeSpan ticketAgeMax)
    {
        var age = facts.UtcNow - earlier.At;
        if (age > AccountProtocol.IdempotencyAgeMax)
        {
            return null;
        }

        if (earlier.HoldId == request.HoldId)
        {
            // A late message must not put a request that is done back into running.
            return earlier.State == IdempotencyState.Running ? null : Refuse(AdmitOutcome.HoldClosed, facts.Epoch);
        }

        // Whoever may not use the key must not learn what it did.
        var rule = Check(request, facts);
        if (rule != AdmitOutcome.Admitted)
        {
            return Refuse(rule, facts.Epoch);
        }

        if (earlier.BodyHash != request.BodyHash)
        {
            return Refuse(AdmitOutcome.IdempotencyBodyDiffers, facts.Epoch);
        }

        var isRunning = earlier.State == IdempotencyState.Running && (isHeld || age <= ticketAgeMax);
        return (earlier.State, isRunning) switch
        {
            (IdempotencyState.Completed, _) => Refuse(AdmitOutcome.IdempotencyCompleted, facts.Epoch) with
            {
                EarlierRequestId = earlier.HoldId,
                EarlierChargeNanos = earlier.Charge,
            },
            (_, true) => RefuseRunning(facts.Epoch) with { EarlierRequestId = earlier.HoldId },
            _ => null,
        };
    }

    public static AdmitAnswer RefuseRunning(long epoch) =>
        Refuse(AdmitOutcome.IdempotencyRunning, epoch) with { RetryAfterMs = RunningRetryMs };

    public static AdmitAnswer Refuse(AdmitOutcome outcome, long epoch) => new() { Outcome = outcome, Epoch = epoch };

    private static AdmitAnswer Refuse(AdmitOutcome outcome, in AdmissionFacts facts) =>
        new() { Outcome = outcome, Epoch = facts.Epoch, Rates = facts.Key!.Standing(facts.Limits, facts.Now) };

    private static AdmitOutcome Check(AdmitRequest request, in AdmissionFacts facts) =>
        CheckUse(facts.Key, facts.Status, request.KeyHash, request.Model, request.ClientAddress, facts.UtcNow);

    private static AdmitAnswer? CheckLimits(AdmitRequest request, in AdmissionFacts facts)
    {
        var scope = LimitScope.Key;
        var outcome = facts.Key!.Limits.Check(request.EstimatedTokens, facts.Now, out var retryAfter);
        if (outcome == AdmitOutcome.Admitted)
        {
            scope = LimitScope.Account;
            outcome = facts.Limits.Check(request.EstimatedTokens, facts.Now, out retryAfter);
        }

        return outcome == AdmitOutcome.Admitted
            ? null
            : Refuse(outcome, facts) with { Scope = scope, RetryAfterMs = CeilingMs(retryAfter) };
    }

    private static AdmitAnswer RefuseForCap(in CapReached cap, in AdmissionFacts facts) =>
        Refuse(AdmitOutcome.SpendCapReached, facts) with
        {
            Scope = LimitScope.Key,
            AvailableNanos = cap.LeftNanos,
            CapWindow = cap.Window,
            CapEnd = cap.Window == SpendWindow.Total ? null : new DateTimeOffset(cap.End, TimeOnly.MinValue, TimeSpan.Zero),
        };

    private static AdmitAnswer RefuseForMoney(AdmitRequest request, in AdmissionFacts facts)
    {
        var quarantined = facts.Funds.Quarantined - facts.Funds.Inherited;
        var answer = Refuse(AdmitOutcome.InsufficientFunds, facts) with { AvailableNanos = facts.Funds.Available };
        return facts.QuarantineLeft is { } left && facts.Funds.Available + quarantined >= request.LeastNanos
            ? answer with { Outcome = AdmitOutcome.FundsInQuarantine, RetryAfterMs = Math.Max(1, CeilingMs(left)) }
            : answer;
    }

    public static long CeilingMs(TimeSpan span) => (long)Math.Ceiling(span.TotalMilliseconds);
}
