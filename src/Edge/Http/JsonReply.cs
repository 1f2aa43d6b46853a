using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace OrleansGateway.Edge.Http;

/// <summary>Answers requests that are not relayed.</summary>
internal static class JsonReply
{
    public static async Task WriteAsync(HttpContext context, Action<Utf8JsonWriter> write)
    {
        using var body = new PooledBytes();
        await using (var json = new Utf8JsonWriter(body))
        {
            write(json);
        }

        await WriteAsync(context, body.Memory);
    }

    public static async Task WriteAsync(HttpContext context, ReadOnlyMemory<byte> json)
    {
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = json.Length;
        await context.Response.BodyWriter.WriteAsync(json);
    }
}
