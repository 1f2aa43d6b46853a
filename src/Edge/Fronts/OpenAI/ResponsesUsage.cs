using OrleansGateway.Edge.Http;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI.Responses;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>The usage that a client sees of a response that passes through.</summary>
internal static class ResponsesUsage
{
    /// <summary>Writes what takes the place of the provider's; nothing where that stays as it is.</summary>
    /// <param name="reader">Has read the answer.</param>
    /// <param name="data">What it read last.</param>
    public static void Write(PooledBytes written, ResponsesAnswerReader reader, ReadOnlySpan<byte> data, in TokenUsage usage, long? costNanos)
    {
        var reported = reader.UsageJson(data);
        if (reader.Reported is null || usage.IsEstimated || !ResponsesUsageJson.IsOne(reported))
        {
            ResponsesUsageJson.Write(written, usage, costNanos);
        }
        else if (costNanos is not null)
        {
            UsageCost.Write(written, reported, costNanos);
        }
    }
}
