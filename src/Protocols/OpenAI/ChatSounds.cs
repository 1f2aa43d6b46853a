using System.Buffers;
using System.Text.Json;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>The ids of sound in an answer, which its provider keeps: each choice has its own.</summary>
public static class ChatSounds
{
    /// <summary>Writes a chunk or a whole completion with other ids.</summary>
    /// <param name="payload">May be anything.</param>
    /// <param name="idOf">What takes an id's place.</param>
    /// <param name="writer">Where to; untouched where there is no id.</param>
    /// <returns>Whether there was one.</returns>
    public static bool Replace(ReadOnlySpan<byte> payload, Func<string, string> idOf, IBufferWriter<byte> writer)
    {
        ArgumentNullException.ThrowIfNull(idOf);
        ArgumentNullException.ThrowIfNull(writer);
        try
        {
            return ReplaceIn(payload, idOf, writer);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Whoever reads it says what is wrong with it, and passes nothing on.
            return false;
        }
    }

    private static bool ReplaceIn(ReadOnlySpan<byte> payload, Func<string, string> idOf, IBufferWriter<byte> writer)
    {
        var reader = new Utf8JsonReader(payload);
        var (inChoices, inMessage, inAudio, isId, written) = (false, false, false, false, 0);
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.PropertyName)
            {
                switch (reader.CurrentDepth)
                {
                    case 1: inChoices = reader.ValueTextEquals("choices"u8); break;
                    case 3: inMessage = reader.ValueTextEquals("message"u8) || reader.ValueTextEquals("delta"u8); break;
                    case 4: inAudio = reader.ValueTextEquals("audio"u8); break;
                    case 5: isId = reader.ValueTextEquals("id"u8); break;
                    default: break;
                }
            }
            else if (reader.TokenType == JsonTokenType.String && reader.CurrentDepth == 5 && inChoices && inMessage && inAudio && isId)
            {
                writer.Write(payload[written..(int)reader.TokenStartIndex]);
                writer.Write(JsonBytes.Quote(idOf(reader.GetString()!)));
                written = (int)reader.BytesConsumed;
            }
        }

        if (written > 0)
        {
            writer.Write(payload[written..]);
        }

        return written > 0;
    }
}
