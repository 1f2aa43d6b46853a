using System.Text.Json;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.Anthropic;

public sealed partial class MessagesRequest
{
    /// <summary>Whether it brings back thinking that another provider has signed.</summary>
    public bool HasForeignThinking => Body.Span.IndexOf("\"og1."u8) >= 0;

    /// <summary>
    /// The request without thinking that another provider has signed: nobody else takes it. Where nothing would be left of it, it is as it was: its
    /// provider refuses it.
    /// </summary>
    public MessagesRequest WithoutForeignThinking() =>
        WithoutThinking(static block => SignatureOf(block) is { } signature && Signature.Read(signature, WireFormats.Messages).Format != WireFormats.Messages);

    /// <summary>The request without any thinking that is signed; null where it has none.</summary>
    public MessagesRequest? WithoutSignedThinking()
    {
        var without = WithoutThinking(static block => SignatureOf(block) is not null);
        return without.Body.Length < Body.Length ? without : null;
    }

    private MessagesRequest WithoutThinking(Predicate<ReadOnlyMemory<byte>> isLeftOut)
    {
        ReadOnlyMemory<byte> last = default;
        var body = JsonMembers.WithItems(Body, "messages", message =>
        {
            var left = JsonMembers.WithItems(message, "content", block => isLeftOut(block) ? default : block);
            if (left.Length < message.Length && JsonMembers.IsEmptyList(JsonMembers.Value(left, "content")))
            {
                return default;
            }

            last = JsonMembers.Text(left, "role") == "assistant" ? left : last;
            return left;
        });
        if (JsonMembers.Text(JsonMembers.Value(body, "thinking"), "type") == "enabled" && LacksThinking(JsonMembers.Value(last, "content")))
        {
            // With thinking on, the turn that called a tool has to begin with some.
            body = JsonMembers.With(body, "thinking", """{"type":"disabled"}"""u8);
        }

        return TryRead(body, IsFree, out var without, out _) ? without : this;
    }

    private static string? SignatureOf(ReadOnlyMemory<byte> block) =>
        JsonMembers.Text(block, "type") switch
        {
            "thinking" => JsonMembers.Text(block, "signature"),
            "redacted_thinking" => JsonMembers.Text(block, "data"),
            _ => null,
        };

    /// <summary>Whether the content of a turn calls a tool, but begins with no thinking.</summary>
    private static bool LacksThinking(ReadOnlyMemory<byte> content)
    {
        var (isFirst, thinks, calls) = (true, false, false);
        var reader = new Utf8JsonReader(content.Span);
        if (content.IsEmpty || !reader.Read() || reader.TokenType != JsonTokenType.StartArray)
        {
            return false;
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            var type = JsonMembers.Text(content[start..(int)reader.BytesConsumed], "type");
            thinks |= isFirst && type is "thinking" or "redacted_thinking";
            calls |= type == "tool_use";
            isFirst = false;
        }

        return calls && !thinks;
    }
}
