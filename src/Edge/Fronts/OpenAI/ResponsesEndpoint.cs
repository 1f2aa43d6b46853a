using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Protocols.OpenAI.Responses;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>Where Responses are made, or the tokens of their input counted.</summary>
internal sealed class ResponsesEndpoint(OpenAIFront front, string path, bool isCount) : IRelayedEndpoint
{
    public IFront Front => front;

    public string Path => path;

    public static void Map(FrontRoutes routes, OpenAIFront front)
    {
        routes.Relay(new ResponsesEndpoint(front, "/v1/responses", isCount: false));
        routes.Relay(new ResponsesEndpoint(front, "/v1/responses/input_tokens", isCount: true));
        routes.Missing("/v1/responses/compact", static _ => new ApiError(
            ErrorKind.UnknownUrl, "This gateway compacts no conversations. Summarise with a request of your own."));
        KeptResponses.Map(routes, front);
    }

    public IExchange? Read(HttpRequest request, ReadOnlyMemory<byte> body, out ApiError error)
    {
        var services = request.HttpContext.RequestServices;
        var memory = services.GetRequiredService<ResponseMemory>();
        KeptResponse? previous = null;
        if (KeyReader.TryRead(request, services.GetRequiredService<SigningSecrets>(), out var key))
        {
            body = memory.Resolve(key.AccountId, body, out previous);
        }

        if (ResponsesRequest.TryRead(body, isCount, out var read, out var refusal))
        {
            error = default;
            return isCount
                ? new CountExchange(
                    read,
                    new ResponsesUpstreamRequest(read),
                    front,
                    static tokens => string.Create(CultureInfo.InvariantCulture, $"{{\"object\":\"response.input_tokens\",\"input_tokens\":{tokens}}}"))
                : new ResponsesExchange(read, front, memory, previous, services.GetRequiredService<TimeProvider>());
        }

        error = OpenAIFront.ErrorOf(refusal);
        return null;
    }
}
