using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.Anthropic;

/// <summary>
/// The fields of Anthropic's Messages. Of a client's headers <c>anthropic-version</c> and <c>anthropic-beta</c> go on; of the latter what asks for
/// a larger window than the model is sold with goes by the channel's <c>unpriced</c>.
/// </summary>
public static class MessagesFields
{
    /// <summary>All of them.</summary>
    public static RequestFields Table { get; } = new(
    [
        new("model", FieldHandling.Bounds, "chooses the price; the channel's own name for it goes on"),
        new("messages", FieldHandling.Bounds, "input: a token for each byte of text at most; pictures and files by the model's `bounds`"),
        new("system", FieldHandling.Bounds, "input"),
        new("max_tokens", FieldHandling.Bounds, "output; 0 only fills the cache"),
        new("stream", FieldHandling.Bounds, "a stream is held for a slice of its output at first, a whole answer for all of it"),
        new("tools", FieldHandling.Priced, "tools that the client runs are input; `web_search_…` is priced by `per_search`, its `max_uses` at most the model's `searches`: lowered to that, or put in; no other tool of the provider has a price"),
        new("service_tier", FieldHandling.Priced, "`auto` and `standard_only` are the usual tier; others by the price's `service_tiers`"),
        new("speed", FieldHandling.Priced, "`fast` by the price's `service_tiers`; charged by the speed that the answer names"),
        new("inference_geo", FieldHandling.Priced, "where the model runs: only `global` is sold"),
        new("container", FieldHandling.Priced, "of code that the provider runs: has no price"),
        new("mcp_servers", FieldHandling.Priced, "servers that the provider calls: have no price"),
        new("fallbacks", FieldHandling.Priced, "other models: have no price here"),
        new("context_management", FieldHandling.Priced, "a summary by the model (`compact_…`) has no price; the other edits leave input out"),
        new("thread", FieldHandling.Refused, "a conversation that the provider keeps; the SDKs send it whole instead"),
        new("previous_message_id", FieldHandling.Refused, "likewise"),
        .. RequestFields.Passed("tokens that are reported", "thinking", "output_config", "output_format"),
        .. RequestFields.Passed("cache writes that are reported", "cache_control"),
        .. RequestFields.Passed("nothing", "tool_choice", "stop_sequences", "temperature", "top_p", "top_k", "metadata", "user_profile_id", "safeguards", "diagnostics"),
    ]);
}
