namespace OrleansGateway.Edge.Pipeline;

/// <summary>What can go wrong with a request, whatever protocol its client speaks. <see cref="ErrorList"/> says more of each.</summary>
internal enum ErrorKind
{
    InvalidKey,
    KeyDisabled,
    KeyExpired,
    AccountSuspended,
    AccountClosed,
    AddressNotAllowed,
    ModelNotAllowed,
    OutOfFunds,
    SpendCapReached,
    RateLimited,
    Unavailable,
    IdempotencyKeyInvalid,
    IdempotencyKeyInUse,
    IdempotencyKeyCompleted,
    IdempotencyKeyReused,
    UnknownUrl,
    MethodNotSupported,
    UpgradeNotSupported,
    HeadersTooLong,
    EncodingNotSupported,
    BodyTooLarge,
    BodyTooSlow,
    BodyUnreadable,
    InvalidRequest,
    ModelNotFound,
    NotKept,
    NoChannel,
    ProviderRefusedRequest,
    ProviderFilteredContent,
    ProviderFoundNothing,
    ProviderCannotProcess,
    ProviderFindsItTooLarge,
    ProviderLacksModel,
    ProviderRefusedGateway,
    ProviderLimits,
    ProviderUnavailable,
    ProviderOverloaded,
    ProviderFailed,
    ProviderBrokeOff,
    ProviderUnreadable,
    AnswerTooLarge,
    ProviderTooSlow,
    TotalTimeOver,
    Stopped,
    ClientGone,
    NotSettled,
    Internal,
}

/// <summary>One error, for the client.</summary>
/// <param name="Message">What was wrong, and what to do about it.</param>
/// <param name="Param">The request's field that is at fault, if it is one.</param>
/// <param name="Code">What is wrong with the request, in its own protocol's or its provider's word; null takes the kind's.</param>
internal readonly record struct ApiError(ErrorKind Kind, string Message, string? Param = null, string? Code = null)
{
    /// <summary>Until another try can succeed, ms; 0 says nothing about it.</summary>
    public long RetryAfterMs { get; init; }

    /// <summary>Tells SDKs, which retry some statuses by themselves, whether to; null leaves it to them.</summary>
    public bool? ShouldRetry { get; init; }

    /// <summary>Our id of the request, where the protocol has a place for it in its errors.</summary>
    public string? RequestId { get; init; }

    /// <summary>The HTTP status.</summary>
    public int Status => ErrorList.Of(Kind).Status;
}
