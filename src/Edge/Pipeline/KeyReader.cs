using Microsoft.AspNetCore.Http;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>Step 1: takes the key from where clients put it and refuses a forged one without asking anybody.</summary>
internal static class KeyReader
{
    public static bool TryRead(HttpRequest request, SigningSecrets secrets, out ApiKey key) => ApiKey.TryParse(TextOf(request), secrets, out key);

    /// <summary>What a client sent for a key; empty when it sent none.</summary>
    public static ReadOnlySpan<char> TextOf(HttpRequest request)
    {
        var headers = request.Headers;
        ReadOnlySpan<char> text = headers.Authorization.ToString();
        if (text.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            return text["Bearer ".Length..].Trim();
        }

        text = headers["x-api-key"].ToString();
        text = text.IsEmpty ? headers["x-goog-api-key"].ToString() : text;
        text = text.IsEmpty && MayBeInQuery(request.Path) ? request.Query["key"].ToString() : text;
        return text.Trim();
    }

    /// <summary>Gemini's clients may send the key in the URL, which is never logged.</summary>
    private static bool MayBeInQuery(PathString path) => path.StartsWithSegments("/v1beta") || path.StartsWithSegments("/v1/models");
}
