using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.Gemini;

public sealed partial class GeminiRequest
{
    private static readonly string[] SignatureNames = ["thoughtSignature", "thought_signature"];

    /// <summary>Whether it brings back signatures of another provider: what <see cref="GeminiSignatures.Write"/> makes of them begins like that.</summary>
    public bool HasForeignSignatures => Body.Span.IndexOf("\"b2cxL"u8) >= 0 || Body.Span.IndexOf("\"aGlkZGVuLm9nMS"u8) >= 0;

    /// <summary>
    /// The request without signatures, or without those of another provider: nobody else takes them. Where nothing would be left of it, it is as it was: its
    /// provider refuses it.
    /// </summary>
    /// <param name="fills">Whether a call that loses its own asks not to be checked.</param>
    /// <param name="onlyForeign">Whether those of Gemini stay. Else every call has lost its own.</param>
    public GeminiRequest WithoutSignatures(bool fills, bool onlyForeign)
    {
        var body = JsonMembers.WithItems(Body, "contents", content =>
        {
            var left = JsonMembers.WithItems(content, "parts", part => Without(part, fills, onlyForeign));
            return left.Length < content.Length && JsonMembers.IsEmptyList(JsonMembers.Value(left, "parts")) ? default : left;
        });
        return TryRead(body, Model, Method, Stream, out var without, out _) ? without : this;
    }

    /// <summary>A part without such a signature; nothing if that was all it had.</summary>
    private static ReadOnlyMemory<byte> Without(ReadOnlyMemory<byte> part, bool fills, bool onlyForeign)
    {
        var isCall = !JsonMembers.Value(part, "functionCall").IsEmpty || !JsonMembers.Value(part, "function_call").IsEmpty;
        foreach (var name in SignatureNames)
        {
            if (JsonMembers.Text(part, name) is { } text && !(onlyForeign && GeminiSignatures.Read(text, out _).Format == WireFormats.Gemini))
            {
                if (fills && isCall)
                {
                    return JsonMembers.With(part, name, JsonBytes.Quote(GeminiSignatures.None));
                }

                var left = JsonMembers.Without(part, member => member == name);
                return IsEmpty(left) ? default : left;
            }
        }

        return fills && isCall && !onlyForeign
            ? (byte[])[.. "{\"thoughtSignature\":"u8, .. JsonBytes.Quote(GeminiSignatures.None), (byte)',', .. part.Span[1..]]
            : part;
    }

    /// <summary>Whether nothing is left that a model could be told.</summary>
    private static bool IsEmpty(ReadOnlyMemory<byte> part)
    {
        var reader = new Utf8JsonReader(part.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (isThought, isText) = (reader.IsText("thought"), reader.IsText("text"));
            reader.Read();
            if (!isThought && !(isText && reader.TokenType == JsonTokenType.String && reader.ValueSpan.IsEmpty))
            {
                return false;
            }

            reader.Skip();
        }

        return true;
    }
}
