using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>A request to change pictures that come as files.</summary>
public sealed class ImageEditForm : FormRequest
{
    private readonly PictureCost _cost = new();
    private bool _hasPrompt;
    private bool _hasImage;

    /// <param name="body">Lives as long as this.</param>
    /// <param name="contentType">The request's <c>Content-Type</c>.</param>
    public ImageEditForm(ReadOnlyMemory<byte> body, string? contentType)
        : base(body, contentType, ImagesRequest.Table) => HasImageOutput = true;

    /// <inheritdoc/>
    public override string Format => "image-edits";

    /// <inheritdoc/>
    public override ChargedBy ChargedBy => ChargedBy.Pictures;

    /// <inheritdoc/>
    public override TokenUsage Used(in AnswerCounts counts, long estimatedInputTokens) => _cost.Used(counts, estimatedInputTokens);

    /// <inheritdoc/>
    protected override void ReadField(in FormPart part, ReadOnlyMemory<byte> content)
    {
        switch (part.Field)
        {
            case "prompt":
                Text(part, content.Span);
                CountInput(content.Span);
                _hasPrompt = true;
                break;
            case "n":
                _cost.Pictures = Number(part, content.Span, 1, PictureCost.MaxPictures) ?? 1;
                break;
            case "size":
                _cost.Size = Text(part, content.Span);
                break;
            case "quality":
                _cost.Quality = Text(part, content.Span);
                break;
            case "partial_images":
                _cost.Partial = Number(part, content.Span, 0, PictureCost.MaxPartial) ?? 0;
                break;
            case "stream":
                Stream = Flag(part, content.Span);
                break;
            case "output_format":
                _cost.IsGif = Text(part, content.Span) == "gif";
                if (content.Span.SequenceEqual("svg"u8))
                {
                    Fail("'output_format' svg is not available here: what it costs is told apart. Use png, webp or jpeg.", part.Field, "unsupported_value");
                }

                break;
            case "frame_count":
                _cost.Frames = Number(part, content.Span, 1, 16);
                break;
            case "image" or "images" or "mask" or "markup":
                ReadPicture(part, content.Span);
                break;
            case "negative_prompt":
                CountInput(content.Span);
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    protected override void CheckWhole()
    {
        if (!_hasImage)
        {
            Missing("image");
        }
        else if (!_hasPrompt)
        {
            Missing("prompt");
        }

        (Choices, Images, OutputTokensMost) = (_cost.Pictures, _cost.Pictures, _cost.TokensMost);
    }

    private void ReadPicture(in FormPart part, ReadOnlySpan<byte> content)
    {
        if (!part.IsFile)
        {
            Fail($"Invalid type for '{part.Field}': expected a file. Send it as a part of the form with a filename.", part.Field, "invalid_type");
            return;
        }

        var size = ImageSize.OfFile(content);
        if (content.IsEmpty || (!size.IsKnown && !part.MediaType.StartsWith("image/", StringComparison.Ordinal)))
        {
            Fail($"Invalid '{part.Field}': expected a picture, PNG, WebP or JPEG.", part.Field, "invalid_image_file");
            return;
        }

        AddImageSize(size);
        _hasImage |= part.Field is "image" or "images";
    }
}
