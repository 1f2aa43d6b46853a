namespace OrleansGateway.Protocols.Metering;

/// <summary>What becomes of a provider's report of usage that cannot be all.</summary>
internal static class UsageReport
{
    /// <summary>
    /// What a request has used: the provider's last report. Where none came, the text is counted; so is output that came after the report (then
    /// it was not the final one), and a side of which it says zero though there is output.
    /// </summary>
    /// <param name="reported">The provider's last report; null when it made none.</param>
    /// <param name="counted">What was counted, for want of a report.</param>
    /// <param name="hasOutput">Whether any output came.</param>
    /// <param name="outputSince">Whether output came after the report.</param>
    public static TokenUsage Complete(TokenUsage? reported, in TokenUsage counted, bool hasOutput, bool outputSince)
    {
        if (reported is not { } usage || !hasOutput)
        {
            return reported ?? counted;
        }

        if ((outputSince || usage.TotalOutput == 0) && counted.TotalOutput > usage.TotalOutput)
        {
            usage = usage with
            {
                Output = counted.Output,
                Reasoning = counted.Reasoning,
                AudioOutput = counted.AudioOutput,
                ImageOutput = 0,
                IsEstimated = true,
                IsInconsistent = usage.IsInconsistent || !outputSince,
            };
        }

        return usage.TotalInput > 0 || counted.UncachedInput == 0
            ? usage
            : usage with { UncachedInput = counted.UncachedInput, IsEstimated = true, IsInconsistent = true };
    }

    /// <summary>
    /// Two reports in one object, where only one can be true: no less than either says, and an estimate where they differ. What is cached is cheaper
    /// than other input, what is written to a cache, sound and pictures dearer.
    /// </summary>
    public static TokenUsage Most(in TokenUsage one, in TokenUsage other)
    {
        if (one == other)
        {
            return one;
        }

        var most = new TokenUsage
        {
            CacheRead = Math.Min(one.CacheRead, other.CacheRead),
            CacheReadAudio = Math.Min(one.CacheReadAudio, other.CacheReadAudio),
            CacheReadImage = Math.Min(one.CacheReadImage, other.CacheReadImage),
            CacheWrite5m = Math.Max(one.CacheWrite5m, other.CacheWrite5m),
            CacheWrite1h = Math.Max(one.CacheWrite1h, other.CacheWrite1h),
            AudioInput = Math.Max(one.AudioInput, other.AudioInput),
            ImageInput = Math.Max(one.ImageInput, other.ImageInput),
            Reasoning = Math.Max(one.Reasoning, other.Reasoning),
            AudioOutput = Math.Max(one.AudioOutput, other.AudioOutput),
            ImageOutput = Math.Max(one.ImageOutput, other.ImageOutput),
            Searches = one.Searches > other.Searches ? one.Searches : other.Searches ?? one.Searches,
            IsEstimated = true,
            IsInconsistent = true,
        };
        return most with
        {
            UncachedInput = Math.Max(0, Math.Max(one.TotalInput, other.TotalInput) - most.TotalInput),
            Output = Math.Max(0, Math.Max(one.TotalOutput, other.TotalOutput) - most.TotalOutput),
        };
    }
}
