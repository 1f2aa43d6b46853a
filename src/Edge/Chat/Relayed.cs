using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Idempotency;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Chat;

/// <summary>How an attempt with a channel ended.</summary>
internal enum RelayEnd
{
    /// <summary>The provider's answer is complete.</summary>
    Completed,
    /// <summary>No more can be held: to be ended as at the length limit.</summary>
    Exhausted,
    /// <summary>The provider failed, broke off or fell silent.</summary>
    ProviderFailed,
    /// <summary>The request was stopped; <see cref="ChatCall.Stopped"/> says why.</summary>
    Stopped,
}

/// <summary>An attempt's end.</summary>
/// <param name="Failure">What failed, with <see cref="RelayEnd.ProviderFailed"/>.</param>
/// <param name="RetryAfterMs">How long the provider asked to be left alone, ms; 0 if it did not.</param>
/// <param name="IsTimeout">Whether the failure is that the provider took too long.</param>
internal readonly record struct Relayed(
    RelayEnd End, UpstreamError Failure = default, long RetryAfterMs = 0, bool IsTimeout = false)
{
    public static Relayed Failed(UpstreamFailure failure, OpenAIError error, bool isTimeout = false) =>
        new(RelayEnd.ProviderFailed, new UpstreamError(failure, error), 0, isTimeout);

    public static Relayed NoChannel(long retryAfterMs) => new(
        RelayEnd.ProviderFailed,
        new UpstreamError(
            UpstreamFailure.Overloaded,
            new OpenAIError(503, "No provider of this model is available at the moment. Please try again later.", "server_error", null, "no_channel")),
        Math.Max(retryAfterMs, 1000));

    public static Relayed TimedOut() => Failed(
        UpstreamFailure.ServerError,
        new OpenAIError(504, "The model's provider took too long to answer. Please try again.", "server_error", null, "provider_timeout"),
        isTimeout: true);

    public static Relayed BrokenOff() => Failed(
        UpstreamFailure.ServerError,
        new OpenAIError(503, "The model's provider broke off its answer. Please try again.", "server_error", null, "provider_error"));

    public static Relayed Unusable() => Failed(
        UpstreamFailure.ServerError,
        new OpenAIError(502, "The model's provider sent an answer that cannot be read. Please try again.", "server_error", null, "provider_error"));
}

/// <summary>What was counted of a provider's answer.</summary>
/// <param name="HasOutput">Whether the provider brought any output.</param>
internal readonly record struct Metered(TokenUsage Usage, bool HasOutput);

/// <summary>Step 6 and 8 of one attempt, whatever the form of the answer.</summary>
internal interface IRelay : IDisposable
{
    /// <summary>What was counted so far.</summary>
    Metered Metered { get; }

    /// <summary>Reads the provider's answer to its end and passes on what need not wait for the settlement.</summary>
    ValueTask<Relayed> RunAsync(HttpResponseMessage answer, CancellationToken cancellationToken);

    /// <summary>Sends what was held back: the request is paid for.</summary>
    /// <param name="isExhausted">Whether the answer ends early, as at its length limit.</param>
    ValueTask CompleteAsync(bool isExhausted, long chargedNanos, AnswerCache answers);

    /// <summary>Ends the response so that the client can tell that it is not complete.</summary>
    ValueTask CutAsync(Refusal refusal);
}
