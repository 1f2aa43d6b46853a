using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Edge.Fronts.OpenAI.Realtime;

/// <summary>
/// Where sessions begin, and where customers make secrets for their own clients. Sources: <c>openai/openai-node</c>, <c>realtime/</c> and
/// <c>resources/realtime/</c>.
/// </summary>
internal static class RealtimeEndpoint
{
    public const string Path = "/v1/realtime";

    /// <summary>The most sound of one session, seconds.</summary>
    public const long SessionSecondsMax = ChannelTimes.MaxTotalMs / 1000;

    private const string KeyProtocol = "openai-insecure-api-key.";
    private const int ExpirySecondsMin = 10;
    private const int ExpirySecondsMax = 7200;
    private const int ExpirySeconds = 600;

    /// <summary>How often a silent connection is asked whether anybody is there, and how long that may take.</summary>
    private static readonly TimeSpan PingEvery = TimeSpan.FromSeconds(20);

    public static void Map(FrontRoutes routes, OpenAIFront front)
    {
        routes.Socket(
            Path,
            (context, requestId) => RunAsync(context, requestId, front),
            new WebSocketOptions { KeepAliveInterval = PingEvery, KeepAliveTimeout = PingEvery });
        routes.Post(Path + "/client_secrets", (context, requestId) => MintAsync(context, requestId, front));
        routes.Missing(Path + "/{**rest}", static context => new ApiError(
            ErrorKind.UnknownUrl,
            $"{context.Request.Path} is not available here: of Realtime there are sessions over WebSockets ({Path}) and {Path}/client_secrets."));
    }

    /// <summary>What a session's key is: a customer's, or a secret that one has made of it.</summary>
    public static bool TryReadKey(HttpContext context, SigningSecrets secrets, out ApiKey key, out ClientSecret? secret)
    {
        var text = KeyReader.TextOf(context.Request);
        foreach (var protocol in context.WebSockets.WebSocketRequestedProtocols)
        {
            text = text.IsEmpty && protocol.StartsWith(KeyProtocol, StringComparison.Ordinal) ? protocol.AsSpan(KeyProtocol.Length) : text;
        }

        secret = null;
        if (!text.StartsWith(ClientSecret.Prefix))
        {
            return ApiKey.TryParse(text, secrets, out key);
        }

        key = ClientSecret.TryParse(text, secrets, out secret) ? secret.Key : default;
        return secret is not null;
    }

    private static async Task RunAsync(HttpContext context, string requestId, OpenAIFront front)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.Headers.Upgrade = "websocket";
            await ErrorReply.WriteAsync(context, front, new ApiError(
                ErrorKind.InvalidRequest, $"{Path} is a WebSocket: connect to it with 'Upgrade: websocket'."));
            return;
        }

        // The list of protocols may have a key in it: nothing of it goes back but this.
        var speaks = context.WebSockets.WebSocketRequestedProtocols.Contains("realtime");
        using var socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext { SubProtocol = speaks ? "realtime" : null });
        using var session = new RealtimeSession(context, socket, requestId, front, context.RequestServices.GetRequiredService<RealtimeServices>());
        await session.RunAsync();
    }

    private static async Task MintAsync(HttpContext context, string requestId, OpenAIFront front)
    {
        var services = context.RequestServices.GetRequiredService<RealtimeServices>();
        using var running = new RunningRequest(context, requestId, front, services.Options, services.Watchdog, services.Time);
        var (answer, refused) = await MintAsync(running, services);
        if (answer is null)
        {
            await running.Client.RefuseAsync(refused);
        }
        else
        {
            await running.Client.SendWholeAsync(answer, chargedNanos: 0, "application/json");
        }

        await running.Client.CloseAsync();
    }

    private static async ValueTask<(byte[]? Answer, ApiError Refused)> MintAsync(RunningRequest running, RealtimeServices services)
    {
        if (!KeyReader.TryRead(running.Client.Request, services.Secrets, out var key))
        {
            return (null, Refusals.InvalidKey);
        }

        if (services.Catalog.Current is not { } catalog)
        {
            return (null, Refusals.NoCatalog);
        }

        var caller = new Caller(key, ClientAddress.Of(running.Client.Request.HttpContext));
        if (await services.Bodies.ReadAsync(running, caller) is { } unread)
        {
            return (null, unread);
        }

        if (!TryRead(running.Client.Body.Memory, out var seconds, out var session, out var name, out var invalid))
        {
            return (null, invalid);
        }

        if (catalog.FindModel(name) is not { IsRealtime: true } model)
        {
            return (null, Refusals.ModelNotFound(name) with { Param = "session.model" });
        }

        var found = await services.Accounts.FindKeyAsync(key, caller.Address);
        if (found.Outcome != AdmitOutcome.Admitted)
        {
            return (null, Refusals.Of(found));
        }

        if (!found.Models.IsEmpty && !found.Models.Contains(model.Id, StringComparer.Ordinal))
        {
            return (null, Refusals.ModelNotAllowed(model.Id));
        }

        var expiresAt = services.Time.GetUtcNow().ToUnixTimeSeconds() + seconds;
        return new ClientSecret(key, name, expiresAt, session).ToText(services.Secrets) is { } text
            ? (Write(text, expiresAt, session.Span), default)
            : (null, new ApiError(
                ErrorKind.InvalidRequest,
                "session is too long to be part of a secret. Send its instructions and tools by session.update instead.",
                "session",
                "string_above_max_length"));
    }

    private static bool TryRead(ReadOnlyMemory<byte> body, out int seconds, out ReadOnlyMemory<byte> session, out string model, out ApiError error)
    {
        (seconds, session, model, error) = (ExpirySeconds, default, "", default);
        RequestOfSecret? request;
        try
        {
            request = JsonSerializer.Deserialize<RequestOfSecret>(body.Span, JsonSerializerOptions.Web);
        }
        catch (JsonException)
        {
            request = null;
        }

        if (request is null)
        {
            error = new ApiError(ErrorKind.InvalidRequest, "The body is no JSON object of a client secret: { \"session\": { \"type\": \"realtime\", \"model\": … } }.");
            return false;
        }

        seconds = request.ExpiresAfter?.Seconds ?? ExpirySeconds;
        if (seconds is < ExpirySecondsMin or > ExpirySecondsMax)
        {
            error = new ApiError(
                ErrorKind.InvalidRequest,
                $"expires_after.seconds must be from {ExpirySecondsMin} to {ExpirySecondsMax}.",
                "expires_after.seconds",
                "invalid_value");
            return false;
        }

        var (type, named) = request.Session is { ValueKind: JsonValueKind.Object } given ? (TextOf(given, "type"), TextOf(given, "model")) : (null, null);
        if (type is not (null or "realtime"))
        {
            error = RealtimeSession.OnlyRealtime("session.type");
            return false;
        }

        if (named is null)
        {
            error = new ApiError(ErrorKind.InvalidRequest, "session.model is missing: name the model that the secret is for.", "session.model", "missing_required_parameter");
            return false;
        }

        // Those whose type is not given are of the only one that there is.
        var text = JsonSerializer.SerializeToUtf8Bytes(request.Session);
        session = type is null ? (byte[])[.. "{\"type\":\"realtime\","u8, .. text.AsSpan(1)] : text;
        model = named;
        return true;

        static string? TextOf(JsonElement owner, string name) =>
            owner.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
    }

    private static byte[] Write(string secret, long expiresAt, ReadOnlySpan<byte> session)
    {
        using var written = new MemoryStream();
        using (var json = new Utf8JsonWriter(written))
        {
            json.WriteStartObject();
            json.WriteString("value"u8, secret);
            json.WriteNumber("expires_at"u8, expiresAt);
            json.WritePropertyName("session"u8);
            json.WriteRawValue(session);
            json.WriteEndObject();
        }

        return written.ToArray();
    }

    private sealed record RequestOfSecret(
        [property: System.Text.Json.Serialization.JsonPropertyName("expires_after")] Expiry? ExpiresAfter, JsonElement? Session);

    private sealed record Expiry(int? Seconds);
}
