using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Http;

/// <summary>Reads a request's body into pooled memory.</summary>
internal static class RequestBody
{
    /// <summary>Reads the whole body.</summary>
    /// <returns>What is wrong with it, or null. A client that went away is 499: nobody is there to be answered.</returns>
    public static async ValueTask<OpenAIError?> ReadAsync(HttpContext context, PooledBytes body, int maxBytes)
    {
        if (context.Request.Headers.ContentEncoding is { Count: > 0 } encoding && !IsIdentity(encoding.ToString()))
        {
            return new OpenAIError(
                415, $"Content-Encoding '{encoding}' is not supported; send the body uncompressed.", "invalid_request_error", null, "unsupported_encoding");
        }

        var limit = context.Features.Get<IHttpMaxRequestBodySizeFeature>();
        if (limit is { IsReadOnly: false })
        {
            limit.MaxRequestBodySize = maxBytes;
        }

        try
        {
            return context.Request.ContentLength > maxBytes ? TooLarge(maxBytes)
                : await CopyAsync(context.Request.BodyReader, body, maxBytes, context.RequestAborted);
        }
        catch (BadHttpRequestException exception) when (exception.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return TooLarge(maxBytes);
        }
        catch (BadHttpRequestException exception)
        {
            return new OpenAIError(exception.StatusCode, "The request body could not be read: " + exception.Message, "invalid_request_error", null, "invalid_body");
        }
        catch (Exception exception) when (exception is OperationCanceledException or ConnectionResetException or IOException)
        {
            return new OpenAIError(499, "The client closed the connection before the request was complete.", "invalid_request_error", null, null);
        }
    }

    private static async ValueTask<OpenAIError?> CopyAsync(PipeReader reader, PooledBytes body, int maxBytes, CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await reader.ReadAsync(cancellationToken);
            if (body.Length + read.Buffer.Length > maxBytes)
            {
                reader.AdvanceTo(read.Buffer.End);
                return TooLarge(maxBytes);
            }

            foreach (var segment in read.Buffer)
            {
                body.Write(segment.Span);
            }

            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return null;
            }
        }
    }

    private static bool IsIdentity(string encoding) =>
        encoding.Length == 0 || string.Equals(encoding, "identity", StringComparison.OrdinalIgnoreCase);

    private static OpenAIError TooLarge(int maxBytes) => new(
        413, $"The request body is larger than the {maxBytes} bytes that this gateway accepts.", "invalid_request_error", null, "request_too_large");
}
