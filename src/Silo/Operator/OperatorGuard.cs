using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Google.Rpc;
using OrleansGateway.Hosting;

namespace OrleansGateway.Silo.Operator;

/// <summary>
/// Lets in who has the operator's token, to all but health. From an address that has sent too many wrong ones no token is looked at for
/// a while; over the Unix socket, which only the gateway's own user can open, the right one always is.
/// </summary>
/// <param name="isActive">Whether grains can be called.</param>
internal sealed class OperatorGuard(string token, WrongTokens wrongTokens, Func<bool> isActive)
{
    private readonly byte[] _digest = SHA256.HashData(Encoding.UTF8.GetBytes(token));

    public Task HandleAsync(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        if (request.Path.StartsWithSegments("/health", StringComparison.Ordinal)
            || request.Path.StartsWithSegments("/grpc.health.v1.Health", StringComparison.Ordinal))
        {
            return next(context);
        }

        if (!Peer.IsPrivate(context))
        {
            return RefuseAsync(
                context,
                403,
                Code.PermissionDenied,
                "NOT_ENCRYPTED",
                $"The token would be readable on the way: only health is answered here. Use https ({SettingNames.Full("Gateway:OperatorUrls")}) or this machine.");
        }

        var wait = wrongTokens.Wait(context.Connection.RemoteIpAddress);
        var mayCompare = wait == TimeSpan.Zero || Peer.IsLocal(context);
        var sent = TokenIn(request.Headers.Authorization.ToString(), IsPage(request));
        if (!mayCompare || (sent is not null && !IsRight(sent) && wait > TimeSpan.Zero))
        {
            var seconds = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
            context.Response.Headers.RetryAfter = seconds;
            return RefuseAsync(
                context,
                429,
                Code.ResourceExhausted,
                "TOO_MANY_TOKENS",
                $"Too many wrong tokens came from this address: the next one is looked at in {seconds} s.");
        }

        if (sent is null || !IsRight(sent))
        {
            if (sent is not null)
            {
                wrongTokens.Note(context.Connection.RemoteIpAddress);
            }

            context.Response.Headers.WWWAuthenticate = IsPage(request) ? "Basic realm=\"operator, with the token as password\"" : "Bearer";
            return RefuseAsync(
                context,
                401,
                Code.Unauthenticated,
                "UNAUTHENTICATED",
                $"The operator's token is missing or another ({SettingNames.Full("Gateway:OperatorToken")}).");
        }

        return isActive()
            ? next(context)
            : RefuseAsync(context, 503, Code.Unavailable, "UNAVAILABLE", "The gateway does not run accounts now; its health tells what it waits for.");
    }

    private bool IsRight(string sent) => CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(sent)), _digest);

    /// <summary>What a browser may look at. It sends a password along with requests that another site made it send: never more than pages.</summary>
    private static bool IsPage(Microsoft.AspNetCore.Http.HttpRequest request) =>
        HttpMethods.IsGet(request.Method) && request.Path.StartsWithSegments("/dashboard", StringComparison.Ordinal);

    private static string? TokenIn(string header, bool isPage)
    {
        const string Bearer = "Bearer ";
        const string Basic = "Basic ";
        if (header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return header[Bearer.Length..];
        }

        var decoded = new byte[header.Length];
        return isPage
            && header.StartsWith(Basic, StringComparison.OrdinalIgnoreCase)
            && Convert.TryFromBase64String(header[Basic.Length..], decoded, out var length)
            && decoded.AsSpan(0, length).IndexOf((byte)':') is var colon and >= 0
                ? Encoding.UTF8.GetString(decoded.AsSpan()[(colon + 1)..length])
                : null;
    }

    private static Task RefuseAsync(HttpContext context, int httpStatus, Code code, string reason, string message)
    {
        var response = context.Response;
        if (context.Request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) != true)
        {
            response.StatusCode = httpStatus;
            return response.WriteAsJsonAsync(new { error = new { code = reason, message } });
        }

        // gRPC over HTTP/2 calls this "Trailers-Only": no message, and the status among the headers.
        response.ContentType = "application/grpc";
        response.Headers["grpc-status"] = ((int)code).ToString(CultureInfo.InvariantCulture);
        response.Headers["grpc-message"] = Uri.EscapeDataString(message);
        response.Headers["grpc-status-details-bin"] = Convert.ToBase64String(RichStatus.Build(code, reason, message).ToByteArray());
        return Task.CompletedTask;
    }
}
