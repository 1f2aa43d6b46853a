using System.Text.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Realtime;

/// <summary>
/// Reads the <c>usage</c> of a Realtime response or of a transcription: tokens by kind, of which cached ones are a part of each kind of
/// input, or the seconds that were heard.
/// </summary>
internal ref struct RealtimeUsage
{
    private long? _input;
    private long? _output;
    private double? _seconds;
    private Kinds _in;
    private Kinds _cached;
    private Kinds _out;
    private bool _isInconsistent;

    /// <summary>Reads the value that the reader stands on, to its end; null where it says nothing.</summary>
    public static TokenUsage? Read(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return null;
        }

        var usage = default(RealtimeUsage);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            usage.ReadMember(ref reader);
        }

        return usage._input is null && usage._output is null && usage._seconds is null ? null : usage.ToUsage();
    }

    private void ReadMember(ref Utf8JsonReader reader)
    {
        if (reader.ValueTextEquals("input_tokens"u8))
        {
            _input = Number(ref reader);
        }
        else if (reader.ValueTextEquals("output_tokens"u8))
        {
            _output = Number(ref reader);
        }
        else if (reader.ValueTextEquals("input_token_details"u8))
        {
            ReadKinds(ref reader, ref _in, isInput: true);
        }
        else if (reader.ValueTextEquals("output_token_details"u8))
        {
            ReadKinds(ref reader, ref _out, isInput: false);
        }
        else if (reader.ValueTextEquals("seconds"u8))
        {
            reader.Read();
            _seconds = reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out var seconds) && seconds is >= 0 and <= int.MaxValue ? seconds : null;
            reader.Skip();
        }
        else
        {
            reader.Read();
            reader.Skip();
        }
    }

    private void ReadKinds(ref Utf8JsonReader reader, ref Kinds kinds, bool isInput)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("text_tokens"u8))
            {
                kinds.Text = Number(ref reader) ?? 0;
            }
            else if (reader.ValueTextEquals("audio_tokens"u8))
            {
                kinds.Audio = Number(ref reader) ?? 0;
            }
            else if (reader.ValueTextEquals("image_tokens"u8))
            {
                kinds.Image = Number(ref reader) ?? 0;
            }
            else if (reader.ValueTextEquals("reasoning_tokens"u8))
            {
                kinds.Reasoning = Number(ref reader) ?? 0;
            }
            else if (isInput && reader.ValueTextEquals("cached_tokens"u8))
            {
                _cached.All = Number(ref reader) ?? 0;
            }
            else if (isInput && reader.ValueTextEquals("cached_tokens_details"u8))
            {
                ReadKinds(ref reader, ref _cached, isInput: false);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }
    }

    /// <summary>The kinds apart from each other: what contradicts itself is put right towards the totals.</summary>
    private TokenUsage ToUsage()
    {
        var (input, output) = (_input ?? 0, _output ?? 0);
        var audio = Take(ref input, _in.Audio);
        var image = Take(ref input, _in.Image);

        // Of what is said to be cached and not of which kind, the rest is text.
        var cachedAudio = Take(ref audio, _cached.Audio);
        var cachedImage = Take(ref image, _cached.Image);
        var cachedText = Take(ref input, Math.Max(_cached.Text, _cached.All - cachedAudio - cachedImage));
        var audioOutput = Take(ref output, _out.Audio);
        var reasoning = Take(ref output, _out.Reasoning);
        return new TokenUsage
        {
            UncachedInput = input,
            CacheRead = cachedText,
            CacheReadAudio = cachedAudio,
            CacheReadImage = cachedImage,
            AudioInput = audio,
            ImageInput = image,
            Output = output,
            Reasoning = reasoning,
            AudioOutput = audioOutput,
            Seconds = (long)Math.Ceiling(_seconds ?? 0),
            Searches = 0,
            IsInconsistent = _isInconsistent,
        };
    }

    private long Take(ref long left, long part)
    {
        var taken = Math.Clamp(part, 0, left);
        _isInconsistent |= taken < part;
        left -= taken;
        return taken;
    }

    private long? Number(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var number))
        {
            _isInconsistent |= number < 0;
            return Math.Max(0, number);
        }

        _isInconsistent |= reader.TokenType != JsonTokenType.Null;
        reader.Skip();
        return null;
    }

    private struct Kinds
    {
        public long All;
        public long Text;
        public long Audio;
        public long Image;
        public long Reasoning;
    }
}
