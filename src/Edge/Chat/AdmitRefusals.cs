using System.Globalization;
using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Chat;

/// <summary>What a client is told when its account's grain does not admit a request, and what it can do about it.</summary>
internal static class AdmitRefusals
{
    private const string Invalid = "invalid_request_error";
    private const long RetrySoonMs = 1000;

    public static Refusal Of(AdmitAnswer answer, CostBound bound) => OfKey(answer.Outcome) ?? answer.Outcome switch
    {
        AdmitOutcome.ModelNotAllowed => ModelNotAllowed(bound.Model.Id),
        AdmitOutcome.SpendCapReached => NoMoney(
            $"The request may cost up to {Usd(bound.LeastNanos)}, but this API key has only {Usd(answer.AvailableNanos)} left under its spending cap "
            + $"{Window(answer.CapWindow)}, where running requests count with all that they may cost. {CapAdvice(answer.CapEnd)}"),
        AdmitOutcome.InsufficientFunds => NoMoney(
            $"The request may cost up to {Usd(bound.LeastNanos)}, but only {Usd(answer.AvailableNanos)} of the account's balance is free. "
            + "Top up, wait for running requests to end, or lower max_completion_tokens."),
        AdmitOutcome.RequestRateLimited => Limited(answer, "requests a minute"),
        AdmitOutcome.TokenRateLimited => Limited(answer, "tokens a minute"),
        AdmitOutcome.ConcurrencyLimited => Limited(answer, "requests at a time"),
        AdmitOutcome.FundsInQuarantine => Unavailable(
            answer.RetryAfterMs, $"Part of the account's balance is set aside for requests that were interrupted; {Usd(answer.AvailableNanos)} is free now."),
        AdmitOutcome.IdempotencyRunning => new(
            new OpenAIError(409, "A request with this Idempotency-Key is still running. Try again later.", Invalid, null, "idempotency_key_in_use"),
            Math.Max(answer.RetryAfterMs, RetrySoonMs)),
        AdmitOutcome.IdempotencyCompleted => new(
            new OpenAIError(
                409,
                $"A request with this Idempotency-Key is complete: {answer.EarlierRequestId}, charged {Usd(answer.EarlierChargeNanos)}. "
                + "Its answer is not kept. Use another key to run the request again.",
                Invalid,
                null,
                "idempotency_key_completed"),
            ShouldRetry: false),
        AdmitOutcome.IdempotencyBodyDiffers => new(
            new OpenAIError(422, "This Idempotency-Key was used with another request body. Use another key.", Invalid, null, "idempotency_key_reused")),
        _ => Unavailable(answer.RetryAfterMs, "The account cannot be charged at the moment."),
    };

    /// <summary>Nothing is admitted because this gateway stops; another, or its next start, takes the request.</summary>
    public static Refusal Stopping { get; } = Unavailable(RetrySoonMs, "The gateway is stopping; the request was not run.");

    /// <summary>The bodies of other requests take all the memory there is for them.</summary>
    public static Refusal NoRoom { get; } = Unavailable(RetrySoonMs, "The gateway has too many large requests at the moment; the request was not run.");

    /// <summary>This process has just started and does not know the models yet.</summary>
    public static Refusal NoCatalog { get; } = Unavailable(RetrySoonMs, "The gateway is starting; it has no models yet.");

    public static Refusal Of(KeyAnswer answer) =>
        OfKey(answer.Outcome) ?? Unavailable(0, "The account cannot be looked up at the moment.");

    public static Refusal ModelNotAllowed(string model) => Forbidden($"This API key may not use the model '{model}'.", "model_not_allowed");

    /// <summary>The answer could not be settled in time, so the client does not get it, or not its end.</summary>
    public static Refusal NotSettled(bool clientGotOutput) => new(
        new OpenAIError(
            503,
            clientGotOutput
                ? "The request could not be charged in time, so its answer is cut here. Please try again."
                : "The request could not be charged in time, so its answer is withheld; what it was charged is paid back. Please try again.",
            "server_error",
            null,
            "settlement_failed"),
        RetrySoonMs);

    /// <summary>What refuses a key whatever it asks for; null for everything else.</summary>
    private static Refusal? OfKey(AdmitOutcome outcome) => outcome switch
    {
        AdmitOutcome.UnknownKey => new(KeyReader.InvalidKey),
        AdmitOutcome.KeyDisabled => Forbidden("This API key is disabled or revoked. Use another one.", "key_disabled"),
        AdmitOutcome.KeyExpired => Forbidden("This API key has expired. Use another one.", "key_expired"),
        AdmitOutcome.AccountSuspended => Forbidden("This account is suspended. Contact the gateway's operator.", "account_suspended"),
        AdmitOutcome.AccountClosed => Forbidden("This account is closed.", "account_closed"),
        AdmitOutcome.AddressNotAllowed => Forbidden("This API key may not be used from this address.", "address_not_allowed"),
        _ => null,
    };

    private static Refusal Forbidden(string message, string code) => new(new OpenAIError(403, message, Invalid, null, code));

    private static Refusal NoMoney(string message) =>
        new(new OpenAIError(429, message, "insufficient_quota", null, "insufficient_quota"), ShouldRetry: false);

    private static Refusal Limited(AdmitAnswer answer, string what)
    {
        var whose = answer.Scope == LimitScope.Account ? "account" : "API key";
        var when = answer.RetryAfterMs > 0
            ? $"Try again in {RateHeaders.Duration(answer.RetryAfterMs)}."
            : answer.Outcome == AdmitOutcome.ConcurrencyLimited ? "Wait for a running request to end." : "The request is larger than the limit allows at all.";
        return new Refusal(
            new OpenAIError(429, $"The {whose}'s limit of {what} is reached. {when}", "rate_limit_error", null, "rate_limit_exceeded"),
            answer.RetryAfterMs > 0 ? answer.RetryAfterMs : RetrySoonMs,
            answer.RetryAfterMs > 0 || answer.Outcome == AdmitOutcome.ConcurrencyLimited ? null : false);
    }

    private static Refusal Unavailable(long retryAfterMs, string message)
    {
        var retryMs = Math.Max(retryAfterMs, RetrySoonMs);
        return new Refusal(
            new OpenAIError(
                503,
                string.Create(CultureInfo.InvariantCulture, $"{message} Try again in {(retryMs + 999) / 1000} s."),
                "server_error",
                null,
                "service_unavailable"),
            retryMs);
    }

    private static string Window(SpendWindow window) => window switch
    {
        SpendWindow.Day => "for the day",
        SpendWindow.Week => "for the week",
        SpendWindow.Month => "for the month",
        _ => "in all",
    };

    private static string CapAdvice(DateTimeOffset? end) => end is null
        ? "Raise the cap or lower max_completion_tokens."
        : string.Create(CultureInfo.InvariantCulture, $"It starts anew at {end:yyyy-MM-dd HH:mm} UTC. Wait until then, raise the cap, or lower max_completion_tokens.");

    private static string Usd(long nanos) => "$" + Money.FormatUsd(nanos);
}
