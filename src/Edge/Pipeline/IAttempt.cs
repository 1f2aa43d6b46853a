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
