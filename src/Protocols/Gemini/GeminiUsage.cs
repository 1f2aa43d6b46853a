using System.Buffers;
using System.Text.Json;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>
/// Reads and writes <c>usageMetadata</c>. Cached tokens are a subset of <c>promptTokenCount</c>; what tools put into the prompt and what the
/// model thought are counted beside it and beside <c>candidatesTokenCount</c>. What is zero is left out.
/// </summary>
public static class GeminiUsage
{
    // Far beyond any context window, and small enough for sums and prices.
    private const long MaxTokens = 1_000_000_000_000;

    /// <summary>Reads the object.</summary>
    /// <param name="json">From brace to brace.</param>
    public static TokenUsage? Read(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        return reader.Read() ? Read(ref reader, out _, out _) : null;
    }

    /// <summary>Reads the value that the reader stands on, to its end.</summary>
    /// <param name="tellsOutput">Whether it tells of output at all.</param>
    /// <param name="tier">The tier of service, where it is told.</param>
    internal static TokenUsage? Read(ref Utf8JsonReader reader, out bool tellsOutput, out string? tier)
    {
        (tellsOutput, tier) = (false, null);
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return null;
        }

        var counts = default(Counts);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.ValueSpan;
            reader.Read();
            if (name.SequenceEqual("promptTokenCount"u8))
            {
                counts.Prompt = counts.Number(ref reader);
            }
            else if (name.SequenceEqual("cachedContentTokenCount"u8))
            {
                counts.Cached = counts.Number(ref reader);
            }
            else if (name.SequenceEqual("candidatesTokenCount"u8) || name.SequenceEqual("responseTokenCount"u8))
            {
                counts.Candidates = counts.Number(ref reader);
                tellsOutput = true;
            }
            else if (name.SequenceEqual("thoughtsTokenCount"u8))
            {
                counts.Thoughts = counts.Number(ref reader);
                tellsOutput = true;
            }
            else if (name.SequenceEqual("toolUsePromptTokenCount"u8))
            {
                counts.ToolUse = counts.Number(ref reader);
            }
            else if (name.SequenceEqual("totalTokenCount"u8))
            {
                counts.Total = counts.Number(ref reader);
            }
            else if (name.SequenceEqual("promptTokensDetails"u8) || name.SequenceEqual("toolUsePromptTokensDetails"u8))
            {
                counts.ReadDetails(ref reader, ref counts.AudioIn, ref counts.ImageIn, sign: 1);
            }
            else if (name.SequenceEqual("cacheTokensDetails"u8))
            {
                counts.ReadDetails(ref reader, ref counts.AudioIn, ref counts.ImageIn, sign: -1);
            }
            else if (name.SequenceEqual("candidatesTokensDetails"u8) || name.SequenceEqual("responseTokensDetails"u8))
            {
                counts.ReadDetails(ref reader, ref counts.AudioOut, ref counts.ImageOut, sign: 1);
            }
            else if (name.SequenceEqual("serviceTier"u8) && reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length is > 0 and <= 64)
            {
                tier = GeminiTiers.Name(reader.GetString()!);
            }
            else
            {
                reader.Skip();
            }
        }

        return counts.Normalise();
    }

    /// <summary>Writes the object.</summary>
    public static void Write(IBufferWriter<byte> writer, in TokenUsage usage)
    {
        using var json = new Utf8JsonWriter(writer, JsonBytes.WriterOptions);
        json.WriteStartObject();
        json.WriteNumber("promptTokenCount"u8, usage.TotalInput);
        json.WriteNumber("candidatesTokenCount"u8, usage.TotalOutput - usage.Reasoning);
        json.WriteNumber("totalTokenCount"u8, usage.TotalInput + usage.TotalOutput);
        if (usage.CacheRead > 0)
        {
            json.WriteNumber("cachedContentTokenCount"u8, usage.CacheRead);
        }

        if (usage.Reasoning > 0)
        {
            json.WriteNumber("thoughtsTokenCount"u8, usage.Reasoning);
        }

        WriteDetails(json, "promptTokensDetails", usage.TotalInput, usage.AudioInput, usage.ImageInput);
        WriteDetails(json, "candidatesTokensDetails", usage.TotalOutput - usage.Reasoning, usage.AudioOutput, usage.ImageOutput);
        json.WriteEndObject();
    }

    private static void WriteDetails(Utf8JsonWriter json, string name, long total, long audio, long image)
    {
        if (audio == 0 && image == 0)
        {
            return;
        }

        json.WriteStartArray(name);
        foreach (var (modality, count) in (ReadOnlySpan<(string, long)>)[("TEXT", total - audio - image), ("AUDIO", audio), ("IMAGE", image)])
        {
            if (count > 0)
            {
                json.WriteStartObject();
                json.WriteString("modality"u8, modality);
                json.WriteNumber("tokenCount"u8, count);
                json.WriteEndObject();
            }
        }

        json.WriteEndArray();
    }

    /// <summary>The numbers as the provider wrote them.</summary>
    private struct Counts
    {
        public long Prompt;
        public long Cached;
        public long Candidates;
        public long Thoughts;
        public long ToolUse;
        public long? Total;
        public long AudioIn;
        public long ImageIn;
        public long AudioOut;
        public long ImageOut;
        private bool _inconsistent;

        public long Number(ref Utf8JsonReader reader)
        {
            // 12.0 and 1.2e1 are whole numbers too.
            if (reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out var number) && number <= MaxTokens && number == Math.Floor(number))
            {
                _inconsistent |= number < 0;
                return (long)Math.Max(0, number);
            }

            _inconsistent |= reader.TokenType != JsonTokenType.Null;
            reader.Skip();
            return 0;
        }

        public void ReadDetails(ref Utf8JsonReader reader, ref long audio, ref long image, int sign)
        {
            if (reader.TokenType != JsonTokenType.StartArray)
            {
                reader.Skip();
                return;
            }

            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (reader.TokenType != JsonTokenType.StartObject)
                {
                    reader.Skip();
                    continue;
                }

                var (isAudio, isImage, count) = (false, false, 0L);
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    var isModality = reader.ValueTextEquals("modality"u8);
                    var isCount = reader.ValueTextEquals("tokenCount"u8);
                    reader.Read();
                    if (isModality && reader.TokenType == JsonTokenType.String)
                    {
                        isAudio = reader.ValueTextEquals("AUDIO"u8);
                        isImage = reader.ValueTextEquals("IMAGE"u8);
                    }
                    else if (isCount)
                    {
                        count = Number(ref reader);
                    }
                    else
                    {
                        reader.Skip();
                    }
                }

                audio += isAudio ? sign * count : 0;
                image += isImage ? sign * count : 0;
            }
        }

        public TokenUsage Normalise()
        {
            var input = Prompt + ToolUse;
            var beyond = Total - input - Candidates - Thoughts;

            // What nobody says of the total is what the model thought.
            var hidden = beyond > 0 && Thoughts == 0 ? beyond.Value : 0;
            _inconsistent |= Total > 0 && beyond != 0;
            var inputLeft = input;
            var read = Take(ref inputLeft, Cached);
            var audioIn = Take(ref inputLeft, Math.Max(0, AudioIn));
            var imageIn = Take(ref inputLeft, Math.Max(0, ImageIn));
            var outputLeft = Candidates;
            var audioOut = Take(ref outputLeft, AudioOut);
            var imageOut = Take(ref outputLeft, ImageOut);
            return new TokenUsage
            {
                UncachedInput = inputLeft,
                CacheRead = read,
                AudioInput = audioIn,
                ImageInput = imageIn,
                Output = outputLeft,
                Reasoning = Thoughts + hidden,
                AudioOutput = audioOut,
                ImageOutput = imageOut,
                IsInconsistent = _inconsistent,
            };
        }

        /// <summary>Takes a part out of what its total has left; the total is trusted where the parts exceed it.</summary>
        private long Take(ref long left, long part)
        {
            var taken = Math.Clamp(part, 0, left);
            _inconsistent |= taken < part;
            left -= taken;
            return taken;
        }
    }
}
