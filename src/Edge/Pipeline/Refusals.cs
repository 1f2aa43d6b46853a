using System.Collections.Immutable;
using System.Globalization;
using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>What a client is told when its request is not admitted, and what it can do about it.</summary>
internal static class Refusals
{
    private const long RetrySoonMs = 1000;

    public static ApiError InvalidKey { get; } = new(
        ErrorKind.InvalidKey, "The API key is missing or not valid. Send a key of this gateway as 'Authorization: Bearer sk-og-…'.");

    public static ApiError Of(AdmitAnswer answer, CostBound bound) => OfKey(answer.Outcome) ?? answer.Outcome switch
    {
        AdmitOutcome.ModelNotAllowed => ModelNotAllowed(bound.Model.Id),
        AdmitOutcome.SpendCapReached => NoMoney(
            ErrorKind.SpendCapReached,
            $"The request may cost up to {Usd(bound.LeastNanos)}, but this API key has only {Usd(answer.AvailableNanos)} left under its spending cap "
            + $"{Window(answer.CapWindow)}, where running requests count with all that they may cost. {CapAdvice(answer.CapEnd)}"),
        AdmitOutcome.InsufficientFunds => NoMoney(
            ErrorKind.OutOfFunds,
            $"The request may cost up to {Usd(bound.LeastNanos)}, but only {Usd(answer.AvailableNanos)} of the account's balance is free. "
            + "Top up, wait for running requests to end, or lower the request's output limit."),
        AdmitOutcome.RequestRateLimited => Limited(answer, "requests a minute"),
        AdmitOutcome.TokenRateLimited => Limited(answer, "tokens a minute"),
        AdmitOutcome.ConcurrencyLimited => Limited(answer, "requests at a time"),
        AdmitOutcome.FundsInQuarantine => Unavailable(
            answer.RetryAfterMs, $"Part of the account's balance is set aside for requests that were interrupted; {Usd(answer.AvailableNanos)} is free now."),
        AdmitOutcome.IdempotencyRunning => new(
            ErrorKind.IdempotencyKeyInUse, "A request with this Idempotency-Key is still running. Try again later.")
        {
            RetryAfterMs = Math.Max(answer.RetryAfterMs, RetrySoonMs),
        },
        AdmitOutcome.IdempotencyCompleted => new(
            ErrorKind.IdempotencyKeyCompleted,
            $"A request with this Idempotency-Key is complete: {answer.EarlierRequestId}, charged {Usd(answer.EarlierChargeNanos)}. "
            + "Its answer is not kept. Use another key to run the request again.")
        {
            ShouldRetry = false,
        },
        AdmitOutcome.IdempotencyBodyDiffers => new(
            ErrorKind.IdempotencyKeyReused, "This Idempotency-Key was used with another request body. Use another key."),
        _ => Unavailable(answer.RetryAfterMs, "The account cannot be charged at the moment."),
    };

    /// <summary>Nothing is admitted because this gateway stops; another, or its next start, takes the request.</summary>
    public static ApiError Stopping { get; } = Unavailable(RetrySoonMs, "The gateway is stopping; the request was not run.");

    /// <summary>The bodies of other requests take all the memory there is for them.</summary>
    public static ApiError NoRoom { get; } = Unavailable(RetrySoonMs, "The gateway has too many large requests at the moment; the request was not run.");

    /// <summary>This process has just started and does not know the models yet.</summary>
    public static ApiError NoCatalog { get; } = Unavailable(RetrySoonMs, "The gateway is starting; it has no models yet.");

    public static ApiError Of(KeyAnswer answer) =>
        OfKey(answer.Outcome) ?? (answer.Outcome == AdmitOutcome.RequestRateLimited
            ? Limited(answer.Outcome, answer.Scope, answer.RetryAfterMs, "requests a minute")
            : Unavailable(0, "The account cannot be looked up at the moment."));

    public static ApiError ModelNotAllowed(string model) =>
        new(ErrorKind.ModelNotAllowed, $"This API key may not use the model '{model}'.");

    /// <summary>What the request names is kept by no channel for this account.</summary>
    public static ApiError NotHeld(string path) => new(
        ErrorKind.NotKept, $"'{path}' was not found: it is too old, of another account, or of a channel that is gone. Send the content itself.", path);

    public static ApiError ModelNotFound(string name) => new(
        ErrorKind.ModelNotFound,
        $"The model '{(name.Length <= 100 ? name : name[..100] + "…")}' does not exist here. GET /v1/models lists those that do.",
        "model");

    /// <summary>Refuses what the model's price has nothing for: it is not sold, so its provider is not asked; null when all is well.</summary>
    public static ApiError? NotSold(RequestFacts facts, Model model, Price price)
    {
        if (model.IsRealtime)
        {
            return NotHere(model.Id, "it is for sessions at /v1/realtime");
        }

        var (isSold, what) = facts.ChargedBy switch
        {
            ChargedBy.Nothing => (true, ""),
            ChargedBy.Searches => (price.Sold.Contains(Unit.Searches) || IsSoldByTokens(price), "searches or tokens"),
            ChargedBy.Speech => (price.Sold.Contains(Unit.Characters) || model.Output.HasFlag(Modalities.Audio), "speech"),
            ChargedBy.Hearing => (price.Sold.Contains(Unit.Seconds) || model.Input.HasFlag(Modalities.Audio), "hearing"),
            ChargedBy.Pictures => (price.Sold.Contains(Unit.Images) || model.Output.HasFlag(Modalities.Image), "pictures"),
            _ => (IsSoldByTokens(price), "tokens of text"),
        };
        return isSold ? null : NotHere(model.Id, $"its price has nothing for {what}");
    }

    /// <summary>The model is none for the endpoint.</summary>
    /// <param name="why">Why not.</param>
    public static ApiError NotHere(string model, string why) => new(
        ErrorKind.InvalidRequest, $"The model '{model}' is not available at this endpoint: {why}. Use another model.", "model", "unsupported_model");

    /// <summary>Refuses limits that the model does not have; null when all is well.</summary>
    public static ApiError? BeyondModel(RequestFacts facts, Model model)
    {
        if (facts.Choices / facts.Inputs > model.MaxChoices)
        {
            return new ApiError(
                ErrorKind.InvalidRequest,
                $"Invalid '{facts.ChoicesField}': integer above maximum value. Expected a value <= {model.MaxChoices}.",
                facts.ChoicesField,
                "integer_above_max_value");
        }

        return facts.MaxOutputTokens > model.MaxOutputTokens && !facts.HasToLimitOutput
            ? new ApiError(
                ErrorKind.InvalidRequest,
                $"{facts.MaxOutputField} is too large: {facts.MaxOutputTokens}. This model supports at most {model.MaxOutputTokens} completion tokens.",
                facts.MaxOutputField,
                "invalid_value")
            : null;
    }

    /// <summary>Refuses what no way to the model takes, since it has no price or may have one that nobody knows; null when one does.</summary>
    /// <param name="all">Every way to the model.</param>
    /// <param name="routes">Those that take the request.</param>
    public static ApiError? BeyondRoutes(RequestFacts facts, CostBound bound, ImmutableArray<Route> all, out ImmutableArray<Route> routes)
    {
        var (unpriced, unknown) = (bound.Unpriced.Count > 0, facts.UnknownFields.Count > 0);
        routes = unpriced ? all.RemoveAll(static route => !route.Channel.DropsUnpriced) : all;
        routes = unknown ? routes.RemoveAll(static route => !route.Channel.Provider.TakesUnknownFields) : routes;
        if (!routes.IsEmpty || all.IsEmpty)
        {
            return null;
        }

        if (unpriced && !all.Any(static route => route.Channel.DropsUnpriced))
        {
            var field = bound.Unpriced[0];
            return new ApiError(
                ErrorKind.InvalidRequest,
                $"'{field.Path}': '{Shown(field.Value)}' is not sold here for the model '{bound.Model.Id}'. Send the request without it.",
                field.Path,
                "unsupported_value");
        }

        var name = Shown(facts.UnknownFields[0]);
        return new ApiError(
            ErrorKind.InvalidRequest,
            $"Unrecognized request argument supplied: {name}. The provider of '{bound.Model.Id}' gets only fields that are known here. Send the request without it.",
            name,
            "unknown_parameter");
    }

    /// <summary>The answer could not be settled in time, so the client does not get it, or not its end.</summary>
    public static ApiError NotSettled(bool clientGotOutput) => new(
        ErrorKind.NotSettled,
        clientGotOutput
            ? "The request could not be charged in time, so its answer is cut here. Please try again."
            : "The request could not be charged in time, so its answer is withheld; what it was charged is paid back. Please try again.")
    {
        RetryAfterMs = RetrySoonMs,
    };

    /// <summary>What refuses a key whatever it asks for; null for everything else.</summary>
    private static ApiError? OfKey(AdmitOutcome outcome) => outcome switch
    {
        AdmitOutcome.UnknownKey => InvalidKey,
        AdmitOutcome.KeyDisabled => new(ErrorKind.KeyDisabled, "This API key is disabled or revoked. Use another one."),
        AdmitOutcome.KeyExpired => new(ErrorKind.KeyExpired, "This API key has expired. Use another one."),
        AdmitOutcome.AccountSuspended => new(ErrorKind.AccountSuspended, "This account is suspended. Contact the gateway's operator."),
        AdmitOutcome.AccountClosed => new(ErrorKind.AccountClosed, "This account is closed."),
        AdmitOutcome.AddressNotAllowed => new(ErrorKind.AddressNotAllowed, "This API key may not be used from this address."),
        _ => null,
    };

    /// <summary>Not 429: SDKs knock again and again at that.</summary>
    private static ApiError NoMoney(ErrorKind kind, string message) => new(kind, message) { ShouldRetry = false };

    private static ApiError Limited(AdmitAnswer answer, string what) => Limited(answer.Outcome, answer.Scope, answer.RetryAfterMs, what);

    private static ApiError Limited(AdmitOutcome outcome, LimitScope scope, long retryAfterMs, string what)
    {
        var whose = scope == LimitScope.Account ? "account" : "API key";
        var when = retryAfterMs > 0
            ? $"Try again in {RateHeaders.Duration(retryAfterMs)}."
            : outcome == AdmitOutcome.ConcurrencyLimited ? "Wait for a running request to end." : "The request is larger than the limit allows at all.";
        return new ApiError(ErrorKind.RateLimited, $"The {whose}'s limit of {what} is reached. {when}")
        {
            RetryAfterMs = retryAfterMs > 0 ? retryAfterMs : RetrySoonMs,
            ShouldRetry = retryAfterMs > 0 || outcome == AdmitOutcome.ConcurrencyLimited ? null : false,
        };
    }

    private static ApiError Unavailable(long retryAfterMs, string message)
    {
        var retryMs = Math.Max(retryAfterMs, RetrySoonMs);
        return new ApiError(ErrorKind.Unavailable, string.Create(CultureInfo.InvariantCulture, $"{message} Try again in {(retryMs + 999) / 1000} s."))
        {
            RetryAfterMs = retryMs,
        };
    }

    /// <summary>Where all tokens are free and something else is not, tokens are what is not sold.</summary>
    private static bool IsSoldByTokens(Price price) =>
        price.Base[Unit.Input] > 0 || price.Base[Unit.Output] > 0
        || (price.Sold & UnitSet.Of(Unit.Seconds, Unit.Characters, Unit.Images)) == default;

    private static string Shown(string name) => name.Length <= 64 ? name : name[..64] + "…";

    private static string Window(SpendWindow window) => window switch
    {
        SpendWindow.Day => "for the day",
        SpendWindow.Week => "for the week",
        SpendWindow.Month => "for the month",
        _ => "in all",
    };

    private static string CapAdvice(DateTimeOffset? end) => end is null
        ? "Raise the cap or lower the request's output limit."
        : string.Create(CultureInfo.InvariantCulture, $"It starts anew at {end:yyyy-MM-dd HH:mm} UTC. Wait until then, raise the cap, or lower the request's output limit.");

    private static string Usd(long nanos) => "$" + Money.FormatUsd(nanos);
}
