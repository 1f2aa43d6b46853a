using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Dialects.Gemini;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Gemini;

namespace OrleansGateway.Edge.Fronts.Gemini;

/// <summary>A method of the models.</summary>
internal sealed class GeminiEndpoint(GeminiFront front, GeminiMethod method, bool stream) : IRelayedEndpoint
{
    /// <summary>What follows the model in the path.</summary>
    public string Action { get; } = stream ? "streamGenerateContent" : GeminiFormats.NameOf(method);

    public IFront Front => front;

    public string Path => "/v1beta/models/{model}:" + Action;

    public IExchange? Read(HttpRequest request, ReadOnlyMemory<byte> body, out ApiError error)
    {
        // The server leaves an escaped slash as it is.
        var owner = request.RouteValues["owner"] is string given ? given + "/" : "";
        var model = Uri.UnescapeDataString(owner + (request.RouteValues["model"] as string ?? ""));
        if (GeminiRequest.TryRead(body, model, method, stream, out var read, out var refusal))
        {
            error = default;
            var isArray = stream && request.Query["alt"] != "sse" && request.Query["$alt"] != "sse";
            return new GeminiExchange(read, front, new GeminiFraming(isArray));
        }

        error = new ApiError(refusal.IsMissingId ? ErrorKind.NotKept : ErrorKind.InvalidRequest, refusal.Message, refusal.Field, refusal.Code);
        return null;
    }
}
