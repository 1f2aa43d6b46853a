using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.OpenAI.Endpoints;

namespace OrleansGateway.Edge.Fronts.OpenAI.Endpoints;

/// <summary>One of OpenAI's endpoints beside Chat Completions and Responses: passed on to those who speak it, translated for nobody.</summary>
/// <param name="read">Reads a request; what is wrong with it comes beside it.</param>
internal sealed class OpenAIEndpoint(IFront front, string path, Func<ReadOnlyMemory<byte>, string?, (EndpointRequest Request, OpenAIError? Error)> read)
    : IRelayedEndpoint
{
    public IFront Front => front;

    public string Path => path;

    /// <summary>All of them.</summary>
    public static IEnumerable<OpenAIEndpoint> All(IFront front) =>
    [
        new(front, "/v1/embeddings", static (body, _) => Read(new EmbeddingsRequest(body))),
        new(front, "/v1/moderations", static (body, _) => Read(new ModerationsRequest(body))),
        new(front, "/v1/rerank", static (body, _) => Read(new RerankRequest(body))),
        new(front, "/v1/completions", static (body, _) => Read(new CompletionRequest(body))),
        new(front, "/v1/audio/speech", static (body, _) => Read(new SpeechRequest(body))),
        new(front, "/v1/audio/transcriptions", static (body, type) => Read(new TranscriptionRequest(body, type, isTranslation: false))),
        new(front, "/v1/audio/translations", static (body, type) => Read(new TranscriptionRequest(body, type, isTranslation: true))),
        new(front, "/v1/images/generations", static (body, _) => Read(new ImagesRequest(body, isEdit: false))),
        new(front, "/v1/images/edits", static (body, type) =>
            MultipartForm.IsForm(type) ? Read(new ImageEditForm(body, type)) : Read(new ImagesRequest(body, isEdit: true))),
    ];

    public IExchange? Read(HttpRequest httpRequest, ReadOnlyMemory<byte> body, out ApiError error)
    {
        var (request, wrong) = read(body, httpRequest.ContentType);
        error = wrong is { } refusal ? OpenAIFront.ErrorOf(refusal) : default;
        return wrong is null ? new EndpointExchange(request, front, httpRequest.Headers.ContainsKey("Idempotency-Key")) : null;
    }

    private static (EndpointRequest Request, OpenAIError? Error) Read(JsonRequest request) => (request, request.Read());

    private static (EndpointRequest Request, OpenAIError? Error) Read(FormRequest request) => (request, request.Read());
}
