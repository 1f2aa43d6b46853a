using Microsoft.AspNetCore.Http;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Http;

/// <summary>Step 1: takes the key from where clients put it and refuses a forged one without asking anybody.</summary>
internal static class KeyReader
{
    public static readonly OpenAIError InvalidKey = new(
        401, "The API key is missing or not valid. Send a key of this gateway as 'Authorization: Bearer sk-og-…'.", "invalid_request_error", null, "invalid_api_key");

    public static bool TryRead(HttpContext context, SigningSecrets secrets, out ApiKey key)
    {
        var headers = context.Request.Headers;
        ReadOnlySpan<char> text = headers.Authorization.ToString();
        if (text.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            text = text["Bearer ".Length..];
        }
        else
        {
            text = headers["x-api-key"].ToString();
            text = text.IsEmpty ? headers["x-goog-api-key"].ToString() : text;
        }

        return ApiKey.TryParse(text.Trim(), secrets, out key);
    }
}
