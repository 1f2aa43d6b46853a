using System.Buffers;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Responses;

/// <summary>Writes <c>usage</c> objects of Responses for counts of our own.</summary>
public static class ResponsesUsageJson
{
    /// <summary>Whether an object tells its totals under the names that clients of Responses know, not those of Chat Completions.</summary>
    public static bool IsOne(ReadOnlySpan<byte> json) => JsonMembers.HasNumber(json, "input_tokens") && JsonMembers.HasNumber(json, "output_tokens");

    /// <summary>Writes an object.</summary>
    /// <param name="costNanos">The charge in nanos (10⁻⁹ USD) to add as <c>cost</c>; null adds none.</param>
    public static void Write(IBufferWriter<byte> writer, in TokenUsage usage, long? costNanos)
    {
        writer.Write("{\"input_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.TotalInput);
        writer.Write(",\"input_tokens_details\":{\"cached_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.CacheRead);
        writer.Write(",\"cache_write_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.CacheWrite5m + usage.CacheWrite1h);
        writer.Write("},\"output_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.TotalOutput);
        writer.Write(",\"output_tokens_details\":{\"reasoning_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.Reasoning);
        writer.Write("},\"total_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.TotalInput + usage.TotalOutput);
        UsageCost.WriteEnd(writer, ","u8, costNanos);
    }
}
