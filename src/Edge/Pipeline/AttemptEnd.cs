using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>Step 6 of one attempt, by the form that the provider's answer has; what is written has the form that was asked for.</summary>
internal interface IAttempt : IDisposable
{
    /// <summary>What was counted so far.</summary>
    Metered Metered { get; }

    /// <summary>Reads the provider's answer to its end and passes on what need not wait for the settlement.</summary>
    ValueTask<AttemptEnd> RunAsync(AnswerBody answer, CancellationToken cancellationToken);

    /// <summary>What was held back: the end of a stream, or a whole answer. For a request that is paid for; lives as long as the attempt.</summary>
    /// <param name="outcome">How it ended, as whole or as at its length limit.</param>
    ReadOnlyMemory<byte> Rest(AttemptOutcome outcome, long chargedNanos);
}

/// <summary>What became of an attempt with a channel.</summary>
internal enum AttemptOutcome
{
    /// <summary>The provider's answer is complete.</summary>
    Completed,
    /// <summary>No more can be held: to be ended as at the length limit.</summary>
    Exhausted,
    /// <summary>More came than the request's cap allows: to be ended as at the length limit that it is.</summary>
    Capped,
    /// <summary>The provider failed, broke off or fell silent.</summary>
    Failed,
    /// <summary>The request was stopped; <see cref="RunningRequest.Stopped"/> says why.</summary>
    Stopped,
}

/// <summary>What was counted of a provider's answer.</summary>
/// <param name="HasOutput">Whether the provider brought any output.</param>
/// <param name="ServiceTier">The tier of service that the provider names; null when it names none.</param>
internal readonly record struct Metered(TokenUsage Usage, bool HasOutput, string? ServiceTier = null)
{
    /// <summary>The same, where it is an estimate with no more output than that.</summary>
    /// <param name="outputTokens">The most output, tokens.</param>
    public Metered CappedAt(long outputTokens) => this with { Usage = Usage.CappedAt(outputTokens) };

    /// <summary>
    /// The same of a request that was translated: no tier of service and no search was asked for, so there was neither where nothing is told.
    /// </summary>
    public Metered Translated() => this with { Usage = Usage with { Searches = Usage.Searches ?? 0 }, ServiceTier = ServiceTier ?? "default" };

    /// <summary>The same of an answer that was cut there, whatever its provider reports: the client got no more.</summary>
    public Metered CutAt(long outputTokens) => this with
    {
        Usage = Usage.TotalOutput <= outputTokens ? Usage : (Usage with { IsEstimated = true }).CappedAt(outputTokens),
    };
}

/// <summary>How an attempt with a channel ended, and what that means for the charge, the usage row and the client.</summary>
/// <param name="Error">What a client is told of <see cref="AttemptOutcome.Failed"/>.</param>
/// <param name="Cause">What failed.</param>
/// <param name="IsTimeout">Whether the provider took too long.</param>
internal sealed record AttemptEnd(AttemptOutcome Outcome, ApiError Error = default, UpstreamError Cause = default, bool IsTimeout = false)
{
    private const long RetryAfterMsMin = 1000;
    private const long RetryAfterMsMax = 60_000;

    public static AttemptEnd Completed { get; } = new(AttemptOutcome.Completed);

    public static AttemptEnd Exhausted { get; } = new(AttemptOutcome.Exhausted);

    public static AttemptEnd Capped { get; } = new(AttemptOutcome.Capped);

    public static AttemptEnd Stopped { get; } = new(AttemptOutcome.Stopped);

    /// <summary>Whether the provider may have generated something, and bill it, although no answer came of it.</summary>
    public bool MayHaveRun { get; init; }

    /// <summary>Whether the connection broke when the provider may have had the whole request and told no status: nobody knows whether it has run it.</summary>
    public bool IsLost { get; private init; }

    /// <summary>Whether another channel may be tried, before the first byte.</summary>
    public bool IsRetryable => Outcome == AttemptOutcome.Failed && Cause.IsRetryable;

    /// <summary>Whether the client gets an end as of a complete answer.</summary>
    public bool IsWhole => Outcome is AttemptOutcome.Completed or AttemptOutcome.Exhausted or AttemptOutcome.Capped;

    /// <summary>How long the provider asked to be left alone, ms; 0 if it did not.</summary>
    public long RetryAfterMs => Cause.RetryAfterMs;

    public static AttemptEnd Failed(in UpstreamError cause) =>
        new(AttemptOutcome.Failed, ProviderErrors.Of(cause) with { RetryAfterMs = cause.RetryAfterMs }, cause);

    public static AttemptEnd NoChannel(long retryAfterMs) => Failed(
        UpstreamFailure.Overloaded,
        new ApiError(ErrorKind.NoChannel, "No provider of this model is available at the moment. Please try again later.")
        {
            RetryAfterMs = Math.Max(retryAfterMs, RetryAfterMsMin),
        });

    public static AttemptEnd TimedOut => Failed(
        UpstreamFailure.ServerError,
        new ApiError(ErrorKind.ProviderTooSlow, "The model's provider took too long to answer. Please try again.")) with
    {
        IsTimeout = true,
    };

    public static AttemptEnd BrokenOff => Failed(
        UpstreamFailure.ServerError, new ApiError(ErrorKind.ProviderBrokeOff, "The model's provider broke off its answer. Please try again."));

    public static AttemptEnd Unreadable => Failed(
        UpstreamFailure.ServerError,
        new ApiError(ErrorKind.ProviderUnreadable, "The model's provider sent an answer that cannot be read. Please try again."));

    /// <summary>
    /// The same of a request that had gone out whole, before a status came. One whose time is over is left behind like an answer that has not
    /// begun: another channel is tried.
    /// </summary>
    public AttemptEnd AsLost() =>
        Outcome != AttemptOutcome.Failed ? this
        : IsTimeout ? this with { MayHaveRun = true }
        : this with
        {
            IsLost = true,
            MayHaveRun = true,
            Error = Error with
            {
                Message = "The connection to the model's provider broke before it answered. It may have run the request, so the gateway did not "
                    + "send it again. Nothing was charged. Please try again.",
            },
        };

    /// <summary>The answer that has to be kept until it is paid for is larger than there is room for: no fault of the channel, and no other has a smaller one.</summary>
    public static AttemptEnd TooLarge => Failed(
        UpstreamFailure.TooLarge,
        new ApiError(
            ErrorKind.AnswerTooLarge,
            "The answer is larger than this gateway passes on in one piece. Ask for a stream, or for less: n, top_logprobs, max_completion_tokens."));

    /// <summary>The answers of other requests take all the memory there is for them. The provider has run the request: no other is asked.</summary>
    public static AttemptEnd NoRoom => Failed(
        UpstreamFailure.TooLarge,
        new ApiError(ErrorKind.Unavailable, "The gateway has too many large answers at the moment; this one was not charged. Ask for a stream, or try again later."));

    /// <summary>Whether it is how a provider's answer breaks off, is stopped, or shows not to be what it says.</summary>
    public static bool IsBroken(Exception exception) =>
        exception is HttpRequestException or IOException or OperationCanceledException or InvalidDataException;

    /// <summary>What it means that a provider's answer, or the rest of it, did not come.</summary>
    public static AttemptEnd BrokenBy(Exception exception, RunningRequest running)
    {
        if (exception is InvalidDataException)
        {
            return Unreadable;
        }

        if (running.Stopped != StopReason.None)
        {
            return Stopped;
        }

        // The connect limit shows as a cancellation that nobody here asked for.
        return running.AttemptTimedOut || exception is OperationCanceledException ? TimedOut : BrokenOff;
    }

    /// <summary>
    /// What is charged for: all of a complete answer; of a stream that broke, what was counted, if the client had got any of it or has
    /// hung up; otherwise nothing. Of a client that hung up the same bytes of the provider are charged the same, whether or not it was
    /// still there when they came.
    /// </summary>
    public Usage ChargedUsage(Call call, in Metered metered)
    {
        var isPartial = (call.Facts.Stream || call.Client.HasEvents) && metered.HasOutput
            && (call.ClientGotOutput || call.Running.IsClientGone);
        return IsWhole || isPartial ? metered.Usage.ToUsage(call.Bound) : default;
    }

    /// <summary>What the usage row says. A whole answer is complete whoever is there to read it: a repeat with its Idempotency-Key is given it.</summary>
    public RequestStatus StatusOf(Call call)
    {
        var running = call.Running;
        if (Outcome == AttemptOutcome.Exhausted)
        {
            return RequestStatus.FundsExhausted;
        }

        if (Outcome == AttemptOutcome.Completed && !call.Facts.Stream)
        {
            return RequestStatus.Completed;
        }

        if (running.IsClientGone || running.Stopped is StopReason.ClientGone or StopReason.ClientStalled)
        {
            return RequestStatus.ClientGone;
        }

        return Outcome switch
        {
            AttemptOutcome.Completed or AttemptOutcome.Capped => RequestStatus.Completed,
            AttemptOutcome.Stopped => running.Stopped == StopReason.TotalTime ? RequestStatus.TimedOut : RequestStatus.Stopped,
            _ when IsTimeout => RequestStatus.TimedOut,
            _ => IsRetryable ? RequestStatus.ProviderError : RequestStatus.ProviderRefused,
        };
    }

    /// <summary>What the client is told of an answer that is not whole.</summary>
    /// <param name="restMs">How long a channel that failed rests, ms: a try before that can only meet another channel.</param>
    public ApiError ErrorFor(RunningRequest running, long restMs)
    {
        if (Outcome != AttemptOutcome.Failed)
        {
            return StoppedFor(running.Stopped);
        }

        // A provider that is down may be back, or another may take its place, before the wait that it asks for: SDKs give up at two minutes.
        return Error.Status == 503
            ? Error with { RetryAfterMs = Math.Clamp(Error.RetryAfterMs > 0 ? Error.RetryAfterMs : restMs, RetryAfterMsMin, RetryAfterMsMax) }
            : Error;
    }

    private static AttemptEnd Failed(UpstreamFailure failure, ApiError error) =>
        new(AttemptOutcome.Failed, error, new UpstreamError(failure, error.Status));

    private static ApiError StoppedFor(StopReason reason) => reason switch
    {
        StopReason.ClientGone or StopReason.ClientStalled => new(ErrorKind.ClientGone, "The client closed the connection."),
        StopReason.TotalTime => new(ErrorKind.TotalTimeOver, "The request took longer than this gateway allows."),
        _ => new(ErrorKind.Stopped, "The gateway had to stop the request. Please try again."),
    };
}
