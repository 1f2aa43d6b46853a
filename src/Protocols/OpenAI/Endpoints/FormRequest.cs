using System.Globalization;
using System.Text;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>A request whose body is a form with files, <c>multipart/form-data</c>.</summary>
/// <param name="body">Lives as long as this.</param>
/// <param name="contentType">The request's <c>Content-Type</c>, which names the form's boundary.</param>
/// <param name="fields">What its endpoint knows.</param>
public abstract class FormRequest(ReadOnlyMemory<byte> body, string? contentType, RequestFields fields) : EndpointRequest
{
    private const int MaxModelBytes = 256;
    private const int MaxValueBytes = 1024 * 1024;

    /// <summary>Fields that may come more than once.</summary>
    private static readonly HashSet<string> Lists =
        ["image", "include", "timestamp_granularities", "known_speaker_names", "known_speaker_references"];

    private IReadOnlyList<FormPart> _parts = [];
    private FormPart? _model;
    private OpenAIError? _error;

    /// <inheritdoc/>
    public override string ContentType => contentType ?? "";

    /// <summary>Whether something was found to be wrong.</summary>
    protected bool HasFailed => _error is not null;

    /// <inheritdoc/>
    public override UpstreamBody ForUpstream(in EndpointChanges changes)
    {
        var (segments, position) = (new List<ReadOnlyMemory<byte>>(), 0);
        foreach (var part in _parts)
        {
            if (changes.Without.Contains(part.Field))
            {
                segments.Add(body[position..part.Start]);
                position = part.End;
            }
            else if (part == _model && changes.Model != Model)
            {
                segments.Add(body[position..part.ContentStart]);
                segments.Add(Encoding.UTF8.GetBytes(changes.Model));
                position = part.End;
            }
        }

        segments.Add(body[position..]);
        return new UpstreamBody([.. segments.Where(segment => !segment.IsEmpty)]);
    }

    /// <summary>Reads the whole body.</summary>
    /// <returns>What is wrong with it, or null.</returns>
    public OpenAIError? Read()
    {
        if (!MultipartForm.TryRead(body.Span, contentType, out _parts, out var why))
        {
            return OpenAIError.BadRequest($"We could not read the form of your request: {why}", null, "invalid_form");
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var part in _parts)
        {
            var content = body[part.ContentStart..part.End];
            if (!seen.Add(part.Field) && !Lists.Contains(part.Field))
            {
                Fail($"Duplicate parameter: '{part.Field}'.", part.Field, "duplicate_parameter");
            }
            else if (part.Field == "model")
            {
                ReadModel(part, content.Span);
            }
            else if (fields.Of(part.Field) is not { } handling)
            {
                AddUnknown(part.Field);
                CountInput(content.Span);
            }
            else if (handling == FieldHandling.Refused)
            {
                Fail($"'{part.Field}' is not available here. Send the request without it.", part.Field, "unsupported_parameter");
            }
            else
            {
                ReadField(part, content);
            }

            if (HasFailed)
            {
                return _error;
            }
        }

        if (Model.Length == 0)
        {
            Missing("model");
        }
        else
        {
            CheckWhole();
        }

        return _error;
    }

    /// <summary>Reads a field that the endpoint knows.</summary>
    protected abstract void ReadField(in FormPart part, ReadOnlyMemory<byte> content);

    /// <summary>Checks what only the whole request shows.</summary>
    protected abstract void CheckWhole();

    /// <summary>Notes what is wrong; the first counts.</summary>
    protected void Fail(string message, string? param, string? code) => _error ??= OpenAIError.BadRequest(message, param, code);

    /// <summary>Notes that a field is missing.</summary>
    protected void Missing(string name) => Fail($"Missing required parameter: '{name}'.", name, "missing_required_parameter");

    /// <summary>Reads a field's text.</summary>
    protected string Text(in FormPart part, ReadOnlySpan<byte> content)
    {
        if (part.IsFile || content.Length > MaxValueBytes)
        {
            Fail($"Invalid type for '{part.Field}': expected a text, but got a file instead.", part.Field, "invalid_type");
            return "";
        }

        return Encoding.UTF8.GetString(content);
    }

    /// <summary>Reads true or false.</summary>
    protected bool Flag(in FormPart part, ReadOnlySpan<byte> content)
    {
        var text = Text(part, content);
        switch (text.ToLowerInvariant())
        {
            case "true" or "1":
                return true;
            case "false" or "0" or "":
                return false;
            default:
                Fail($"Invalid type for '{part.Field}': expected a boolean, but got '{(text.Length <= 64 ? text : text[..64])}' instead.", part.Field, "invalid_type");
                return false;
        }
    }

    /// <summary>Reads a whole number; null when there is none.</summary>
    protected int? Number(in FormPart part, ReadOnlySpan<byte> content, int least, int most)
    {
        var text = Text(part, content);
        if (int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most)
        {
            return value;
        }

        Fail($"Invalid '{part.Field}': expected an integer from {least} to {most}.", part.Field, "invalid_value");
        return null;
    }

    /// <summary>Counts a text as input.</summary>
    protected void CountInput(ReadOnlySpan<byte> text)
    {
        TextBytes += text.Length;
        EstimatedInputTokens += (text.Length + 3) / 4;
    }

    private void ReadModel(in FormPart part, ReadOnlySpan<byte> content)
    {
        if (_model is not null)
        {
            Fail("Duplicate parameter: 'model'.", "model", "duplicate_parameter");
        }
        else if (content.Length > MaxModelBytes || part.IsFile)
        {
            Fail($"Invalid 'model': expected a text of at most {MaxModelBytes} bytes.", "model", "invalid_type");
        }
        else
        {
            Model = Text(part, content);
            _model = part;
        }
    }
}
