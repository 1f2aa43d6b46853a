using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;

namespace OrleansGateway.SimulatedProvider;

/// <summary>Errors in OpenAI's shape: <c>{"error":{"message","type","param","code"}}</c>.</summary>
internal static class Faults
{
    public static ReadOnlySpan<byte> Html => "<!DOCTYPE html><html><body><h1>Welcome</h1></body></html>"u8;

    /// <summary>Answers with <paramref name="status"/>, dressed as <paramref name="behaviour"/> says.</summary>
    public static async Task SendAsync(HttpContext context, int status, SimulatedBehaviour behaviour)
    {
        using var body = new ByteBuffer();
        AddErrorBody(body, status, behaviour);
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;
        if (behaviour.RetryAfter is { } seconds)
        {
            context.Response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        Dress(context, behaviour);
        await context.Response.BodyWriter.WriteAsync(body.Memory);
    }

    /// <summary>Sets the reason phrase and the further headers.</summary>
    public static void Dress(HttpContext context, SimulatedBehaviour behaviour)
    {
        if (behaviour.Reason is { } reason)
        {
            context.Features.GetRequiredFeature<IHttpResponseFeature>().ReasonPhrase = reason;
        }

        if (behaviour.Headers is { } headers)
        {
            foreach (var (name, value) in headers)
            {
                context.Response.Headers[name] = value?.ToString();
            }
        }
    }

    public static void AddErrorBody(ByteBuffer buffer, int status, SimulatedBehaviour behaviour)
    {
        if (behaviour.ErrorBody is { } whole)
        {
            buffer.Add(whole);
            return;
        }

        var (type, code) = status switch
        {
            401 => ("invalid_request_error", "invalid_api_key"),
            404 => ("invalid_request_error", "model_not_found"),
            429 => ("requests", "rate_limit_exceeded"),
            503 => ("server_error", "server_is_overloaded"),
            >= 500 => ("server_error", null),
            _ => ("invalid_request_error", (string?)null),
        };
        buffer.Add(JsonSerializer.SerializeToUtf8Bytes(new
        {
            error = new
            {
                message = behaviour.ErrorMessage ?? $"Simulated error {status}.",
                type = behaviour.ErrorType ?? type,
                param = (string?)null,
                code = behaviour.ErrorCode ?? code,
            },
        }));
    }
}
