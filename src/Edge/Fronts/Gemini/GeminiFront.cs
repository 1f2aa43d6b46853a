using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Gemini;

namespace OrleansGateway.Edge.Fronts.Gemini;

/// <summary>What clients of Gemini speak.</summary>
internal sealed class GeminiFront : IFront, IModelsForm
{
    private const int PageSizeDefault = 50;
    private const int PageSizeMax = 1000;

    /// <summary>An empty line between events: some of Google's clients take a comment for an event, and break on it.</summary>
    public ReadOnlyMemory<byte> KeepAlive { get; } = "\n"u8.ToArray();

    public void Map(FrontRoutes routes)
    {
        foreach (var (method, stream) in (ReadOnlySpan<(GeminiMethod, bool)>)
            [(GeminiMethod.Generate, false), (GeminiMethod.Generate, true), (GeminiMethod.CountTokens, false), (GeminiMethod.Embed, false), (GeminiMethod.BatchEmbed, false)])
        {
            var endpoint = new GeminiEndpoint(this, method, stream);

            // A slash in a model's name stands as it is in what Google's clients send.
            routes.Relay(
                endpoint, $"/v1/models/{{model}}:{endpoint.Action}", $"/v1beta/models/{{owner}}/{{model}}:{endpoint.Action}", $"/v1/models/{{owner}}/{{model}}:{endpoint.Action}");
        }

        routes.Models("/v1beta/models", "/v1beta/models/{**model}", this);
        routes.Rest("/v1beta");
    }

    public FrontError ErrorOf(in ApiError error)
    {
        var entry = ErrorList.Of(error.Kind);
        var status = error.Kind switch
        {
            ErrorKind.InvalidKey or ErrorKind.IdempotencyKeyReused => 400,
            _ => entry.Status,
        };
        var name = status switch
        {
            402 or 429 => "RESOURCE_EXHAUSTED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            408 or 504 => "DEADLINE_EXCEEDED",
            409 => "ABORTED",
            499 => "CANCELLED",
            500 => "INTERNAL",
            502 when error.Kind == ErrorKind.ProviderRefusedGateway => "UNAVAILABLE",
            502 => "INTERNAL",
            503 => "UNAVAILABLE",
            _ => "INVALID_ARGUMENT",
        };
        var reason = error.Kind == ErrorKind.InvalidKey ? "API_KEY_INVALID" : (error.Code ?? entry.Code)?.ToUpperInvariant();
        return new FrontError(status, name, reason);
    }

    public void WriteError(IBufferWriter<byte> writer, in ApiError error) => GeminiErrors.Write(writer, Convert(error));

    public void WriteErrorEvent(IBufferWriter<byte> writer, in ApiError error) => GeminiErrors.WriteLast(writer, new GeminiFraming(isArray: false), Convert(error));

    public GeminiError Convert(in ApiError error)
    {
        var (status, name, reason) = ErrorOf(error);

        // Who has no money is not told to come back.
        return new GeminiError(status, name, error.Message, reason, error.Param, status is 429 or 503 ? error.RetryAfterMs : 0);
    }

    /// <summary>What is left where others have the same path: the key's place shows who asks.</summary>
    public bool IsAskedBy(HttpRequest request) => request.Headers.ContainsKey("x-goog-api-key") || request.Query.ContainsKey("key");

    public void WriteModels(Utf8JsonWriter json, IReadOnlyList<(string Name, Model Model)> models, HttpRequest request)
    {
        var size = Number(request, "pageSize") is { } asked and > 0 ? Math.Min(asked, PageSizeMax) : PageSizeDefault;
        var start = Math.Min(Number(request, "pageToken") ?? 0, models.Count);
        var end = Math.Min(start + size, models.Count);
        json.WriteStartObject();
        json.WriteStartArray("models"u8);
        for (var i = start; i < end; i++)
        {
            WriteModel(json, models[i].Name, models[i].Model);
        }

        json.WriteEndArray();
        if (end < models.Count)
        {
            json.WriteString("nextPageToken"u8, end.ToString(CultureInfo.InvariantCulture));
        }

        json.WriteEndObject();
    }

    public void WriteModel(Utf8JsonWriter json, string name, Model model)
    {
        json.WriteStartObject();
        json.WriteString("name"u8, "models/" + name);
        json.WriteString("baseModelId"u8, model.Id);
        json.WriteString("version"u8, model.Id);
        json.WriteString("displayName"u8, name);
        json.WriteNumber("inputTokenLimit"u8, model.ContextWindow);
        json.WriteNumber("outputTokenLimit"u8, model.MaxOutputTokens);
        json.WriteStartArray("supportedGenerationMethods"u8);
        json.WriteStringValue("generateContent"u8);
        json.WriteStringValue("countTokens"u8);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static int? Number(HttpRequest request, string name) =>
        int.TryParse(request.Query[name], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
