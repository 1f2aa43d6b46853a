using System.Text;
using System.Text.Json.Nodes;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.Gemini;

public sealed partial class GeminiRequest
{
    /// <summary>Whether it brings back signatures of another provider: what <see cref="GeminiSignatures.Write"/> makes of them begins like that.</summary>
    public bool HasForeignSignatures => Body.Span.IndexOf("\"b2cxL"u8) >= 0 || Body.Span.IndexOf("\"aGlkZGVuLm9nMS"u8) >= 0;

    /// <summary>The request without signatures of another provider: nobody else takes them.</summary>
    /// <param name="fills">Whether a call that had one asks not to be checked.</param>
    public GeminiRequest WithoutForeignSignatures(bool fills)
    {
        var root = JsonNode.Parse(Body.Span)!.AsObject();
        foreach (var content in root["contents"] as JsonArray ?? [])
        {
            if ((content as JsonObject)?["parts"] is JsonArray parts)
            {
                parts.RemoveAll(part => part is JsonObject own && RemoveForeign(own, fills) && IsEmpty(own));
            }
        }

        (root["contents"] as JsonArray)?.RemoveAll(static content => (content as JsonObject)?["parts"] is JsonArray { Count: 0 });
        return TryRead(Encoding.UTF8.GetBytes(root.ToJsonString()), Model, Method, Stream, out var without, out var error)
            ? without
            : throw new InvalidOperationException($"The request cannot be read without signatures that it can be sent without: {error.Message}");
    }

    /// <returns>Whether there was one.</returns>
    private static bool RemoveForeign(JsonObject part, bool fills)
    {
        foreach (var name in (ReadOnlySpan<string>)["thoughtSignature", "thought_signature"])
        {
            if (part[name] is JsonValue value && value.TryGetValue<string>(out var text)
                && GeminiSignatures.Read(text, out _).Format != WireFormats.Gemini)
            {
                part.Remove(name);
                if (fills && (part.ContainsKey("functionCall") || part.ContainsKey("function_call")))
                {
                    part[name] = GeminiSignatures.None;
                }

                return true;
            }
        }

        return false;
    }

    /// <summary>Whether nothing is left that a model could be told.</summary>
    private static bool IsEmpty(JsonObject part) =>
        part.All(static member => member.Key == "thought" || (member.Key == "text" && member.Value is JsonValue text && text.TryGetValue<string>(out var said) && said.Length == 0));
}
