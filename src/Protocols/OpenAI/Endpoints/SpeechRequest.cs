using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>A request to speak a text.</summary>
public sealed class SpeechRequest : JsonRequest
{
    /// <summary>Tokens of a second of spoken sound.</summary>
    private const int TokensPerSecond = 20;

    /// <summary>No text takes longer to say: a digit or a sign may be a word.</summary>
    private const double SecondsPerCharacter = 0.5;

    private static readonly byte[] Events = "\"stream_format\":\"sse\","u8.ToArray();

    private double _speed = 1;
    private JsonMember _streamFormat;
    private string? _responseFormat;

    /// <summary>Its fields.</summary>
    public static RequestFields Table { get; } = new(
    [
        new("model", FieldHandling.Bounds, "chooses the price; the channel's own name for it goes on"),
        new("input", FieldHandling.Bounds, "characters; for models that are sold by tokens input, and output by the time that it takes to say it"),
        new("instructions", FieldHandling.Bounds, "input"),
        new("speed", FieldHandling.Bounds, "a slow voice makes more sound"),
        new("stream_format", FieldHandling.Bounds, "`sse` is a stream of events, which is held for all that it can cost, and of which what breaks off before it tells its usage costs 20 tokens a begun second of the sound that came; models that are sold by tokens are asked for it, unless there is an `Idempotency-Key`"),
        new("voice", FieldHandling.Bounds, "a name; one by its id belongs to the provider's account, and is refused"),
        TierRefused,
        .. RequestFields.Passed("nothing", "response_format", "sample_rate", "volume", "language", "lang_code", "gain"),
    ]);

    /// <param name="body">Lives as long as this.</param>
    public SpeechRequest(ReadOnlyMemory<byte> body)
        : base(body, Table) => HasAudioOutput = true;

    /// <inheritdoc/>
    public override string Format => "speech";

    /// <inheritdoc/>
    public override AnswerForm Form => AnswerForm.Sound;

    /// <summary>The media type of what is asked for, where the provider does not tell it.</summary>
    public string SoundType => _responseFormat switch
    {
        null or "mp3" => "audio/mpeg",
        "opus" => "audio/ogg",
        "aac" => "audio/aac",
        "flac" => "audio/flac",
        "wav" => "audio/wav",
        "pcm" => "audio/pcm",
        _ => "application/octet-stream",
    };

    /// <inheritdoc/>
    public override ChargedBy ChargedBy => ChargedBy.Speech;

    /// <inheritdoc/>
    public override TokenUsage Used(in AnswerCounts counts, long estimatedInputTokens)
    {
        var usage = counts.Reported is { TotalInput: > 0 } or { TotalOutput: > 0 }
            ? counts.Reported.Value
            : new TokenUsage { UncachedInput = estimatedInputTokens, AudioOutput = Math.Min(counts.BegunSeconds * TokensPerSecond, OutputTokensMost ?? 0), IsEstimated = true };
        return usage with { Characters = Characters };
    }

    /// <inheritdoc/>
    protected override void ReadField(string name, ref Utf8JsonReader reader)
    {
        switch (name)
        {
            case "input":
                Characters = ReadInput(name, ref reader)?.EnumerateRunes().Count() ?? 0;
                break;
            case "instructions":
                ReadInput(name, ref reader);
                break;
            case "voice" when reader.TokenType == JsonTokenType.StartObject:
                FailNotKept("'voice' must be a name: a voice by its id belongs to the provider's account.", name);
                break;
            case "voice":
                ReadText(name, ref reader);
                break;
            case "response_format":
                _responseFormat = ReadText(name, ref reader);
                break;
            case "speed" when reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out var speed) && speed is >= 0.25 and <= 4:
                _speed = speed;
                break;
            case "speed" when reader.TokenType != JsonTokenType.Null:
                Fail("Invalid 'speed': expected a number from 0.25 to 4.", name, "invalid_value");
                break;
            case "stream_format":
                ReadStreamFormat(name, ref reader);
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    protected override void CheckWhole()
    {
        if (Characters == 0)
        {
            Missing("input");
        }
        else if (!Has("voice"))
        {
            Missing("voice");
        }

        OutputTokensMost = (long)Math.Ceiling((((Characters * SecondsPerCharacter) + 5) / _speed) * TokensPerSecond);
    }

    private protected override void Splice(ref JsonSplices splices, in EndpointChanges changes)
    {
        if (!changes.WithSoundAsEvents || Stream)
        {
            return;
        }

        if (_streamFormat.IsPresent)
        {
            splices.ReplaceValue(_streamFormat, Events.AsMemory("\"stream_format\":"u8.Length..^1));
        }
        else
        {
            splices.Replace(RootStart, RootStart, Events);
        }
    }

    private void ReadStreamFormat(string name, ref Utf8JsonReader reader)
    {
        var format = ReadText(name, ref reader);
        _streamFormat = Member((int)reader.TokenStartIndex, reader);
        Stream = format == "sse";
        if (format is not (null or "sse" or "audio"))
        {
            Fail("Invalid 'stream_format': expected 'audio' or 'sse'.", name, "invalid_value");
        }
    }
}
