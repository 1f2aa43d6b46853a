using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>Maps what was counted on the wire to what is priced: the one place that does.</summary>
internal static class UsageMapping
{
    public static Usage ToUsage(this in TokenUsage counted) => new()
    {
        Input = counted.UncachedInput,
        CachedInput = counted.CacheRead,
        CacheWrite5m = counted.CacheWrite5m,
        CacheWrite1h = counted.CacheWrite1h,
        AudioInput = counted.AudioInput,
        ImageInput = counted.ImageInput,
        Output = counted.Output,
        Reasoning = counted.Reasoning,
        AudioOutput = counted.AudioOutput,
        ImageOutput = counted.ImageOutput,
        Calls = 1,
        IsEstimated = counted.IsEstimated,
    };
}
