using System.Globalization;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Pipeline;

namespace OrleansGateway.Edge.Http;

/// <summary>Answers requests with errors.</summary>
internal static class ErrorReply
{
    public static async Task WriteAsync(HttpContext context, IFront front, ApiError error)
    {
        var response = context.Response;
        if (response.HasStarted)
        {
            return;
        }

        response.StatusCode = front.ErrorOf(error).Status;
        response.ContentType = "application/json";
        if (error.RetryAfterMs > 0)
        {
            // Whole seconds, rounded up: a client that comes back sooner is refused again.
            response.Headers.RetryAfter = ((error.RetryAfterMs + 999) / 1000).ToString(CultureInfo.InvariantCulture);
            response.Headers["retry-after-ms"] = error.RetryAfterMs.ToString(CultureInfo.InvariantCulture);
        }

        if (error.ShouldRetry is { } shouldRetry)
        {
            response.Headers["x-should-retry"] = shouldRetry ? "true" : "false";
        }

        using var body = new PooledBytes(512);
        front.WriteError(body, error with { RequestId = response.Headers["x-request-id"] });
        response.ContentLength = body.Length;
        await response.BodyWriter.WriteAsync(body.Memory);
    }
}
