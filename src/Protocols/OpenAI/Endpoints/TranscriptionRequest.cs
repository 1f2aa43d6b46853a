using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>A request to write down what a file says, in its language or in English.</summary>
public sealed class TranscriptionRequest : FormRequest
{
    /// <summary>No model hears a second as more tokens.</summary>
    private const int TokensPerSecondMax = 32;

    /// <summary>What OpenAI's models hear a second as.</summary>
    private const int TokensPerSecond = 10;

    /// <summary>Nobody speaks faster: what a file's own header says cannot be less.</summary>
    private const int SpokenTokensPerSecondMax = 6;

    /// <summary>The endings that files of sound may have, as OpenAI names them in its errors.</summary>
    private static readonly string[] Endings = ["flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "opus", "wav", "webm", "aac"];

    private readonly bool _isTranslation;
    private bool _hasFile;
    private long _fileSeconds;
    private string _format = "json";

    /// <summary>Its fields.</summary>
    public static RequestFields Table { get; } = new(
    [
        new("model", FieldHandling.Bounds, "chooses the price; the channel's own name for it goes on"),
        new("file", FieldHandling.Bounds, "seconds, or tokens of sound: held by the longer of its own header and, of Ogg, MP4 and WebM, its bytes at 6 kb/s; charged as the provider reports, else by its header, else by its bytes"),
        new("prompt", FieldHandling.Bounds, "input"),
        new("known_speaker_references", FieldHandling.Bounds, "seconds as well"),
        new("stream", FieldHandling.Bounds, "a stream is held for the sound and a slice of its text at first"),
        new("response_format", FieldHandling.Bounds, "`text`, `srt` and `vtt` tell no usage: the file's own length is charged"),
        JsonRequest.TierRefused,
        .. RequestFields.Passed(
            "nothing", "language", "temperature", "timestamp_granularities", "include", "chunking_strategy", "known_speaker_names", "hotwords", "vad_filter",
            "user"),
    ]);

    /// <param name="body">Lives as long as this.</param>
    /// <param name="contentType">The request's <c>Content-Type</c>.</param>
    /// <param name="isTranslation">Whether it is to be written down in English.</param>
    public TranscriptionRequest(ReadOnlyMemory<byte> body, string? contentType, bool isTranslation)
        : base(body, contentType, Table) => _isTranslation = isTranslation;

    /// <inheritdoc/>
    public override string Format => _isTranslation ? "translations" : "transcriptions";

    /// <inheritdoc/>
    public override AnswerForm Form => _format is "text" or "srt" or "vtt" ? AnswerForm.Text : AnswerForm.Json;

    /// <inheritdoc/>
    public override ChargedBy ChargedBy => ChargedBy.Hearing;

    /// <inheritdoc/>
    public override TokenUsage Used(in AnswerCounts counts, long estimatedInputTokens)
    {
        var seconds = counts.Reported is { Seconds: > 0 } told ? told.Seconds : counts.Seconds > 0 ? counts.BegunSeconds : Math.Max(Math.Max(1, _fileSeconds), counts.TextTokens / SpokenTokensPerSecondMax);
        return counts.Reported is { TotalInput: > 0 } or { TotalOutput: > 0 }
            ? counts.Reported.Value with { Seconds = seconds }
            : new TokenUsage
            {
                UncachedInput = estimatedInputTokens,
                AudioInput = seconds * TokensPerSecond,
                Output = counts.TextTokens,
                Seconds = seconds,
                IsEstimated = counts.Reported is null,
            };
    }

    /// <inheritdoc/>
    protected override void ReadField(in FormPart part, ReadOnlyMemory<byte> content)
    {
        switch (part.Field)
        {
            case "file":
                ReadFile(part, content.Span);
                break;
            case "prompt":
                Text(part, content.Span);
                CountInput(content.Span);
                break;
            case "stream":
                Stream = Flag(part, content.Span);
                break;
            case "response_format":
                _format = Text(part, content.Span);
                break;
            case "known_speaker_references":
                Text(part, content.Span);
                Seconds += MediaLength.SecondsOf(content.Length);
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    protected override void CheckWhole()
    {
        if (!_hasFile)
        {
            Missing("file");
        }

        Seconds = Math.Max(1, Seconds);
        TextBytes += Seconds * TokensPerSecondMax;
    }

    private void ReadFile(in FormPart part, ReadOnlySpan<byte> content)
    {
        if (!part.IsFile)
        {
            Fail("Invalid type for 'file': expected a file. Send it as a part of the form with a filename.", "file", "invalid_type");
        }
        else if (_hasFile)
        {
            Fail("Duplicate parameter: 'file'.", "file", "duplicate_parameter");
        }
        else if (content.IsEmpty)
        {
            Fail("Invalid 'file': it is empty.", "file", "invalid_value");
        }
        else
        {
            var kind = MediaLength.KindOf(content);
            var ending = part.FileName!.LastIndexOf('.') is var dot and >= 0 ? part.FileName[(dot + 1)..].ToLowerInvariant() : "";
            if (kind == MediaKind.NoSound
                || (kind == MediaKind.Unknown && !Endings.Contains(ending)
                    && !part.MediaType.StartsWith("audio/", StringComparison.Ordinal) && !part.MediaType.StartsWith("video/", StringComparison.Ordinal)))
            {
                Fail($"Invalid file format. Supported formats: ['{string.Join("', '", Endings)}'].", "file", "invalid_value");
            }

            _hasFile = true;
            _fileSeconds = (long)Math.Ceiling(MediaLength.Of(content));
            Seconds += (long)Math.Ceiling(MediaLength.MostOf(content));
        }
    }
}
