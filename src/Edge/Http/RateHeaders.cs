using System.Globalization;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Edge.Http;

/// <summary>The <c>x-ratelimit-*</c> headers in OpenAI's form.</summary>
internal static class RateHeaders
{
    /// <summary>Adds the headers of the limits that there are.</summary>
    public static void Write(IHeaderDictionary headers, in RateStanding rates)
    {
        if (rates.RequestsLimit > 0)
        {
            headers["x-ratelimit-limit-requests"] = Text(rates.RequestsLimit);
            headers["x-ratelimit-remaining-requests"] = Text(Math.Max(0, rates.RequestsRemaining));
            headers["x-ratelimit-reset-requests"] = Duration(rates.RequestsResetMs);
        }

        if (rates.TokensLimit > 0)
        {
            headers["x-ratelimit-limit-tokens"] = Text(rates.TokensLimit);
            headers["x-ratelimit-remaining-tokens"] = Text(Math.Max(0, rates.TokensRemaining));
            headers["x-ratelimit-reset-tokens"] = Duration(rates.TokensResetMs);
        }
    }

    /// <summary>A duration as OpenAI writes it: <c>20ms</c>, <c>1s</c>, <c>1.5s</c>, <c>6m0s</c>, <c>1h0m0s</c>.</summary>
    public static string Duration(long ms)
    {
        if (ms < 1000)
        {
            return $"{Math.Max(0, ms)}ms";
        }

        var seconds = (ms % 60_000 / 1000m).ToString("0.###", CultureInfo.InvariantCulture);
        var minutes = ms / 60_000 % 60;
        return ms >= 3_600_000 ? $"{ms / 3_600_000}h{minutes}m{seconds}s"
            : minutes > 0 ? $"{minutes}m{seconds}s"
            : $"{seconds}s";
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
