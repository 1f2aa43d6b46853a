namespace OrleansGateway.Protocols.Exchange;

/// <summary>Why a provider refused or failed, and so what its channel does next.</summary>
public enum UpstreamFailure
{
    /// <summary>The request is wrong: no other channel would take it.</summary>
    BadRequest,

    /// <summary>The provider's filter refused the content. Not repeated.</summary>
    ContentFiltered,

    /// <summary>The request is too large. Not repeated.</summary>
    TooLarge,

    /// <summary>The channel does not have the model: another may.</summary>
    ModelMissing,

    /// <summary>The channel's key may not do this, or something before the provider refused: another channel may.</summary>
    Forbidden,

    /// <summary>The channel's key is not valid: the channel rests long.</summary>
    Auth,

    /// <summary>The channel's account has no money or plan left: the channel rests long.</summary>
    OutOfFunds,

    /// <summary>Too many requests: worth another channel, or a repeat after a while.</summary>
    RateLimited,

    /// <summary>The provider is overloaded: worth another channel.</summary>
    Overloaded,

    /// <summary>The provider failed: worth another channel.</summary>
    ServerError,
}

/// <summary>A provider's error: what it means for the channel, and what of it may be told.</summary>
/// <param name="Failure">What it means.</param>
/// <param name="Status">The provider's HTTP status; 200 for an event of a stream.</param>
/// <param name="Message">The provider's words, without its key, account or address; null when it said nothing.</param>
/// <param name="Param">The request's field that is at fault, if the provider named one.</param>
/// <param name="Code">The provider's code, if it has one that may be told.</param>
public readonly record struct UpstreamError(UpstreamFailure Failure, int Status, string? Message = null, string? Param = null, string? Code = null)
{
    /// <summary>Whether the provider named it by a code, and not by its status alone, which may be about the request as well.</summary>
    public bool IsNamed { get; init; }

    /// <summary>How long the provider asks, in the error itself, to be left alone, ms; 0 when it does not.</summary>
    public long RetryAfterMs { get; init; }

    /// <summary>The provider's own name of the request, for its support; null when it told none.</summary>
    public string? RequestId { get; init; }

    /// <summary>Whether it is about what proves reasoning or calls of tools, which only the account that gave it takes back.</summary>
    public bool IsAboutSignature => Failure == UpstreamFailure.BadRequest && Message is { } message
        && (message.Contains("signature", StringComparison.OrdinalIgnoreCase) || message.Contains("redacted_thinking", StringComparison.Ordinal));

    /// <summary>Whether another channel may be tried, before the first byte.</summary>
    public bool IsRetryable => Failure is not (UpstreamFailure.BadRequest or UpstreamFailure.ContentFiltered or UpstreamFailure.TooLarge);
}
