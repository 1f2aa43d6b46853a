using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>
/// The fields of Chat Completions, OpenAI's and those of providers that speak the same. No header of a client goes to a provider.
/// </summary>
public static class ChatFields
{
    /// <summary>All of them.</summary>
    public static RequestFields Table { get; } = new(
    [
        new("model", FieldHandling.Bounds, "chooses the price; the channel's own name for it goes on"),
        new("messages", FieldHandling.Bounds, "input: a token for each byte of text at most; pictures, sound and files by the model's `bounds`"),
        new("tools", FieldHandling.Priced, "functions are input; `web_search…` is priced by `per_search`, and so is each answer that calls `$web_search` (Moonshot); no other tool of a provider has a price"),
        new("functions", FieldHandling.Bounds, "input"),
        new("stream", FieldHandling.Bounds, "a stream is held for a slice of its output at first, a whole answer for all of it"),
        new("stream_options", FieldHandling.Bounds, "usage is asked for, whatever the client asked"),
        new("n", FieldHandling.Bounds, "multiplies the output; at most the model's `max_n`"),
        new("max_tokens", FieldHandling.Bounds, "output; the model's `max_output_tokens` without it"),
        new("max_completion_tokens", FieldHandling.Bounds, "the same"),
        new("modalities", FieldHandling.Bounds, "sound and pictures in the answer have prices of their own"),
        new("audio", FieldHandling.Bounds, "likewise"),
        new("prediction", FieldHandling.Bounds, "what the model rejects of it is output"),
        new("service_tier", FieldHandling.Priced, "by the price's `service_tiers`; charged by the tier that the answer names"),
        new("web_search_options", FieldHandling.Priced, "by `per_search`"),
        new("enable_search", FieldHandling.Priced, "by `per_search` (Alibaba)"),
        new("search_options", FieldHandling.Priced, "by `per_search` (Alibaba)"),
        new("search_parameters", FieldHandling.Priced, "by `per_search` (xAI)"),
        new("store", FieldHandling.PassedOn, "nothing; `true` is left out: the provider keeps nothing"),
        new("metadata", FieldHandling.PassedOn, "nothing; left out with `store`, without which it is refused"),
        .. RequestFields.Passed("tokens that are reported", "reasoning_effort", "reasoning", "verbosity", "thinking", "enable_thinking", "thinking_budget", "preserve_thinking"),
        .. RequestFields.Passed("cache writes that are reported", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
        .. RequestFields.Passed(
            "nothing", "temperature", "top_p", "top_k", "min_p", "stop", "seed", "frequency_penalty", "presence_penalty", "repetition_penalty", "logit_bias",
            "logprobs", "top_logprobs", "response_format", "tool_choice", "function_call", "parallel_tool_calls", "tool_stream", "user", "user_id", "request_id",
            "safety_identifier", "moderation", "do_sample", "chat_template_kwargs"),
    ]);
}
