using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Anthropic;

namespace OrleansGateway.Edge.Fronts.Anthropic;

/// <summary>What clients of Anthropic speak.</summary>
internal sealed class AnthropicFront : IFront, IModelsForm
{
    private const int PageDefault = 20;
    private const int PageMax = 1000;

    public ReadOnlyMemory<byte> KeepAlive { get; } = MessagesFrames.Ping.ToArray();

    public void Map(FrontRoutes routes)
    {
        routes.Relay(new MessagesEndpoint(this, "/v1/messages", isCount: false));
        routes.Relay(new MessagesEndpoint(this, "/v1/messages/count_tokens", isCount: true));
        routes.Rest("/v1/messages");

        // Claude Code opens its connection by it.
        routes.Head("/api/hello");
    }

    public FrontError ErrorOf(in ApiError error)
    {
        var status = ErrorList.Of(error.Kind).Status;
        return status switch
        {
            401 => new(401, "authentication_error", null),
            402 => new(402, "billing_error", null),
            403 => new(403, "permission_error", null),
            404 => new(404, "not_found_error", null),
            408 or 504 => new(status, "timeout_error", null),
            413 => new(413, "request_too_large", null),
            429 => new(429, "rate_limit_error", null),

            // What SDKs know as a provider that has no room at the moment.
            503 => new(529, "overloaded_error", null),
            >= 500 => new(status, "api_error", null),
            _ => new(status, "invalid_request_error", null),
        };
    }

    public void WriteError(IBufferWriter<byte> writer, in ApiError error) => MessagesFrames.WriteError(
        writer, ErrorOf(error).Type, error.Message, error.RequestId, error.Code, error.Code == MessagesRequest.ThreadUnsupported ? error.Param : null);

    public void WriteErrorEvent(IBufferWriter<byte> writer, in ApiError error) =>
        MessagesFrames.WriteErrorEvent(writer, ErrorOf(error).Type, error.Message, error.RequestId);

    public void WriteRates(IHeaderDictionary headers, in RateStanding rates, DateTimeOffset now)
    {
        RateHeaders.Write(headers, rates);
        Write("requests", rates.RequestsLimit, rates.RequestsRemaining, rates.RequestsResetMs);
        Write("tokens", rates.TokensLimit, rates.TokensRemaining, rates.TokensResetMs);

        void Write(string what, long limit, long remaining, long resetMs)
        {
            if (limit > 0)
            {
                headers[$"anthropic-ratelimit-{what}-limit"] = limit.ToString(CultureInfo.InvariantCulture);
                headers[$"anthropic-ratelimit-{what}-remaining"] = Math.Max(0, remaining).ToString(CultureInfo.InvariantCulture);

                // To the next whole second: who comes then is not too early.
                headers[$"anthropic-ratelimit-{what}-reset"] = Time(now.AddMilliseconds(Math.Max(0, resetMs) + 999));
            }
        }
    }

    public bool IsAskedBy(HttpRequest request) => request.Headers.ContainsKey("anthropic-version");

    public void WriteModels(Utf8JsonWriter json, IReadOnlyList<(string Name, Model Model)> models, HttpRequest request)
    {
        var limit = int.TryParse(request.Query["limit"], NumberStyles.None, CultureInfo.InvariantCulture, out var asked)
            ? Math.Clamp(asked, 1, PageMax)
            : PageDefault;
        var (after, before) = (IndexOf(models, request.Query["after_id"]), IndexOf(models, request.Query["before_id"]));
        var from = after + 1;
        var to = before < 0 ? models.Count : before;
        if (before >= 0)
        {
            // The page that ends right before it.
            from = Math.Max(from, to - limit);
        }

        var page = models.Skip(from).Take(Math.Min(limit, Math.Max(0, to - from))).ToList();
        json.WriteStartObject();
        json.WriteStartArray("data"u8);
        foreach (var (name, model) in page)
        {
            WriteModel(json, name, model);
        }

        json.WriteEndArray();
        json.WriteBoolean("has_more"u8, before >= 0 ? from > after + 1 : from + page.Count < to);
        json.WriteString("first_id"u8, page.Count > 0 ? page[0].Name : null);
        json.WriteString("last_id"u8, page.Count > 0 ? page[^1].Name : null);
        json.WriteEndObject();
    }

    public void WriteModel(Utf8JsonWriter json, string name, Model model)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "model"u8);
        json.WriteString("id"u8, name);
        json.WriteString("display_name"u8, name);
        json.WriteString("created_at"u8, Time(DateTimeOffset.FromUnixTimeSeconds(model.Created)));
        json.WriteNumber("max_input_tokens"u8, model.ContextWindow);
        json.WriteNumber("max_tokens"u8, model.MaxOutputTokens);
        json.WriteEndObject();
    }

    private static int IndexOf(IReadOnlyList<(string Name, Model Model)> models, string? name)
    {
        for (var i = 0; name is not null && i < models.Count; i++)
        {
            if (models[i].Name == name)
            {
                return i;
            }
        }

        return -1;
    }

    private static string Time(DateTimeOffset time) => time.ToUniversalTime().ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}
