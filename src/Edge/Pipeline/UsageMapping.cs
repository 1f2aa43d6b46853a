using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>Maps what was counted on the wire to what is priced: the one place that does.</summary>
internal static class UsageMapping
{
    public static Usage ToUsage(this in TokenUsage counted, CostBound bound) => counted.ToUsage(bound.Searches);

    /// <param name="counted">What was counted.</param>
    /// <param name="searchesMax">The most searches that were asked for.</param>
    public static Usage ToUsage(this in TokenUsage counted, int searchesMax) => new()
    {
        [Unit.Input] = counted.UncachedInput,
        [Unit.CachedInput] = counted.CacheRead,
        [Unit.CachedAudioInput] = counted.CacheReadAudio,
        [Unit.CachedImageInput] = counted.CacheReadImage,
        [Unit.CacheWrite5m] = counted.CacheWrite5m,
        [Unit.CacheWrite1h] = counted.CacheWrite1h,
        [Unit.AudioInput] = counted.AudioInput,
        [Unit.ImageInput] = counted.ImageInput,
        [Unit.Output] = counted.Output,
        [Unit.Reasoning] = counted.Reasoning,
        [Unit.AudioOutput] = counted.AudioOutput,
        [Unit.ImageOutput] = counted.ImageOutput,
        [Unit.Calls] = 1,
        [Unit.Seconds] = counted.Seconds,
        [Unit.Characters] = counted.Characters,
        [Unit.Images] = counted.Images,

        // Where the provider does not tell how often it searched, once.
        [Unit.Searches] = counted.Searches ?? Math.Min(searchesMax, 1),
        IsEstimated = counted.IsEstimated,
    };
}
