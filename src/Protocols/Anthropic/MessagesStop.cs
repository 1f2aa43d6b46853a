using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.Anthropic;

/// <summary>Why answers end.</summary>
internal static class MessagesStop
{
    public static StopReason Of(ReadOnlySpan<byte> reason) =>
        reason.SequenceEqual("tool_use"u8) ? StopReason.ToolCalls
        : reason.SequenceEqual("max_tokens"u8) || reason.SequenceEqual("model_context_window_exceeded"u8) ? StopReason.Length
        : reason.SequenceEqual("stop_sequence"u8) ? StopReason.StopSequence
        : reason.SequenceEqual("refusal"u8) ? StopReason.ContentFilter
        : reason.SequenceEqual("pause_turn"u8) ? StopReason.Paused
        : StopReason.Done;

    public static ReadOnlySpan<byte> Name(StopReason reason) => reason switch
    {
        StopReason.ToolCalls => "tool_use"u8,
        StopReason.Length => "max_tokens"u8,
        StopReason.StopSequence => "stop_sequence"u8,
        StopReason.ContentFilter => "refusal"u8,
        StopReason.Paused => "pause_turn"u8,
        _ => "end_turn"u8,
    };
}
