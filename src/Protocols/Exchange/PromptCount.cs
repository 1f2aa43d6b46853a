using System.Text.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.Exchange;

/// <summary>Counts what of a request's JSON may become text of the prompt.</summary>
internal struct PromptCount
{
    private TokenEstimate _text;
    private long _structureBytes;

    /// <summary>Bytes of all texts, escapes resolved.</summary>
    public readonly long TextBytes => _text.Bytes;

    /// <summary>Bytes of everything that was counted: no model makes more text tokens of it.</summary>
    public readonly long Bytes => _text.Bytes + _structureBytes;

    /// <summary>Tokens of all texts as a tokenizer would likely count them.</summary>
    public readonly long Tokens => _text.Tokens;

    /// <summary>Whether a text may say that something is cached for an hour, wherever it stands.</summary>
    public bool CachesForAnHour { get; private set; }

    /// <summary>
    /// Counts the value that the reader stands on, and leaves it on its last token. With structure its punctuation counts too: schemas are
    /// shown to the model as JSON, messages are not.
    /// </summary>
    public void Value(ref Utf8JsonReader reader, bool withStructure)
    {
        var depth = reader.CurrentDepth;
        do
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName: Name(reader, withStructure); break;
                case JsonTokenType.String: Text(reader.ValueSpan); break;
                default: Structure(reader.ValueSpan.Length); break;
            }

            Structure(withStructure ? 3 : 0);
        }
        while (!IsLast(reader, depth) && reader.Read());
    }

    /// <summary>Counts a member's name: without structure for the bound alone, since templates do not show a message's field names.</summary>
    public void Name(in Utf8JsonReader reader, bool withStructure)
    {
        if (withStructure)
        {
            Text(reader.ValueSpan);
        }
        else
        {
            Structure(reader.ValueSpan.Length);
        }
    }

    /// <summary>Counts a text.</summary>
    /// <param name="json">As it stands between its quotes.</param>
    public void Text(ReadOnlySpan<byte> json)
    {
        // What is escaped counts as well.
        CachesForAnHour |= json.SequenceEqual("1h"u8)
            || (json.Length is 7 or 12 && (json[0] == '1' || json.StartsWith("\\u0031"u8)) && json.Contains((byte)'\\'));
        _text.AddJson(json);
    }

    /// <summary>Counts bytes that are no text, for the bound alone.</summary>
    public void Structure(long bytes) => _structureBytes += bytes;

    /// <summary>Whether the reader stands on the last token of a value that began at this depth.</summary>
    public static bool IsLast(in Utf8JsonReader reader, int depth) =>
        reader.CurrentDepth == depth
        && reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray or JsonTokenType.PropertyName);
}
