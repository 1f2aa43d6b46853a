using System.Buffers;
using System.Text.Json;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>
/// Makes the chunks of a stream of a whole completion: one that says everything, and one that ends its choices. Their usage is the
/// completion's.
/// </summary>
public static class ChatChunks
{
    /// <summary>Writes the payload of one of the two.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="completion">The completion, valid JSON.</param>
    /// <param name="isEnd">The second.</param>
    public static void Write(IBufferWriter<byte> writer, ReadOnlySpan<byte> completion, bool isEnd)
    {
        var reader = new Utf8JsonReader(completion);
        var written = 0;
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isKind = reader.ValueTextEquals("object"u8);
            var isChoices = reader.ValueTextEquals("choices"u8);
            reader.Read();
            if (isKind)
            {
                writer.Write(completion[written..(int)reader.TokenStartIndex]);
                writer.Write("\"chat.completion.chunk\""u8);
                reader.Skip();
                written = (int)reader.BytesConsumed;
            }
            else if (isChoices && reader.TokenType == JsonTokenType.StartArray)
            {
                writer.Write(completion[written..(int)reader.BytesConsumed]);
                WriteChoices(writer, completion, ref reader, isEnd);
                written = (int)reader.TokenStartIndex;
            }
            else
            {
                reader.Skip();
            }
        }

        writer.Write(completion[written..]);
    }

    private static void WriteChoices(IBufferWriter<byte> writer, ReadOnlySpan<byte> completion, ref Utf8JsonReader reader, bool isEnd)
    {
        var separator = ""u8;
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            writer.Write(separator);
            writer.Write(isEnd ? "{\"delta\":{}"u8 : "{\"finish_reason\":null"u8);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isEnding = reader.ValueTextEquals("finish_reason"u8);
                var isKept = isEnd ? isEnding || reader.ValueTextEquals("index"u8) : !isEnding;
                var isMessage = reader.ValueTextEquals("message"u8);
                var start = (int)reader.TokenStartIndex;
                reader.Read();
                var valueStart = (int)reader.TokenStartIndex;
                reader.Skip();
                if (isKept)
                {
                    writer.Write(isMessage ? ",\"delta\":"u8 : ","u8);
                    writer.Write(completion[(isMessage ? valueStart : start)..(int)reader.BytesConsumed]);
                }
            }

            writer.Write("}"u8);
            separator = ","u8;
        }
    }
}
