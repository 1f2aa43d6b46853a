using System.Text.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>What output tokens are where nothing says so.</summary>
public enum OutputKind
{
    /// <summary>Text.</summary>
    Text,

    /// <summary>Sound.</summary>
    Audio,

    /// <summary>Pictures.</summary>
    Image,
}

/// <summary>
/// Reads the <c>usage</c> objects of OpenAI's endpoints beside Chat Completions: tokens under either pair of names, seconds, and a rerank's
/// search units.
/// </summary>
internal struct EndpointUsage
{
    /// <summary>Far beyond any window, and small enough for sums and prices.</summary>
    private const long MaxTokens = 1_000_000_000_000;

    private long? _input;
    private long? _output;
    private long? _total;
    private long _cached;
    private long _audioIn;
    private long _imageIn;
    private long _textOut;
    private long _audioOut;
    private long _imageOut;
    private long _reasoning;
    private double? _seconds;
    private long? _searches;
    private bool _inconsistent;

    /// <summary>Reads an object that the reader stands on, to its end; what was read before stays.</summary>
    public void Read(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.ValueSpan;
            reader.Read();
            if (reader.TokenType == JsonTokenType.StartObject)
            {
                if (name.SequenceEqual("billed_units"u8) || name.SequenceEqual("tokens"u8))
                {
                    Read(ref reader);
                }
                else if (name.IndexOf("_token"u8) > 0 && name.EndsWith("_details"u8))
                {
                    ReadDetails(ref reader, isInput: name.StartsWith("input"u8) || name.StartsWith("prompt"u8));
                }
                else
                {
                    reader.Skip();
                }
            }
            else if (name.SequenceEqual("input_tokens"u8) || name.SequenceEqual("prompt_tokens"u8))
            {
                _input = Whole(ref reader) ?? _input;
            }
            else if (name.SequenceEqual("output_tokens"u8) || name.SequenceEqual("completion_tokens"u8))
            {
                _output = Whole(ref reader) ?? _output;
            }
            else if (name.SequenceEqual("total_tokens"u8))
            {
                _total = Whole(ref reader) ?? _total;
            }
            else if (name.SequenceEqual("search_units"u8))
            {
                _searches = Whole(ref reader) ?? _searches;
            }
            else if (name.SequenceEqual("seconds"u8))
            {
                _seconds = reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out var seconds) && seconds is >= 0 and <= MediaLength.MaxSeconds
                    ? seconds
                    : _seconds;
            }
            else
            {
                reader.Skip();
            }
        }
    }

    /// <summary>What it says; null when it says nothing.</summary>
    /// <param name="kind">What the output is where nothing says so.</param>
    public readonly TokenUsage? ToUsage(OutputKind kind)
    {
        if (_input is null && _output is null && _total is null && _seconds is null && _searches is null)
        {
            return null;
        }

        var output = _output ?? 0;
        var input = _input ?? Math.Max(0, (_total ?? 0) - output);
        var isInconsistent = _inconsistent;
        var (inputLeft, outputLeft) = (input, output);
        var cached = Take(ref inputLeft, _cached);
        var audioIn = Take(ref inputLeft, _audioIn);
        var imageIn = Take(ref inputLeft, _imageIn);
        var reasoning = Take(ref outputLeft, _reasoning);
        var audioOut = Take(ref outputLeft, _audioOut);
        var imageOut = Take(ref outputLeft, _imageOut);
        var textOut = kind == OutputKind.Text ? outputLeft : Take(ref outputLeft, _textOut);
        var rest = kind == OutputKind.Text ? 0 : outputLeft;
        return new TokenUsage
        {
            UncachedInput = inputLeft,
            CacheRead = cached,
            AudioInput = audioIn,
            ImageInput = imageIn,
            Output = textOut,
            Reasoning = reasoning,
            AudioOutput = audioOut + (kind == OutputKind.Audio ? rest : 0),
            ImageOutput = imageOut + (kind == OutputKind.Image ? rest : 0),
            Seconds = (long)Math.Ceiling(_seconds ?? 0),
            Searches = _searches,
            IsInconsistent = isInconsistent,
        };

        long Take(ref long left, long part)
        {
            var taken = Math.Clamp(part, 0, left);
            isInconsistent |= taken < part;
            left -= taken;
            return taken;
        }
    }

    private void ReadDetails(ref Utf8JsonReader reader, bool isInput)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.ValueSpan;
            reader.Read();
            var count = reader.TokenType == JsonTokenType.Number ? Whole(ref reader) ?? 0 : 0;
            if (name.SequenceEqual("cached_tokens"u8))
            {
                _cached = count;
            }
            else if (name.SequenceEqual("audio_tokens"u8))
            {
                (_audioIn, _audioOut) = isInput ? (count, _audioOut) : (_audioIn, count);
            }
            else if (name.SequenceEqual("image_tokens"u8))
            {
                (_imageIn, _imageOut) = isInput ? (count, _imageOut) : (_imageIn, count);
            }
            else if (name.SequenceEqual("text_tokens"u8) && !isInput)
            {
                _textOut = count;
            }
            else if (name.SequenceEqual("reasoning_tokens"u8) && !isInput)
            {
                _reasoning = count;
            }

            reader.Skip();
        }
    }

    private long? Whole(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out var number) && Math.Abs(number) <= MaxTokens && number == Math.Floor(number))
        {
            _inconsistent |= number < 0;
            return Math.Max(0, (long)number);
        }

        _inconsistent |= reader.TokenType is not (JsonTokenType.Null or JsonTokenType.Number);
        reader.Skip();
        return null;
    }
}
