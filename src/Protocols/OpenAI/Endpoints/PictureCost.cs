using System.Globalization;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>What decides how many tokens pictures that are made count.</summary>
internal sealed class PictureCost
{
    public const int MaxPictures = 128;
    public const int MaxPartial = 3;
    private const int PartialTokens = 100;
    private const int MaxFrames = 16;

    /// <summary>The largest picture that any model makes, pixels a side.</summary>
    private const int LargestSide = 2880;

    private const long LargestArea = (long)LargestSide * LargestSide;

    /// <summary>What the fields of images have to do with the cost; both endpoints have them.</summary>
    public static IEnumerable<RequestField> Fields { get; } =
    [
        new("model", FieldHandling.Bounds, "chooses the price; the channel's own name for it goes on"),
        new("prompt", FieldHandling.Bounds, "input"),
        new("negative_prompt", FieldHandling.Bounds, "input"),
        new("n", FieldHandling.Bounds, "multiplies the pictures; at most the model's `max_n`"),
        new("size", FieldHandling.Bounds, "tokens of a picture, by OpenAI's formula; without one, or `auto`, the largest"),
        new("quality", FieldHandling.Bounds, "likewise; without one, or `auto`, the highest"),
        new("partial_images", FieldHandling.Bounds, "100 tokens of output each"),
        new("stream", FieldHandling.Bounds, "held for all that it can cost; what breaks off costs its bound"),
        new("output_format", FieldHandling.Bounds, "`gif` has up to 16 frames; `svg` is refused, since its usage is told elsewhere"),
        new("frame_count", FieldHandling.Bounds, "a picture each"),
        JsonRequest.TierRefused,
        .. RequestFields.Passed(
            "nothing", "background", "moderation", "output_compression", "response_format", "style", "user", "seed", "watermark",
            "guidance_scale", "complexity", "aspect_ratio"),
    ];

    /// <summary>How many pictures are asked for.</summary>
    public int Pictures { get; set; } = 1;

    public string? Size { get; set; }

    public string? Quality { get; set; }

    public int Partial { get; set; }

    public int? Frames { get; set; }

    public bool IsGif { get; set; }

    /// <summary>The most output tokens of one picture.</summary>
    public long TokensMost
    {
        get
        {
            var (width, height) = SizeOf(Size);
            var frames = IsGif ? Frames ?? MaxFrames : 1;
            return (Math.Max(TokensOf(Quality, width, height), OlderTokensOf(Quality, width, height)) * frames) + ((long)Partial * PartialTokens);
        }
    }

    /// <summary>What the answer used.</summary>
    public TokenUsage Used(in AnswerCounts counts, long estimatedInputTokens) => counts.Reported is { TotalInput: > 0 } or { TotalOutput: > 0 }
        ? counts.Reported.Value with { Images = counts.Items }
        : new TokenUsage
        {
            UncachedInput = estimatedInputTokens,
            ImageOutput = counts.Items * TokensMost,
            Images = counts.Items,
            IsEstimated = true,
            IsInconsistent = counts.Reported is not null,
        };

    /// <summary>OpenAI's own calculation.</summary>
    public static long TokensOf(string? quality, long width, long height)
    {
        var side = quality switch { "low" => 16, "medium" => 48, _ => 96 };
        var other = (long)Math.Round((decimal)side * Math.Min(width, height) / Math.Max(width, height), MidpointRounding.ToEven);
        return ((side * other * (2_000_000 + (width * height))) + 3_999_999) / 4_000_000;
    }

    /// <summary>What the first models that are charged by tokens count.</summary>
    private static long OlderTokensOf(string? quality, long width, long height) => (quality, width == height) switch
    {
        ("low", true) => 272,
        ("low", false) => 408,
        ("medium", true) => 1056,
        ("medium", false) => 1584,
        (_, true) => 4160,
        _ => 6240,
    };

    /// <summary>What cannot be read, or is larger than any, is the largest.</summary>
    private static (long Width, long Height) SizeOf(string? size)
    {
        var cross = size?.IndexOf('x', StringComparison.Ordinal) ?? -1;
        return cross > 0
            && int.TryParse(size.AsSpan(0, cross), NumberStyles.None, CultureInfo.InvariantCulture, out var width) && width > 0
            && int.TryParse(size.AsSpan(cross + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var height) && height > 0
            && (long)width * height <= LargestArea
            ? (width, height)
            : (LargestSide, LargestSide);
    }
}
