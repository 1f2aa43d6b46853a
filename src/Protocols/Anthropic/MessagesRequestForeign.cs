using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.Anthropic;

public sealed partial class MessagesRequest
{
    /// <summary>Whether it brings back thinking that another provider has signed.</summary>
    public bool HasForeignThinking => Body.Span.IndexOf("\"og1."u8) >= 0;

    /// <summary>The request without thinking that another provider has signed: nobody else takes it.</summary>
    public MessagesRequest WithoutForeignThinking()
    {
        var root = JsonNode.Parse(Body.Span)!.AsObject();
        var messages = root["messages"]!.AsArray();
        foreach (var message in messages)
        {
            (message?["content"] as JsonArray)?.RemoveAll(IsForeign);
        }

        messages.RemoveAll(static message => message?["content"] is JsonArray { Count: 0 });
        if (root["thinking"] is JsonObject thinking && TextOf(thinking, "type") == "enabled" && LacksThinking(messages))
        {
            // With thinking on, the turn that called a tool has to begin with some.
            root["thinking"] = new JsonObject { ["type"] = "disabled" };
        }

        return TryRead(Encoding.UTF8.GetBytes(root.ToJsonString()), IsFree, out var without, out var error)
            ? without
            : throw new InvalidOperationException($"The request cannot be read without thinking that it can be sent without: {error.Message}");
    }

    private static bool IsForeign(JsonNode? block) =>
        block is JsonObject own && (TextOf(own, "type") switch
        {
            "thinking" => TextOf(own, "signature"),
            "redacted_thinking" => TextOf(own, "data"),
            _ => null,
        }) is { } signature && Signature.Read(signature, WireFormats.Messages).Format != WireFormats.Messages;

    /// <summary>Whether results of tools follow on a turn that begins with no thinking.</summary>
    private static bool LacksThinking(JsonArray messages) =>
        messages.OfType<JsonObject>().LastOrDefault(static message => TextOf(message, "role") == "assistant")?["content"] is JsonArray content
        && content.Any(static block => block is JsonObject own && TextOf(own, "type") == "tool_use")
        && !(content[0] is JsonObject first && TextOf(first, "type") is "thinking" or "redacted_thinking");

    private static string? TextOf(JsonObject owner, string name) => owner[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
