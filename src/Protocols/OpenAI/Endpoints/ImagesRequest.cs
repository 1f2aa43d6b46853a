using System.Buffers.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>A request to make pictures, or to change some that stand in its JSON.</summary>
public sealed class ImagesRequest : JsonRequest
{
    private readonly bool _isEdit;
    private readonly PictureCost _cost = new();

    /// <summary>The fields of both.</summary>
    public static RequestFields Table { get; } = new(
    [
        .. PictureCost.Fields,
        new("images", FieldHandling.Bounds, "edits: input pictures by the model's `bounds`; files of the provider's account are refused"),
        new("image", FieldHandling.Bounds, "the same"),
        new("mask", FieldHandling.Bounds, "the same"),
        new("markup", FieldHandling.Bounds, "the same"),
        .. RequestFields.Passed("input that is reported", "input_fidelity"),
    ]);

    /// <param name="body">Lives as long as this.</param>
    /// <param name="isEdit">Whether it changes pictures.</param>
    public ImagesRequest(ReadOnlyMemory<byte> body, bool isEdit)
        : base(body, Table) => (_isEdit, HasImageOutput) = (isEdit, true);

    /// <inheritdoc/>
    public override string Format => _isEdit ? "image-edits" : "images";

    /// <inheritdoc/>
    public override ChargedBy ChargedBy => ChargedBy.Pictures;

    /// <inheritdoc/>
    public override TokenUsage Used(in AnswerCounts counts, long estimatedInputTokens) => _cost.Used(counts, estimatedInputTokens);

    /// <inheritdoc/>
    protected override void ReadField(string name, ref Utf8JsonReader reader)
    {
        switch (name)
        {
            case "prompt":
                ReadInput(name, ref reader);
                break;
            case "n":
                _cost.Pictures = ReadNumber(name, ref reader, 1, PictureCost.MaxPictures) ?? 1;
                break;
            case "size":
                _cost.Size = ReadText(name, ref reader);
                break;
            case "quality":
                _cost.Quality = ReadText(name, ref reader);
                break;
            case "partial_images":
                _cost.Partial = ReadNumber(name, ref reader, 0, PictureCost.MaxPartial) ?? 0;
                break;
            case "stream":
                Stream = ReadFlag(name, ref reader);
                break;
            case "output_format":
                ReadOutputFormat(name, ref reader);
                break;
            case "frame_count":
                _cost.Frames = ReadNumber(name, ref reader, 1, 16);
                break;
            case "image" or "images" or "mask" or "markup" when _isEdit:
                ReadPictures(name, ref reader);
                break;
            case "image" or "images" or "mask" or "markup" when reader.TokenType != JsonTokenType.Null:
                Fail($"'{name}' belongs to /v1/images/edits.", name, "unknown_parameter");
                break;
            case "negative_prompt":
                SkipInput(ref reader);
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    protected override void CheckWhole()
    {
        if (!Has("prompt"))
        {
            Missing("prompt");
        }
        else if (_isEdit && ImageCount == 0)
        {
            Missing("images");
        }

        (Choices, Images, OutputTokensMost) = (_cost.Pictures, _cost.Pictures, _cost.TokensMost);
    }

    private void ReadOutputFormat(string name, ref Utf8JsonReader reader)
    {
        var format = ReadText(name, ref reader);
        _cost.IsGif = format == "gif";
        if (format == "svg")
        {
            Fail("'output_format' svg is not available here: what it costs is told apart. Use png, webp or jpeg.", name, "unsupported_value");
        }
    }

    /// <summary>Reads a picture or several: a URL, or an object with one.</summary>
    private void ReadPictures(string name, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            ReadPicture(name, ref reader);
            return;
        }

        for (var i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray && !HasFailed; i++)
        {
            ReadPicture($"{name}[{i}]", ref reader);
        }
    }

    private void ReadPicture(string path, ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            TakeUrl(path, reader);
        }
        else if (reader.TokenType == JsonTokenType.StartObject)
        {
            ReadReference(path, ref reader);
        }
        else if (reader.TokenType != JsonTokenType.Null)
        {
            WrongType(path, "a picture's URL", reader);
        }
    }

    private void ReadReference(string path, ref Utf8JsonReader reader)
    {
        var hasUrl = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName && !HasFailed)
        {
            var name = reader.GetString();
            reader.Read();
            if (name == "file_id" && reader.TokenType != JsonTokenType.Null)
            {
                FailNotKept($"No such file: '{path}.file_id' names one of the provider's account. Send the picture itself, as a data URL in 'image_url'.", $"{path}.file_id");
                return;
            }

            if (name == "image_url" && reader.TokenType == JsonTokenType.String)
            {
                hasUrl = true;
                TakeUrl($"{path}.image_url", reader);
            }
            else if (name == "image_url" && reader.TokenType == JsonTokenType.StartObject)
            {
                // As in Chat Completions.
                ReadReference($"{path}.image_url", ref reader);
                hasUrl = true;
            }
            else if (name == "url" && reader.TokenType == JsonTokenType.String)
            {
                hasUrl = true;
                TakeUrl($"{path}.url", reader);
            }

            reader.Skip();
        }

        if (!hasUrl && !HasFailed)
        {
            Fail($"Invalid '{path}': expected 'image_url'.", path, "invalid_value");
        }
    }

    private void TakeUrl(string path, in Utf8JsonReader reader)
    {
        var text = reader.ValueIsEscaped ? System.Text.Encoding.UTF8.GetBytes(reader.GetString()!) : reader.ValueSpan;
        if (!text.StartsWith("data:"u8))
        {
            if (text.StartsWith("https://"u8) || text.StartsWith("http://"u8))
            {
                AddImageSize(default);
                return;
            }

            Fail($"Invalid '{path}': expected a URL, https:// or data:.", path, "invalid_value");
            return;
        }

        var comma = text.IndexOf((byte)',');
        if (comma < 0 || !text[..comma].EndsWith(";base64"u8) || text.Length == comma + 1 || !Base64.IsValid(text[(comma + 1)..]))
        {
            Fail($"Invalid '{path}': its data is no base64.", path, "invalid_base64");
            return;
        }

        AddImageSize(ImageSize.OfBase64(text[(comma + 1)..]));
    }
}
