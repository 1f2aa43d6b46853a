using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.OpenAI.Responses;

/// <summary>The fields of OpenAI's Responses.</summary>
public static class ResponsesFields
{
    /// <summary>All of them.</summary>
    public static RequestFields Table { get; } = new(
    [
        new("model", FieldHandling.Bounds, "chooses the price; the channel's own name for it goes on"),
        new("input", FieldHandling.Bounds, "input: a token for each byte of text at most; pictures, sound and files by the model's `bounds`; items of a kind that is not known by its window"),
        new("instructions", FieldHandling.Bounds, "input"),
        new("tools", FieldHandling.Priced, "functions, custom tools and namespaces of them are input; `web_search…` is priced by `per_search`; no other tool of a provider has a price"),
        new("max_tool_calls", FieldHandling.Bounds, "where the provider searches, at most the model's `searches`: lowered to that, or put in"),
        new("text", FieldHandling.Bounds, "a schema is input"),
        new("stream", FieldHandling.Bounds, "a stream is held for a slice of its output at first, a whole answer for all of it"),
        new("max_output_tokens", FieldHandling.Bounds, "output; the model's `max_output_tokens` without it"),
        new("service_tier", FieldHandling.Priced, "by the price's `service_tiers`; charged by the tier that the answer names"),
        new("store", FieldHandling.Bounds, "goes on as false: the provider keeps nothing. Unless it is false, this process remembers the answer for its account (`Edge:ResponseMemoryBytes`)"),
        new("previous_response_id", FieldHandling.Bounds, "what it names is put before `input`; refused where it is not remembered"),
        new("conversation", FieldHandling.Refused, "input that the provider keeps"),
        new("prompt", FieldHandling.Refused, "likewise"),
        new("background", FieldHandling.Refused, "nobody waits for the answer, and so for its price"),
        .. RequestFields.Passed("tokens that are reported", "reasoning", "context_management", "truncation"),
        .. RequestFields.Passed("cache writes that are reported", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
        .. RequestFields.Passed(
            "nothing", "temperature", "top_p", "top_logprobs", "stream_options", "tool_choice", "parallel_tool_calls", "include", "user",
            "safety_identifier", "moderation", "metadata", "client_metadata"),
    ]);
}
