using System.Globalization;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Http;

/// <summary>What a refusal says beside its body.</summary>
/// <param name="Error">The body.</param>
/// <param name="RetryAfterMs">Until another try can succeed, ms; 0 says nothing about it.</param>
/// <param name="ShouldRetry">Tells SDKs, which retry some statuses by themselves, whether to; null leaves it to them.</param>
internal readonly record struct Refusal(OpenAIError Error, long RetryAfterMs = 0, bool? ShouldRetry = null);

/// <summary>Writes refusals.</summary>
internal static class ErrorReply
{
    public static async Task WriteAsync(HttpContext context, Refusal refusal)
    {
        var response = context.Response;
        if (response.HasStarted)
        {
            return;
        }

        response.StatusCode = refusal.Error.Status;
        response.ContentType = "application/json";
        if (refusal.RetryAfterMs > 0)
        {
            // Whole seconds, rounded up: a client that comes back sooner is refused again.
            response.Headers.RetryAfter = ((refusal.RetryAfterMs + 999) / 1000).ToString(CultureInfo.InvariantCulture);
            response.Headers["retry-after-ms"] = refusal.RetryAfterMs.ToString(CultureInfo.InvariantCulture);
        }

        if (refusal.ShouldRetry is { } shouldRetry)
        {
            response.Headers["x-should-retry"] = shouldRetry ? "true" : "false";
        }

        using var body = new PooledBytes(512);
        OpenAIErrors.Write(body, refusal.Error);
        response.ContentLength = body.Length;
        await response.BodyWriter.WriteAsync(body.Memory);
    }
}
