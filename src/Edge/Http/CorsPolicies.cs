using Microsoft.AspNetCore.Cors.Infrastructure;

namespace OrleansGateway.Edge.Http;

/// <summary>What pages of other origins may do from a browser. Never with a cookie: the key is in a header, and that is all who asks shows.</summary>
internal static class CorsPolicies
{
    /// <summary>The relay's.</summary>
    public const string Relay = "relay";

    private static readonly TimeSpan PreflightAge = TimeSpan.FromHours(1);

    /// <summary>Headers of answers that clients go by; a page sees no others.</summary>
    private static readonly string[] Shown =
    [
        "x-request-id", "request-id", "x-og-cost", "retry-after", "retry-after-ms", "x-should-retry",
        "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
        "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens",
        "anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset",
        "anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset",
    ];

    public static void Add(CorsOptions cors, IList<string> origins) => cors.AddPolicy(Relay, policy => policy
        .WithOrigins([.. origins])
        .AllowAnyMethod()
        .AllowAnyHeader()
        .WithExposedHeaders(Shown)
        .SetPreflightMaxAge(PreflightAge));

    /// <summary>Whether a text is an origin as browsers send it, or stands for all.</summary>
    public static bool IsOrigin(string text) =>
        text == CorsConstants.AnyOrigin
        || (Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http"
            && uri.GetLeftPart(UriPartial.Authority).Equals(text, StringComparison.OrdinalIgnoreCase) && uri.UserInfo.Length == 0);
}
