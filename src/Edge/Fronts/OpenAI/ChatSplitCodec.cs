using System.Buffers;
using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A whole answer for a client that asked for a stream: it is read as the chunks that it would have been.</summary>
internal sealed class ChatSplitCodec(Call call, ChatRequest request) : IWholeCodec
{
    private static readonly SearchValues<byte> LineBreaks = SearchValues.Create("\r\n"u8);

    // What tells calls apart in a stream, their index, a whole answer lacks.
    private readonly ChatStreamCodec _stream = new(call, request, mends: true);
    private readonly PooledBytes _events = new(4096);

    public Metered Metered => _stream.Metered;

    public AttemptEnd Read(ReadOnlyMemory<byte> answer)
    {
        switch (ChatResponse.Read(answer.Span).Kind)
        {
            case ChatPayloadKind.Choices:
                Split(answer.Span);
                return AttemptEnd.Completed;
            case ChatPayloadKind.Error:
                return AttemptEnd.Failed(OpenAIDialect.ReadErrorOf(call.Route!.Channel, 200, answer.Span));
            default:
                return AttemptEnd.Unreadable;
        }
    }

    public void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos)
    {
        if (outcome == AttemptOutcome.Completed)
        {
            written.Write(_events.Span);
        }

        _stream.WriteEnd(written, outcome, usage, chargedNanos);
    }

    public void Dispose()
    {
        _stream.Dispose();
        _events.Dispose();
    }

    private void Split(ReadOnlySpan<byte> answer)
    {
        // Line breaks between its members would be those of events.
        using var line = new PooledBytes(answer.Length);
        answer.CopyTo(line.GetSpan(answer.Length));
        line.GetSpan(answer.Length)[..answer.Length].ReplaceAny(LineBreaks, (byte)' ');
        line.Advance(answer.Length);
        using var chunk = new PooledBytes(answer.Length + 64);
        foreach (var isEnd in (ReadOnlySpan<bool>)[false, true])
        {
            chunk.Clear();
            ChatChunks.Write(chunk, line.Span.Trim((byte)' '), isEnd);
            _stream.Take(default(SseEvent).WithData(chunk.Memory), _events);
        }
    }
}
