using System.Buffers;
using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>Reads answers that tell numbers, which are never streamed: <c>countTokens</c>, <c>embedContent</c>, <c>batchEmbedContents</c>.</summary>
public sealed class GeminiNumbersReader : IAnswerReader
{
    /// <inheritdoc/>
    public TokenUsage? Reported { get; private set; }

    /// <inheritdoc/>
    public string? ServiceTier => null;

    /// <inheritdoc/>
    public AnswerRead Read(in SseEvent sseEvent, IAnswerEvents events) => AnswerRead.Malformed;

    /// <inheritdoc/>
    public AnswerRead ReadWhole(ReadOnlySpan<byte> answer, IAnswerEvents events)
    {
        var read = Read(answer, out var usage);
        Reported = usage;
        return read;
    }

    /// <summary>Writes an answer that was read, without what its provider says it costs.</summary>
    public static void Write(IBufferWriter<byte> writer, ReadOnlySpan<byte> answer)
    {
        var reader = new Utf8JsonReader(answer);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isUsage = reader.IsText("usageMetadata");
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (isUsage && answer[start..(int)reader.BytesConsumed] is var usage && UsageCost.IsTold(usage))
            {
                writer.Write(answer[..start]);
                UsageCost.Write(writer, usage, null);
                writer.Write(answer[(int)reader.BytesConsumed..]);
                return;
            }
        }

        writer.Write(answer);
    }

    /// <summary>Reads an answer.</summary>
    /// <param name="usage">Where it is told.</param>
    public static AnswerRead Read(ReadOnlySpan<byte> answer, out TokenUsage? usage)
    {
        usage = null;
        var reader = new Utf8JsonReader(answer);
        var hasNumbers = false;
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return AnswerRead.Malformed;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isUsage = reader.ValueTextEquals("usageMetadata"u8);
                var isError = reader.ValueTextEquals("error"u8);
                hasNumbers |= reader.ValueTextEquals("totalTokens"u8) || reader.ValueTextEquals("embedding"u8) || reader.ValueTextEquals("embeddings"u8);
                reader.Read();
                if (isError && reader.TokenType != JsonTokenType.Null)
                {
                    return AnswerRead.Error;
                }

                if (isUsage)
                {
                    usage = GeminiUsage.Read(ref reader, out _, out _);
                }
                else
                {
                    reader.Skip();
                }
            }

            return hasNumbers && !reader.Read() ? AnswerRead.End : AnswerRead.Malformed;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return AnswerRead.Malformed;
        }
    }
}
