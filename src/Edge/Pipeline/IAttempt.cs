using OrleansGateway.Edge.Idempotency;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>Steps 6 and 8 of one attempt, whatever the form of the answer.</summary>
internal interface IAttempt : IDisposable
{
    /// <summary>What was counted so far.</summary>
    Metered Metered { get; }

    /// <summary>Reads the provider's answer to its end and passes on what need not wait for the settlement.</summary>
    ValueTask<AttemptEnd> RunAsync(HttpResponseMessage answer, CancellationToken cancellationToken);

    /// <summary>Sends what was held back: the request is paid for.</summary>
    /// <param name="outcome">How it ended, as whole or as at its length limit.</param>
    ValueTask CompleteAsync(AttemptOutcome outcome, long chargedNanos, AnswerCache answers);
}
