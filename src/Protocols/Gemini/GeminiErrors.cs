using System.Buffers;
using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>An error in Google's form.</summary>
/// <param name="Status">The HTTP status, which stands in it as well.</param>
/// <param name="Name">Google's name for it, <c>INVALID_ARGUMENT</c>.</param>
/// <param name="Reason">Its exact kind; null when it has none.</param>
/// <param name="Field">The request's field that is at fault; null when it is none.</param>
/// <param name="RetryAfterMs">Until another try can succeed, ms; 0 says nothing about it.</param>
public readonly record struct GeminiError(int Status, string Name, string Message, string? Reason, string? Field, long RetryAfterMs);

/// <summary>Reads and writes Google's errors.</summary>
public static class GeminiErrors
{
    /// <summary>Reads an error response, an event of a stream, or an answer that is none.</summary>
    /// <param name="status">The provider's HTTP status; 200 for an event or an answer.</param>
    /// <param name="body">May be anything; a stream that is an array has it in one.</param>
    /// <param name="secrets">What must not show in any case: the channel's key and host.</param>
    public static UpstreamError Read(int status, ReadOnlySpan<byte> body, params ReadOnlySpan<string> secrets)
    {
        var error = UpstreamErrors.Read(status, body, secrets);
        var failure = StatusOf(body) switch
        {
            _ when error.Failure is UpstreamFailure.Auth => UpstreamFailure.Auth,
            "UNAUTHENTICATED" => UpstreamFailure.Auth,

            // Google's word for a place that it does not serve, and for an account without billing.
            "FAILED_PRECONDITION" or "PERMISSION_DENIED" => UpstreamFailure.Forbidden,
            "RESOURCE_EXHAUSTED" => UpstreamFailure.RateLimited,
            "UNAVAILABLE" => UpstreamFailure.Overloaded,
            "INTERNAL" or "DEADLINE_EXCEEDED" => UpstreamFailure.ServerError,
            _ => error.Failure,
        };
        return error with
        {
            Failure = failure,

            // The code is the status once more.
            Code = error.Message?.StartsWith("The input token count", StringComparison.Ordinal) == true ? "context_length_exceeded" : null,
        };
    }

    /// <summary>Writes the error as an object.</summary>
    public static void Write(IBufferWriter<byte> writer, in GeminiError error)
    {
        using var json = new Utf8JsonWriter(writer, JsonBytes.WriterOptions);
        json.WriteStartObject();
        json.WriteStartObject("error"u8);
        json.WriteNumber("code"u8, error.Status);
        json.WriteString("message"u8, error.Message);
        json.WriteString("status"u8, error.Name);
        json.WriteStartArray("details"u8);
        if (error.Reason is { } reason)
        {
            StartDetail(json, "ErrorInfo");
            json.WriteString("reason"u8, reason);
            json.WriteString("domain"u8, "googleapis.com"u8);
            json.WriteEndObject();
        }

        if (error.Field is { } field)
        {
            StartDetail(json, "BadRequest");
            json.WriteStartArray("fieldViolations"u8);
            json.WriteStartObject();
            json.WriteString("field"u8, field);
            json.WriteString("description"u8, error.Message);
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }

        if (error.RetryAfterMs > 0)
        {
            StartDetail(json, "RetryInfo");
            json.WriteString("retryDelay"u8, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{error.RetryAfterMs / 1000m:0.###}s"));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>
    /// Writes the error as what ends a stream. As an event Google's JavaScript client takes it for a response that says nothing: it raises on
    /// what is no event, which others leave unread.
    /// </summary>
    public static void WriteLast(IBufferWriter<byte> writer, GeminiFraming framing, in GeminiError error)
    {
        ArgumentNullException.ThrowIfNull(framing);
        framing.WriteStart(writer, !framing.HasBegun);
        Write(writer, error);
        framing.WriteStop(writer);
        if (framing.IsArray)
        {
            framing.WriteEnd(writer, isFirst: false);
        }
        else
        {
            Write(writer, error);
        }
    }

    private static void StartDetail(Utf8JsonWriter json, string type)
    {
        json.WriteStartObject();
        json.WriteString("@type"u8, "type.googleapis.com/google.rpc." + type);
    }

    private static string StatusOf(ReadOnlySpan<byte> body)
    {
        const int MaxBytes = 64 * 1024;
        var reader = new Utf8JsonReader(body[..Math.Min(body.Length, MaxBytes)], isFinalBlock: false, default);
        try
        {
            // The message, which may quote the client, is a value and no name.
            while (reader.Read() && reader.CurrentDepth <= 4)
            {
                if (reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals("status"u8) && reader.Read()
                    && reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length <= 64)
                {
                    return reader.GetString()!;
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The HTTP status says enough.
        }

        return "";
    }
}
