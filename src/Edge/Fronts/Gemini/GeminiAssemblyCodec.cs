using OrleansGateway.Edge.Fronts.Translation;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Gemini;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Fronts.Gemini;

/// <summary>A stream for a client that asked for one response: its responses are put together.</summary>
internal sealed class GeminiAssemblyCodec(Call call, IAnswerReader reader, GeminiAnswerWriter writer) : MeteredStreamCodec(call, reader, writer)
{
    public override long HeldBytes => writer.HeldBytes;

    public override void WriteEnd(PooledBytes events, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos) =>
        writer.WriteEnd(events, Totals(outcome, usage, chargedNanos));

    public override void Dispose() => writer.Dispose();
}
