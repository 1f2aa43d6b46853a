using System.Text.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>
/// Reads the <c>usage</c> object of OpenAI's Chat Completions and Responses, and of the providers that speak it: DeepSeek, Zhipu GLM,
/// Alibaba DashScope, Moonshot.
/// </summary>
/// <remarks>
/// Cached, written, audio and picture tokens are subsets of <c>prompt_tokens</c>; reasoning, audio and picture tokens
/// of <c>completion_tokens</c>. Providers have several names for one number: the largest counts, they are never added.
/// </remarks>
public static class OpenAIUsage
{
    /// <summary>Reads a usage object.</summary>
    /// <param name="json">The object, from brace to brace.</param>
    /// <param name="usage">The tokens, when true is returned.</param>
    /// <returns>False when the object lacks the totals or has something other than whole numbers from 0 for them.</returns>
    public static bool TryRead(ReadOnlySpan<byte> json, out TokenUsage usage)
    {
        var reader = new Utf8JsonReader(json);
        usage = default;
        try
        {
            return reader.Read() && TryRead(ref reader, out usage);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>Reads the value that the reader stands on, to its end.</summary>
    internal static bool TryRead(ref Utf8JsonReader reader, out TokenUsage usage)
    {
        usage = default;
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return false;
        }

        var counts = default(Counts);
        counts.ReadObject(ref reader, Part.Usage);
        return counts.TryNormalise(out usage);
    }

    private enum Part
    {
        Usage,
        Prompt,
        Completion,
        CacheCreation,
        Tools,
        Search,
    }

    /// <summary>The numbers as the provider wrote them.</summary>
    private struct Counts
    {
        private long? _prompt;
        private long? _completion;
        private long? _total;
        private long _read;
        private long _written;
        private long _written5m;
        private long _written1h;
        private long _audioIn;
        private long _imageIn;
        private long _reasoning;
        private long _audioOut;
        private long _imageOut;
        private long? _searches;
        private bool _malformed;
        private bool _inconsistent;
        private bool _isDisputed;

        public void ReadObject(ref Utf8JsonReader reader, Part part)
        {
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.ValueSpan;
                reader.Read();
                if (reader.TokenType == JsonTokenType.StartObject)
                {
                    ReadDetails(ref reader, part, name);
                }
                else if (reader.TokenType == JsonTokenType.StartArray && name.SequenceEqual("x_details"u8))
                {
                    ReadEach(ref reader);
                }
                else
                {
                    ReadNumber(ref reader, part, name);
                    reader.Skip();
                }
            }
        }

        /// <summary>DashScope's parts of a usage: only what they tell of tools is not in the whole as well.</summary>
        private void ReadEach(ref Utf8JsonReader reader)
        {
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (reader.TokenType == JsonTokenType.StartObject)
                {
                    ReadObject(ref reader, Part.Tools);
                }
                else
                {
                    reader.Skip();
                }
            }
        }

        private void ReadDetails(ref Utf8JsonReader reader, Part part, ReadOnlySpan<byte> name)
        {
            if (part == Part.Usage && (name.SequenceEqual("prompt_tokens_details"u8) || name.SequenceEqual("input_tokens_details"u8)))
            {
                ReadObject(ref reader, Part.Prompt);
            }
            else if (part == Part.Usage && (name.SequenceEqual("completion_tokens_details"u8) || name.SequenceEqual("output_tokens_details"u8)))
            {
                ReadObject(ref reader, Part.Completion);
            }
            else if (part is Part.Usage or Part.Prompt && name.SequenceEqual("cache_creation"u8))
            {
                ReadObject(ref reader, Part.CacheCreation);
            }
            else if (part is Part.Usage or Part.Tools && (name.SequenceEqual("plugins"u8) || name.SequenceEqual("x_tools"u8)
                || name.SequenceEqual("server_tool_use"u8) || name.SequenceEqual("server_tool_use_details"u8)))
            {
                ReadObject(ref reader, Part.Tools);
            }
            else if (part == Part.Tools && (name.SequenceEqual("search"u8) || name.SequenceEqual("web_search"u8)))
            {
                ReadObject(ref reader, Part.Search);
            }
            else
            {
                reader.Skip();
            }
        }

        private void ReadNumber(ref Utf8JsonReader reader, Part part, ReadOnlySpan<byte> name)
        {
            switch (part)
            {
                case Part.Usage when name.SequenceEqual("prompt_tokens"u8) || name.SequenceEqual("input_tokens"u8): Total(ref _prompt, ref reader); break;
                case Part.Usage when name.SequenceEqual("completion_tokens"u8) || name.SequenceEqual("output_tokens"u8): Total(ref _completion, ref reader); break;
                case Part.Usage when name.SequenceEqual("total_tokens"u8): ReadTotal(ref reader); break;
                case Part.Usage when name.SequenceEqual("prompt_cache_hit_tokens"u8) || name.SequenceEqual("cache_read_input_tokens"u8):
                case Part.Usage or Part.Prompt when name.SequenceEqual("cached_tokens"u8):
                    Largest(ref _read, ref reader);
                    break;
                case Part.Usage or Part.Prompt
                    when name.SequenceEqual("cache_creation_input_tokens"u8) || name.SequenceEqual("cache_write_tokens"u8):
                    Largest(ref _written, ref reader);
                    break;
                case Part.CacheCreation when name.SequenceEqual("ephemeral_5m_input_tokens"u8): Largest(ref _written5m, ref reader); break;
                case Part.CacheCreation when name.SequenceEqual("ephemeral_1h_input_tokens"u8): Largest(ref _written1h, ref reader); break;
                case Part.Prompt when name.SequenceEqual("audio_tokens"u8): Largest(ref _audioIn, ref reader); break;
                case Part.Prompt when name.SequenceEqual("image_tokens"u8): Largest(ref _imageIn, ref reader); break;
                case Part.Completion or Part.Usage when name.SequenceEqual("reasoning_tokens"u8): Largest(ref _reasoning, ref reader); break;
                case Part.Completion when name.SequenceEqual("audio_tokens"u8): Largest(ref _audioOut, ref reader); break;
                case Part.Completion when name.SequenceEqual("image_tokens"u8): Largest(ref _imageOut, ref reader); break;
                case Part.Search when name.SequenceEqual("count"u8):
                case Part.Tools when name.SequenceEqual("web_search_requests"u8):
                    var searches = _searches ?? 0;
                    Largest(ref searches, ref reader);
                    _searches = searches;
                    break;
                default: break;
            }
        }

        /// <summary>Reads a total: where it has two names, or one twice, the larger counts.</summary>
        private void Total(ref long? total, ref Utf8JsonReader reader)
        {
            if (reader.TokenType == JsonTokenType.Null)
            {
                return;
            }

            _malformed |= !TryGetWhole(ref reader, out var value) || value < 0;

            // Relays that write the names of both protocols leave one at zero.
            _isDisputed |= total > 0 && value > 0 && total != value;
            total = Math.Max(total ?? 0, value);
        }

        private void ReadTotal(ref Utf8JsonReader reader)
        {
            if (reader.TokenType != JsonTokenType.Null)
            {
                _malformed |= !TryGetWhole(ref reader, out var value);
                _total = NotNegative(value);
            }
        }

        private void Largest(ref long part, ref Utf8JsonReader reader)
        {
            if (TryGetWhole(ref reader, out var value))
            {
                part = Math.Max(part, NotNegative(value));
            }
            else
            {
                _inconsistent |= reader.TokenType != JsonTokenType.Null;
            }
        }

        private long NotNegative(long value)
        {
            _inconsistent |= value < 0;
            return Math.Max(0, value);
        }

        public bool TryNormalise(out TokenUsage usage)
        {
            usage = default;
            if (_malformed
                || (_prompt ?? (_total - _completion)) is not (>= 0 and var input)
                || (_completion ?? (_total - _prompt)) is not (>= 0 and var output))
            {
                return false;
            }

            var hiddenReasoning = HiddenReasoning(input, output);

            var inputLeft = input;
            var read = Take(ref inputLeft, _read);
            var written1h = Take(ref inputLeft, _written1h);
            var written5m = Take(ref inputLeft, Math.Max(_written5m, _written - written1h));
            var audioIn = Take(ref inputLeft, _audioIn);
            var imageIn = Take(ref inputLeft, _imageIn);

            var outputLeft = output;
            var reasoning = hiddenReasoning > 0 ? hiddenReasoning : Take(ref outputLeft, _reasoning);
            var audioOut = Take(ref outputLeft, _audioOut);
            var imageOut = Take(ref outputLeft, _imageOut);
            usage = new TokenUsage
            {
                UncachedInput = inputLeft,
                CacheRead = read,
                CacheWrite5m = written5m,
                CacheWrite1h = written1h,
                AudioInput = audioIn,
                ImageInput = imageIn,
                Output = outputLeft,
                Reasoning = reasoning,
                AudioOutput = audioOut,
                ImageOutput = imageOut,
                Searches = _searches,
                IsEstimated = _isDisputed,
                IsInconsistent = _inconsistent || _isDisputed,
            };
            return true;
        }

        /// <summary>
        /// Some providers leave reasoning out of <c>completion_tokens</c> and only count it in <c>total_tokens</c>
        /// (xAI lists it, Gemini's OpenAI layer does not): it is billed all the same.
        /// </summary>
        private long HiddenReasoning(long input, long output)
        {
            var beyond = _total is null ? 0 : _total.Value - input - output;
            if (beyond <= 0)
            {
                _inconsistent |= beyond < 0;
                return 0;
            }

            _inconsistent |= beyond != _reasoning;
            return _reasoning == 0 || beyond == _reasoning ? beyond : 0;
        }

        /// <summary>Takes a part out of what its total has left; the total is trusted where the parts exceed it.</summary>
        private long Take(ref long left, long part)
        {
            var taken = Math.Clamp(part, 0, left);
            _inconsistent |= taken < part;
            left -= taken;
            return taken;
        }

        private static bool TryGetWhole(ref Utf8JsonReader reader, out long value)
        {
            value = 0;
            if (reader.TokenType != JsonTokenType.Number)
            {
                return false;
            }

            if (reader.TryGetInt64(out value))
            {
                return value <= MaxTokens;
            }

            // 12.0 and 1.2e1 are whole numbers too.
            var isWhole = reader.TryGetDouble(out var number) && Math.Abs(number) <= MaxTokens && number == Math.Floor(number);
            value = isWhole ? (long)number : 0;
            return isWhole;
        }

        // Far beyond any context window, and small enough for sums and prices.
        private const long MaxTokens = 1_000_000_000_000;
    }
}
