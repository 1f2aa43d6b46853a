using System.Buffers;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.OpenAI.Responses;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>How a stream of Responses looks. Its error is a response that failed: clients overlook a plain one.</summary>
internal sealed class ResponsesStreamForm(IFront front, ResponsesProgress progress) : IStreamForm
{
    /// <summary>How far the attempt that runs has come.</summary>
    public ResponsesProgress Progress { get; set; } = progress;

    public ReadOnlyMemory<byte> KeepAlive => front.KeepAlive;

    public void WriteErrorEvent(IBufferWriter<byte> writer, in ApiError error) => Progress.WriteFailed(
        writer,
        error.Kind switch
        {
            // The words that clients know of providers.
            ErrorKind.ProviderOverloaded => "server_is_overloaded",
            ErrorKind.ProviderLimits => "rate_limit_exceeded",
            _ => front.ErrorOf(error).Code ?? "server_error",
        },
        error.Message);
}
