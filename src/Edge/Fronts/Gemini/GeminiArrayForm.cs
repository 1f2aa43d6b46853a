using System.Buffers;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Gemini;

namespace OrleansGateway.Edge.Fronts.Gemini;

/// <summary>A stream without <c>alt=sse</c>: one JSON array, whose items come one after another.</summary>
internal sealed class GeminiArrayForm(GeminiFront front, GeminiFraming framing) : IStreamForm
{
    public string ContentType => "application/json; charset=utf-8";

    /// <summary>White space means nothing between items, nor before the array.</summary>
    public ReadOnlyMemory<byte> KeepAlive { get; } = "\n"u8.ToArray();

    public void WriteErrorEvent(IBufferWriter<byte> writer, in ApiError error) => GeminiErrors.WriteLast(writer, framing, front.Convert(error));
}
