using System.Collections.Immutable;
using Orleans;

namespace OrleansGateway.Grains.Contracts.Accounts;

/// <summary>Asks to hold the most that one request may cost.</summary>
[GenerateSerializer, Immutable, Alias("og.AdmitRequest")]
public sealed record AdmitRequest
{
    /// <summary>The highest epoch that the edge has seen of this account; 0 for none.</summary>
    [Id(0)] public required long Epoch { get; init; }

    /// <summary>The request's id, chosen by the edge; the hold, the charge and the usage row carry it.</summary>
    [Id(1)] public required string HoldId { get; init; }

    [Id(2)] public required string KeyId { get; init; }

    /// <summary>The digest of the key's random part.</summary>
    [Id(3)] public required Sha256Hash KeyHash { get; init; }

    /// <summary>The model's public name.</summary>
    [Id(4)] public required string Model { get; init; }

    [Id(5)] public required string PriceId { get; init; }

    /// <summary>The request's full bound, nanos.</summary>
    [Id(6)] public required long MostNanos { get; init; }

    /// <summary>The least to begin with, nanos: equal to <see cref="MostNanos"/> unless the output can be seen streaming.</summary>
    [Id(7)] public required long LeastNanos { get; init; }

    /// <summary>Tokens that the tokens-per-minute limits count until settlement corrects them.</summary>
    [Id(8)] public required long EstimatedTokens { get; init; }

    /// <summary>The client's address, as text.</summary>
    [Id(9)] public required string ClientAddress { get; init; }

    /// <summary>The route that was called, for example <c>/v1/chat/completions</c>.</summary>
    [Id(10)] public required string Endpoint { get; init; }

    [Id(11)] public string? IdempotencyKey { get; init; }

    /// <summary>The digest of the body; set with <see cref="IdempotencyKey"/>.</summary>
    [Id(12)] public Sha256Hash BodyHash { get; init; }
}

/// <summary>One value a rule. Everything but <see cref="Admitted"/> has taken nothing.</summary>
[GenerateSerializer, Alias("og.AdmitOutcome")]
public enum AdmitOutcome
{
    Admitted,
    /// <summary>The account or the key is not there, or the key's random part is another.</summary>
    UnknownKey,
    KeyDisabled,
    KeyExpired,
    AccountSuspended,
    AccountClosed,
    ModelNotAllowed,
    AddressNotAllowed,
    /// <summary>What the key has spent, holds and would hold is above one of its caps.</summary>
    SpendCapReached,
    RequestRateLimited,
    TokenRateLimited,
    ConcurrencyLimited,
    /// <summary>See <see cref="AdmitAnswer.AvailableNanos"/>.</summary>
    InsufficientFunds,
    /// <summary>The money is there, but an earlier activation had set it aside; see <see cref="AdmitAnswer.RetryAfterMs"/>.</summary>
    FundsInQuarantine,
    /// <summary>A request with this idempotency key is running.</summary>
    IdempotencyRunning,
    /// <summary>A request with this idempotency key is done: <see cref="AdmitAnswer.EarlierRequestId"/>, <see cref="AdmitAnswer.EarlierChargeNanos"/>.</summary>
    IdempotencyCompleted,
    /// <summary>The idempotency key was used with another body.</summary>
    IdempotencyBodyDiffers,
    /// <summary>The hold was closed already: the message came late.</summary>
    HoldClosed,
    /// <summary>The ledger is away and too much is waiting for it.</summary>
    Unavailable,
    /// <summary>The activation stepped down; ask again.</summary>
    Retry,
}

/// <summary>Whose limit or cap refused.</summary>
[GenerateSerializer, Alias("og.LimitScope")]
public enum LimitScope { None, Key, Account }

/// <summary>In which time a spend cap counts. Weeks begin on Monday; days, weeks and months are UTC's.</summary>
[GenerateSerializer, Alias("og.SpendWindow")]
public enum SpendWindow { None, Total, Day, Week, Month }

/// <summary>The tightest of a key's and its account's limits after this request. A limit of 0 means that there is none.</summary>
[GenerateSerializer, Immutable, Alias("og.RateStanding")]
public readonly record struct RateStanding
{
    [Id(0)] public long RequestsLimit { get; init; }
    [Id(1)] public long RequestsRemaining { get; init; }
    /// <summary>Until the bucket is full again, ms.</summary>
    [Id(2)] public long RequestsResetMs { get; init; }
    [Id(3)] public long TokensLimit { get; init; }
    [Id(4)] public long TokensRemaining { get; init; }
    [Id(5)] public long TokensResetMs { get; init; }
}

/// <summary>A hold, or the rule that refused one.</summary>
[GenerateSerializer, Immutable, Alias("og.AdmitAnswer")]
public sealed record AdmitAnswer
{
    [Id(0)] public required AdmitOutcome Outcome { get; init; }
    [Id(1)] public required long Epoch { get; init; }

    /// <summary>What is held, nanos: the most or the least that was asked for.</summary>
    [Id(2)] public long TotalNanos { get; init; }

    /// <summary>
    /// Free money and what no hold needs of the reserve, nanos; set on refusals for money. On a refusal for a cap, what is left
    /// under that cap.
    /// </summary>
    [Id(3)] public long AvailableNanos { get; init; }

    /// <summary>Until another try can succeed, ms; 0 where waiting does not help.</summary>
    [Id(4)] public long RetryAfterMs { get; init; }

    [Id(5)] public LimitScope Scope { get; init; }
    [Id(6)] public RateStanding Rates { get; init; }
    [Id(7)] public string? EarlierRequestId { get; init; }
    [Id(8)] public long EarlierChargeNanos { get; init; }

    /// <summary>Whether the key asks for its cost in the answer's usage.</summary>
    [Id(9)] public bool ShowCost { get; init; }

    /// <summary>The cap that refused; of several the one that frees last.</summary>
    [Id(10)] public SpendWindow CapWindow { get; init; }

    /// <summary>When that cap's window ends; null for a cap that never frees.</summary>
    [Id(11)] public DateTimeOffset? CapEnd { get; init; }

    /// <summary>Whether the answer stands for a hold.</summary>
    public bool IsAdmitted => Outcome == AdmitOutcome.Admitted;
}

/// <summary>Asks whether a key is in force, without asking for money.</summary>
[GenerateSerializer, Immutable, Alias("og.FindKeyRequest")]
public sealed record FindKeyRequest
{
    /// <summary>The highest epoch that the edge has seen of this account; 0 for none.</summary>
    [Id(0)] public required long Epoch { get; init; }

    [Id(1)] public required string KeyId { get; init; }

    /// <summary>The digest of the key's random part.</summary>
    [Id(2)] public required Sha256Hash KeyHash { get; init; }

    /// <summary>The client's address, as text.</summary>
    [Id(3)] public required string ClientAddress { get; init; }

    /// <summary>Whether it counts as a request by the limits of requests a minute, and is told the key's standing.</summary>
    [Id(4)] public bool IsRequest { get; init; }
}

/// <summary>Whether a key is in force.</summary>
[GenerateSerializer, Immutable, Alias("og.KeyAnswer")]
public sealed record KeyAnswer
{
    /// <summary>
    /// <see cref="AdmitOutcome.Admitted"/> for a key in force, else the rule that an admission would be refused by whatever its
    /// model, rates and cost, <see cref="AdmitOutcome.Unavailable"/> or <see cref="AdmitOutcome.Retry"/>.
    /// </summary>
    [Id(0)] public required AdmitOutcome Outcome { get; init; }

    [Id(1)] public required long Epoch { get; init; }

    /// <summary>The public names of the models that the key may use; empty for all.</summary>
    [Id(2)] public ImmutableArray<string> Models { get; init; } = [];

    /// <summary>Set where it was asked for and the key is in force.</summary>
    [Id(3)] public KeyStanding? Standing { get; init; }

    /// <summary>What is left of the limits, where it counts as a request.</summary>
    [Id(4)] public RateStanding Rates { get; init; }

    /// <summary>Until a request that was refused for a limit can succeed, ms.</summary>
    [Id(5)] public long RetryAfterMs { get; init; }

    /// <summary>Whose limit refused.</summary>
    [Id(6)] public LimitScope Scope { get; init; }
}

/// <summary>What a key may know of money, nanos: its own caps, or, where it has none, its account's balance.</summary>
[GenerateSerializer, Immutable, Alias("og.KeyStanding")]
public sealed record KeyStanding
{
    [Id(0)] public required string Name { get; init; }
    [Id(1)] public required DateTimeOffset? ExpiresAt { get; init; }
    [Id(2)] public required SpendCaps Caps { get; init; }

    /// <summary>What the key has spent, in windows that are not over.</summary>
    [Id(3)] public required KeySpend Spend { get; init; }

    /// <summary>The most that the key's running requests may cost.</summary>
    [Id(4)] public required long HeldNanos { get; init; }

    /// <summary>The account's; null for a key with a cap.</summary>
    [Id(5)] public required AccountFunds? Account { get; init; }
}

/// <summary>An account's money, nanos.</summary>
/// <param name="BalanceNanos">All of it.</param>
/// <param name="BonusNanos">The part of it that came as bonus.</param>
/// <param name="HeldNanos">The part of it that running requests may cost at the most.</param>
[GenerateSerializer, Immutable, Alias("og.AccountFunds")]
public sealed record AccountFunds(
    [property: Id(0)] long BalanceNanos,
    [property: Id(1)] long BonusNanos,
    [property: Id(2)] long HeldNanos);
