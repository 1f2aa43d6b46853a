using System.Buffers;
using OrleansGateway.Edge.Fronts.Translation;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.OpenAI.Endpoints;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Fronts.OpenAI.Endpoints;

/// <summary>A stream of Completions: its events pass through, under the model's own name here, and its usage as the client asked.</summary>
internal sealed class CompletionStreamCodec(Call call, CompletionRequest request, EndpointStreamReader reader) : MeteredStreamCodec(call, reader)
{
    private readonly PooledBytes _heldBack = new(1024);
    private readonly ChatEdits _edits = ChatEdits.Of(request.Model) with { Usage = request.IncludeUsage ? UsageEdit.Null : UsageEdit.Remove };

    public override long HeldBytes => _heldBack.Length;

    public override bool HasEnded => AllChoicesEnded && reader.Ends >= request.Answers;

    private string FallbackId => "cmpl-" + Call.Running.RequestId;

    private long CreatedSeconds => Call.Running.Time.GetUtcNow().ToUnixTimeSeconds();

    public override void Sent()
    {
        if (HeldBytes == 0)
        {
            reader.Sent();
        }
    }

    public override void WriteEnd(PooledBytes events, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos)
    {
        if (outcome == AttemptOutcome.Completed)
        {
            events.Write(_heldBack.Span);
        }
        else
        {
            reader.WriteLengthEnd(events, _edits.ModelJson, FallbackId, CreatedSeconds, request.IncludeUsage);
        }

        if (request.IncludeUsage)
        {
            reader.WriteUsage(events, _edits.ModelJson, FallbackId, CreatedSeconds, usage, Call.ShownCost(chargedNanos));
        }

        events.Write(ChatStreamFrames.Done);
    }

    public override void Dispose() => _heldBack.Dispose();

    protected override AnswerRead Read(in SseEvent sseEvent, PooledBytes? events)
    {
        var read = base.Read(sseEvent, events);
        if (read != AnswerRead.Part || events is null || reader.IsUsageOnly || reader.Last.Kind != EndpointAnswerKind.Answer)
        {
            return read;
        }

        if (!AllChoicesEnded && _heldBack.Length > 0)
        {
            // Another answer has begun.
            events.Write(_heldBack.Span);
            _heldBack.Clear();
        }

        reader.WriteChunk(AllChoicesEnded ? _heldBack : events, sseEvent, _edits);
        return read;
    }
}
