using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Fronts.OpenAI.Balances;
using OrleansGateway.Edge.Fronts.OpenAI.Endpoints;
using OrleansGateway.Edge.Fronts.OpenAI.Realtime;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>What clients of OpenAI speak.</summary>
internal sealed class OpenAIFront : IFront, IModelsForm
{
    public ReadOnlyMemory<byte> KeepAlive { get; } = ChatStreamFrames.KeepAlive.ToArray();

    public void Map(FrontRoutes routes)
    {
        routes.Relay(new ChatEndpoint(this));
        ResponsesEndpoint.Map(routes, this);
        foreach (var endpoint in OpenAIEndpoint.All(this))
        {
            routes.Relay(endpoint);
        }

        BalanceEndpoints.Map(routes, this);
        RealtimeEndpoint.Map(routes, this);
        routes.Models("/v1/models", "/v1/models/{**model}", this);
    }

    public FrontError ErrorOf(in ApiError error)
    {
        var entry = ErrorList.Of(error.Kind);
        var type = entry.Status switch
        {
            402 => "insufficient_quota",
            429 => "rate_limit_error",
            >= 500 => "server_error",
            _ => "invalid_request_error",
        };
        return new FrontError(entry.Status, type, error.Code ?? entry.Code);
    }

    public void WriteError(IBufferWriter<byte> writer, in ApiError error) => OpenAIErrors.Write(writer, Convert(error));

    public void WriteErrorEvent(IBufferWriter<byte> writer, in ApiError error) => OpenAIErrors.WriteEvent(writer, Convert(error));

    /// <summary>Everybody asks in this form who does not show to speak another.</summary>
    public bool IsAskedBy(HttpRequest request) => false;

    public void WriteModels(Utf8JsonWriter json, IReadOnlyList<(string Name, Model Model)> models, HttpRequest request)
    {
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        foreach (var (name, model) in models)
        {
            WriteModel(json, name, model);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    public void WriteModel(Utf8JsonWriter json, string name, Model model)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, name);
        json.WriteString("object"u8, "model"u8);
        json.WriteNumber("created"u8, model.Created);
        json.WriteString("owned_by"u8, model.OwnedBy);
        json.WriteEndObject();
    }

    /// <summary>A request that is refused.</summary>
    public static ApiError ErrorOf(in OpenAIError error) =>
        new(error.Status == StatusCodes.Status404NotFound ? ErrorKind.NotKept : ErrorKind.InvalidRequest, error.Message ?? "", error.Param, error.Code);

    /// <summary>An error in this protocol's form.</summary>
    public OpenAIError Convert(in ApiError error)
    {
        var (status, type, code) = ErrorOf(error);
        return new OpenAIError(status, error.Message, type, error.Param, code);
    }

    private sealed class ChatEndpoint(IFront front) : IRelayedEndpoint
    {
        public IFront Front => front;

        public string Path => "/v1/chat/completions";

        public IExchange? Read(HttpRequest httpRequest, ReadOnlyMemory<byte> body, out ApiError error)
        {
            // How many choices are too many, the model says.
            if (ChatRequest.TryRead(body, int.MaxValue, out var request, out var refusal))
            {
                error = default;
                return new ChatExchange(request, front);
            }

            error = OpenAIFront.ErrorOf(refusal);
            return null;
        }
    }
}
