using System.Buffers;
using System.Globalization;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>
/// What the providers' statuses and codes mean. Sources: the error pages of OpenAI, DeepSeek, Zhipu (numbers as strings)
/// and DashScope (names; the code counts there, not the status).
/// </summary>
public static class UpstreamErrors
{
    private static readonly SearchValues<char> NameCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-[]");

    /// <summary>Reads an error response, or an error event of a stream.</summary>
    /// <param name="status">The provider's HTTP status; 200 for an event of a stream.</param>
    /// <param name="body">The body or the event's data; may be anything.</param>
    /// <param name="secrets">What must not show in any case: the channel's key, host, organisation.</param>
    public static UpstreamError Read(int status, ReadOnlySpan<byte> body, params ReadOnlySpan<string> secrets)
    {
        var details = UpstreamErrorDetails.Read(body);
        status = status == 200 ? StatusOf(details) : status;
        var named = details.IsFlagged ? UpstreamFailure.ContentFiltered : ByCode(details.Code) ?? ByCode(details.Type) ?? ByText(status, details);
        var message = Scrubber.Scrub(details.Message, secrets);

        // Zhipu's number for what OpenAI has a name for, which clients look for.
        var code = details.Code == "1261" ? "context_length_exceeded" : Identifier(details.Code, secrets);
        return new(named ?? ByStatus(status), status, message.Length > 0 ? message : null, Identifier(details.Param, secrets), code)
        {
            IsNamed = named is not null,
            RetryAfterMs = details.RetryAfterMs,
        };
    }

    /// <summary>The status that an error would have had which came as an answer, as far as it tells.</summary>
    private static int StatusOf(UpstreamErrorDetails details) =>
        int.TryParse(details.Code, NumberStyles.None, CultureInfo.InvariantCulture, out var code) && code is >= 400 and < 600 ? code
        : details.Type == "invalid_request_error" ? 400
        : 200;

    private static UpstreamFailure? ByCode(string code) => code switch
    {
        "insufficient_quota" or "billing_hard_limit_reached" or "billing_not_active" or "insufficient_balance" or "billing_error"
            or "exceeded_current_quota_error" or "Arrearage" or "1113" or "1308" or "1309" or "1310" or "1311" or "1312" or "1313" => UpstreamFailure.OutOfFunds,
        "invalid_api_key" or "InvalidApiKey" or "account_deactivated" or "authentication_error" or "UNAUTHENTICATED"
            or "1000" or "1001" or "1002" or "1003" or "1004" => UpstreamFailure.Auth,
        "rate_limit_exceeded" or "rate_limit_error" or "rate_limit_reached_error" or "RESOURCE_EXHAUSTED" or "1302" or "1303" or "1304" => UpstreamFailure.RateLimited,
        "server_is_overloaded" or "slow_down" or "overloaded_error" or "engine_overloaded_error" or "UNAVAILABLE" or "1305" => UpstreamFailure.Overloaded,
        "model_not_found" or "ModelNotFound" or "1211" => UpstreamFailure.ModelMissing,
        "content_filter" or "content_policy_violation" or "data_inspection_failed" or "DataInspectionFailed" or "1301"
            => UpstreamFailure.ContentFiltered,
        "request_too_large" => UpstreamFailure.TooLarge,
        "context_length_exceeded" or "string_above_max_length" or "InvalidParameter"
            or "1210" or "1212" or "1213" or "1214" or "1215" or "1261" => UpstreamFailure.BadRequest,
        "access_denied" or "AccessDenied" or "permission_error" or "PERMISSION_DENIED" or "unsupported_country_region_territory" or "1220"
            => UpstreamFailure.Forbidden,
        _ => code.StartsWith("Throttling", StringComparison.Ordinal) ? UpstreamFailure.RateLimited : null,
    };

    private static UpstreamFailure? ByText(int status, UpstreamErrorDetails details)
    {
        // Anthropic's and Google's compatible endpoints answer 400 to these. Only a message's start is the provider's own:
        // further on it may quote the client, who must not be able to put a channel to rest.
        if (status == 400 && details.Message.StartsWith("Your credit balance is too low", StringComparison.OrdinalIgnoreCase))
        {
            return UpstreamFailure.OutOfFunds;
        }

        return status == 400 && details.Message.StartsWith("API key not valid", StringComparison.OrdinalIgnoreCase)
            ? UpstreamFailure.Auth
            : null;
    }

    private static UpstreamFailure ByStatus(int status) => status switch
    {
        401 => UpstreamFailure.Auth,
        402 => UpstreamFailure.OutOfFunds,
        403 => UpstreamFailure.Forbidden,
        404 => UpstreamFailure.ModelMissing,
        408 or 409 or 425 => UpstreamFailure.ServerError,
        413 => UpstreamFailure.TooLarge,
        429 => UpstreamFailure.RateLimited,
        503 or 529 => UpstreamFailure.Overloaded,
        >= 400 and < 500 => UpstreamFailure.BadRequest,
        _ => UpstreamFailure.ServerError,
    };

    /// <summary>A field name or code if it looks like one and survives the scrubbing, else null.</summary>
    private static string? Identifier(string text, ReadOnlySpan<string> secrets)
    {
        var isName = text.Length is > 0 and <= 64
            && text.AsSpan().IndexOfAnyExcept(NameCharacters) < 0;
        return isName && Scrubber.Scrub(text, secrets) == text ? text : null;
    }
}
