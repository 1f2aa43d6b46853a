using System.Buffers;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>What clients of OpenAI speak.</summary>
internal sealed class OpenAIFront(ModelsEndpoint models) : IFront
{
    public ReadOnlyMemory<byte> KeepAlive { get; } = ChatStreamFrames.KeepAlive.ToArray();

    public void Map(FrontRoutes routes)
    {
        routes.Relay(new ChatEndpoint(this));
        routes.Get("/v1/models", context => models.ListAsync(context, this));
        routes.Get("/v1/models/{**model}", context => models.GetAsync(context, this));
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

    private OpenAIError Convert(in ApiError error)
    {
        var (status, type, code) = ErrorOf(error);
        return new OpenAIError(status, error.Message, type, error.Param, code);
    }

    private sealed class ChatEndpoint(IFront front) : IRelayedEndpoint
    {
        public IFront Front => front;

        public string Path => "/v1/chat/completions";

        public IExchange? Read(ReadOnlyMemory<byte> body, out ApiError error)
        {
            // How many choices are too many, the model says.
            if (ChatRequest.TryRead(body, int.MaxValue, out var request, out var refusal))
            {
                error = default;
                return new ChatExchange(request);
            }

            error = new ApiError(ErrorKind.InvalidRequest, refusal.Message, refusal.Param, refusal.Code);
            return null;
        }
    }
}
