using System.Globalization;
using System.Text.Json;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>The fields of a provider's error, each empty when absent.</summary>
internal sealed class UpstreamErrorDetails
{
    private const int MaxBytes = 64 * 1024;

    public string Message { get; private set; } = "";

    public string Type { get; private set; } = "";

    public string Param { get; private set; } = "";

    public string Code { get; private set; } = "";

    /// <summary>Google's <c>RetryInfo</c> among the details, ms; 0 without one.</summary>
    public long RetryAfterMs { get; private set; }

    /// <summary>Whether it says that what the client sent was flagged, as OpenRouter does with a 403.</summary>
    public bool IsFlagged { get; private set; }

    /// <summary>
    /// Understands <c>{"error":{…}}</c>, <c>{"error":"…"}</c>, <c>{"code","message"}</c>, <c>{"detail":"…"}</c> and a list
    /// of one of these; anything else has no details.
    /// </summary>
    public static UpstreamErrorDetails Read(ReadOnlySpan<byte> body)
    {
        var details = new UpstreamErrorDetails();
        if (body.Length > MaxBytes)
        {
            return details;
        }

        var reader = new Utf8JsonReader(body);
        try
        {
            if (reader.Read() && reader.TokenType == JsonTokenType.StartArray)
            {
                reader.Read();
            }

            if (reader.TokenType == JsonTokenType.StartObject)
            {
                details.ReadObject(ref reader, isError: false);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // What was understood before the break still counts.
        }

        return details;
    }

    private void ReadObject(ref Utf8JsonReader reader, bool isError)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            if (name == "error" && !isError && reader.TokenType == JsonTokenType.StartObject)
            {
                ReadObject(ref reader, isError: true);
                continue;
            }

            if (name == "response" && !isError && reader.TokenType == JsonTokenType.StartObject)
            {
                // A response that failed tells why inside.
                ReadObject(ref reader, isError: false);
                continue;
            }

            if (name == "details" && isError && reader.TokenType == JsonTokenType.StartArray)
            {
                ReadRetryDelay(ref reader);
                continue;
            }

            if (name == "metadata" && isError && reader.TokenType == JsonTokenType.StartObject)
            {
                ReadMetadata(ref reader);
                continue;
            }

            var value = reader.TokenType switch
            {
                JsonTokenType.String => reader.GetString()!,
                JsonTokenType.Number => System.Text.Encoding.UTF8.GetString(reader.ValueSpan),
                _ => "",
            };
            reader.Skip();
            switch (name)
            {
                case "message" or "detail" or "error" when Message.Length == 0: Message = value; break;
                case "type" when isError || Type.Length == 0: Type = value; break;
                case "param" when Param.Length == 0: Param = value; break;
                case "code" when isError || Code.Length == 0: Code = value; break;
                default: break;
            }
        }
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            IsFlagged |= reader.ValueTextEquals("flagged_input"u8);
            reader.Read();
            reader.Skip();
        }
    }

    /// <summary>Reads <c>[{"@type":…RetryInfo,"retryDelay":"12s"},…]</c>.</summary>
    private void ReadRetryDelay(ref Utf8JsonReader reader)
    {
        var depth = reader.CurrentDepth;
        while (reader.Read() && reader.CurrentDepth > depth)
        {
            if (reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals("retryDelay"u8) && reader.Read()
                && reader.TokenType == JsonTokenType.String && reader.GetString() is { } text
                && decimal.TryParse(text.TrimEnd('s'), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds is > 0 and < 86_400)
            {
                RetryAfterMs = (long)Math.Ceiling(seconds * 1000);
            }
        }
    }
}
