using System.Collections.Immutable;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>Whether a request that ended with an error was charged.</summary>
internal enum Charged
{
    /// <summary>Nothing.</summary>
    No,
    /// <summary>Before the first byte of the answer nothing; in the middle of a stream what had been produced by then.</summary>
    WhatCame,
    /// <summary>What a client had got of a stream; otherwise it is paid back.</summary>
    WhatClientGot,
}

/// <summary>What is said of one kind of error; <c>docs/errors.md</c> is made of it.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">Its name for programs; null where only the request's protocol or its provider knows one.</param>
/// <param name="When">When it comes.</param>
internal sealed record ErrorEntry(ErrorKind Kind, int Status, string? Code, Charged Charged, string When);

/// <summary>The one list of all that a client can be told.</summary>
internal static class ErrorList
{
    /// <summary>In the order of <see cref="ErrorKind"/>.</summary>
    public static readonly ImmutableArray<ErrorEntry> All =
    [
        new(ErrorKind.InvalidKey, 401, "invalid_api_key", Charged.No, "The API key is missing, malformed or unknown."),
        new(ErrorKind.KeyDisabled, 403, "key_disabled", Charged.No, "The key is disabled or revoked."),
        new(ErrorKind.KeyExpired, 403, "key_expired", Charged.No, "The key's last day is over."),
        new(ErrorKind.AccountSuspended, 403, "account_suspended", Charged.No, "The operator has suspended the account."),
        new(ErrorKind.AccountClosed, 403, "account_closed", Charged.No, "The account is closed."),
        new(ErrorKind.AddressNotAllowed, 403, "address_not_allowed", Charged.No, "The key is limited to other addresses."),
        new(ErrorKind.ModelNotAllowed, 403, "model_not_allowed", Charged.No, "The key is limited to other models."),
        new(ErrorKind.OutOfFunds, 402, "insufficient_quota", Charged.No, "The free balance does not cover the request."),
        new(ErrorKind.SpendCapReached, 402, "spend_cap_reached", Charged.No, "What is left under the key's spending cap does not cover the request."),
        new(ErrorKind.RateLimited, 429, "rate_limit_exceeded", Charged.No, "The key's or the account's limit of requests, of tokens a minute or of requests at a time is reached."),
        new(ErrorKind.Unavailable, 503, "service_unavailable", Charged.No, "The gateway starts or stops, has no memory for the body, cannot reach the account, or money is set aside for interrupted requests."),
        new(ErrorKind.IdempotencyKeyInvalid, 400, "invalid_idempotency_key", Charged.No, "The Idempotency-Key is empty or too long."),
        new(ErrorKind.IdempotencyKeyInUse, 409, "idempotency_key_in_use", Charged.No, "A request with this Idempotency-Key is still running."),
        new(ErrorKind.IdempotencyKeyCompleted, 409, "idempotency_key_completed", Charged.No, "A request with this Idempotency-Key is complete, and its answer is not kept."),
        new(ErrorKind.IdempotencyKeyReused, 422, "idempotency_key_reused", Charged.No, "The Idempotency-Key was used with another body."),
        new(ErrorKind.UnknownUrl, 404, "unknown_url", Charged.No, "Nothing is at this address."),
        new(ErrorKind.MethodNotSupported, 405, "method_not_supported", Charged.No, "The address wants another HTTP method."),
        new(ErrorKind.UpgradeNotSupported, 426, "upgrade_not_supported", Charged.No, "The address takes no WebSockets: clients that try go on with plain requests."),
        new(ErrorKind.HeadersTooLong, 431, "request_header_fields_too_large", Charged.No, "The request's headers are longer than 16 KiB."),
        new(ErrorKind.EncodingNotSupported, 415, "unsupported_encoding", Charged.No, "The body is compressed."),
        new(ErrorKind.BodyTooLarge, 413, "request_too_large", Charged.No, "The body is larger than `Edge:MaxBodyBytes`."),
        new(ErrorKind.BodyTooSlow, 408, "request_timeout", Charged.No, "The body was not there within `Edge:UploadTimeoutMs`."),
        new(ErrorKind.BodyUnreadable, 400, "invalid_body", Charged.No, "The body could not be read."),
        new(ErrorKind.InvalidRequest, 400, null, Charged.No, "The request is not what its protocol asks for; the code is the protocol's own."),
        new(ErrorKind.ModelNotFound, 404, "model_not_found", Charged.No, "The model does not exist here, or has no price."),
        new(ErrorKind.NotKept, 404, "not_found", Charged.No, "The request names a response, file, conversation, cache or voice that this account was not given, or that is gone."),
        new(ErrorKind.NoChannel, 503, "no_channel", Charged.No, "No provider of the model is available."),
        new(ErrorKind.ProviderRefusedRequest, 400, null, Charged.WhatCame, "The provider finds fault with the request; message, field and code are its own."),
        new(ErrorKind.ProviderFilteredContent, 400, "content_filter", Charged.WhatCame, "The provider's filter refuses the content."),
        new(ErrorKind.ProviderFoundNothing, 404, null, Charged.WhatCame, "The provider does not find what the request names."),
        new(ErrorKind.ProviderCannotProcess, 422, null, Charged.WhatCame, "The provider cannot process the request."),
        new(ErrorKind.ProviderFindsItTooLarge, 413, null, Charged.WhatCame, "The request is too large for the provider."),
        new(ErrorKind.ProviderLacksModel, 404, "model_not_found", Charged.WhatCame, "No provider that was asked has the model at the moment."),
        new(ErrorKind.ProviderRefusedGateway, 502, "provider_refused", Charged.WhatCame, "The provider did not accept the gateway's own key."),
        new(ErrorKind.ProviderLimits, 429, "provider_rate_limited", Charged.WhatCame, "The provider limits the gateway's requests."),
        new(ErrorKind.ProviderUnavailable, 503, "provider_unavailable", Charged.WhatCame, "The gateway's account with the provider is used up."),
        new(ErrorKind.ProviderOverloaded, 503, "provider_overloaded", Charged.WhatCame, "The provider is overloaded."),
        new(ErrorKind.ProviderFailed, 503, "provider_error", Charged.WhatCame, "The provider failed."),
        new(ErrorKind.ProviderBrokeOff, 503, "provider_error", Charged.WhatCame, "The provider's answer broke off."),
        new(ErrorKind.ProviderUnreadable, 502, "provider_error", Charged.WhatCame, "The provider's answer is none that can be read."),
        new(ErrorKind.AnswerTooLarge, 502, "answer_too_large", Charged.No, "The answer, which was not to be streamed and has to be kept whole, is larger than `Edge:MaxAnswerBytes`."),
        new(ErrorKind.ProviderTooSlow, 504, "provider_timeout", Charged.WhatCame, "The provider was silent for too long."),
        new(ErrorKind.TotalTimeOver, 504, "request_timeout", Charged.WhatCame, "The request took longer than its channel's whole time."),
        new(ErrorKind.Stopped, 503, "request_stopped", Charged.WhatCame, "The gateway had to stop the request: it is being stopped, or the hold ended."),
        new(ErrorKind.ClientGone, 499, "client_closed_request", Charged.WhatCame, "The client closed the connection; only logs and metrics show it."),
        new(ErrorKind.NotSettled, 503, "settlement_failed", Charged.WhatClientGot, "The request could not be charged in time."),
        new(ErrorKind.Internal, 500, "internal_error", Charged.No, "A bug of the gateway."),
    ];

    public static ErrorEntry Of(ErrorKind kind) => All[(int)kind];
}
