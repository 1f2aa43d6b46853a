using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A stream for a client that asked for a whole answer: its chunks are put together.</summary>
internal sealed class ChatAssemblyCodec(Call call, ChatRequest request) : ChatStreamReader(call, request, call.Route!.Channel.Mend)
{
    private readonly ChatAssembly _assembly = new();

    public override long HeldBytes => _assembly.Bytes;

    public override void WriteEnd(PooledBytes events, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos) => Meter.WriteWhole(
        events, _assembly, outcome != AttemptOutcome.Completed, JsonBytes.Quote(Request.Model), usage, Call.ShownCost(chargedNanos));

    protected override void Pass(in ChatChunk chunk, in SseEvent sseEvent, PooledBytes? events) => _assembly.Add(sseEvent.Data.Span);
}
