namespace OrleansGateway.Protocols.Metering;

/// <summary>
/// What a request used, in tokens by kind, and what is counted beside them. The kinds are disjoint: each token is counted in exactly one of them,
/// so that a cost is the sum of kind times price.
/// </summary>
public readonly record struct TokenUsage
{
    /// <summary>Text input tokens that were neither read from nor written to a cache.</summary>
    public long UncachedInput { get; init; }

    /// <summary>Input tokens read from the provider's prompt cache: of text, and of what it does not tell from text.</summary>
    public long CacheRead { get; init; }

    /// <summary>Audio input tokens read from the cache.</summary>
    public long CacheReadAudio { get; init; }

    /// <summary>Image input tokens read from the cache.</summary>
    public long CacheReadImage { get; init; }

    /// <summary>Input tokens written to the cache for five minutes, or with no lifetime told.</summary>
    public long CacheWrite5m { get; init; }

    /// <summary>Input tokens written to the cache for an hour.</summary>
    public long CacheWrite1h { get; init; }

    /// <summary>Uncached audio input tokens.</summary>
    public long AudioInput { get; init; }

    /// <summary>Uncached image input tokens.</summary>
    public long ImageInput { get; init; }

    /// <summary>Visible text output tokens: without reasoning, audio and images.</summary>
    public long Output { get; init; }

    /// <summary>Output tokens spent on reasoning, shown or not.</summary>
    public long Reasoning { get; init; }

    /// <summary>Audio output tokens.</summary>
    public long AudioOutput { get; init; }

    /// <summary>Image output tokens.</summary>
    public long ImageOutput { get; init; }

    /// <summary>Searches that the provider made; null when it does not tell.</summary>
    public long? Searches { get; init; }

    /// <summary>Seconds of sound, begun ones included.</summary>
    public long Seconds { get; init; }

    /// <summary>Characters of text that was spoken.</summary>
    public long Characters { get; init; }

    /// <summary>Pictures that were made.</summary>
    public long Images { get; init; }

    /// <summary>True when the provider did not report (all of) it and the text was counted instead.</summary>
    public bool IsEstimated { get; init; }

    /// <summary>True when the provider's numbers contradicted each other or were negative and were put right.</summary>
    public bool IsInconsistent { get; init; }

    /// <summary>The same, where it is an estimate with no more output than can have been made.</summary>
    /// <param name="outputTokens">The most output, tokens.</param>
    public TokenUsage CappedAt(long outputTokens)
    {
        if (!IsEstimated || TotalOutput <= outputTokens)
        {
            return this;
        }

        var left = outputTokens;
        return this with
        {
            Output = Take(ref left, Output),
            Reasoning = Take(ref left, Reasoning),
            AudioOutput = Take(ref left, AudioOutput),
            ImageOutput = Take(ref left, ImageOutput),
        };

        static long Take(ref long left, long part)
        {
            var taken = Math.Min(left, part);
            left -= taken;
            return taken;
        }
    }

    /// <summary>All input tokens.</summary>
    public long TotalInput => UncachedInput + CacheRead + CacheReadAudio + CacheReadImage + CacheWrite5m + CacheWrite1h + AudioInput + ImageInput;

    /// <summary>All output tokens.</summary>
    public long TotalOutput => Output + Reasoning + AudioOutput + ImageOutput;
}
