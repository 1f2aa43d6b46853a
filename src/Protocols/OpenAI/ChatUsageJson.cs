using System.Buffers;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>Writes <c>usage</c> objects of Chat Completions for counts of our own.</summary>
public static class ChatUsageJson
{
    /// <summary>Whether an object tells its totals under the names that clients of Chat Completions know, not those of Responses.</summary>
    public static bool IsOne(ReadOnlySpan<byte> json) => JsonMembers.HasNumber(json, "prompt_tokens") && JsonMembers.HasNumber(json, "completion_tokens");

    /// <summary>Writes an object.</summary>
    /// <param name="costNanos">The charge in nanos (10⁻⁹ USD) to add as <c>cost</c>; null adds none.</param>
    public static void Write(IBufferWriter<byte> writer, in TokenUsage usage, long? costNanos)
    {
        writer.Write("{\"prompt_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.TotalInput);
        writer.Write(",\"completion_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.TotalOutput);
        writer.Write(",\"total_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.TotalInput + usage.TotalOutput);
        writer.Write(",\"prompt_tokens_details\":{\"cached_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.CacheRead);
        writer.Write(",\"cache_write_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.CacheWrite5m + usage.CacheWrite1h);
        writer.Write(",\"audio_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.AudioInput);
        writer.Write("},\"completion_tokens_details\":{\"reasoning_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.Reasoning);
        writer.Write(",\"audio_tokens\":"u8);
        ChatStreamHead.WriteNumber(writer, usage.AudioOutput);
        writer.Write("}"u8);
        UsageCost.WriteEnd(writer, ","u8, costNanos);
    }
}
