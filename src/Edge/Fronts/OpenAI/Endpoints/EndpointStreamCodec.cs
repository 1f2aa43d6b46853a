using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using OrleansGateway.Edge.Fronts.Translation;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.OpenAI.Endpoints;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Fronts.OpenAI.Endpoints;

/// <summary>A stream of speech, of a transcription or of pictures: its events pass through, the first that ends something and what follows it at the end.</summary>
internal sealed class EndpointStreamCodec(Call call, EndpointRequest request, EndpointStreamReader reader) : MeteredStreamCodec(call, reader)
{
    private readonly PooledBytes _heldBack = new(1024);
    private readonly PooledBytes _data = new(1024);
    private readonly PooledBytes _usage = new(0);
    private bool _hasMarker;

    public override Metered Metered => EndpointWholeCodec.MeteredOfCut(Call, request, reader.Counts) with { HasOutput = HasOutput };

    public override long HeldBytes => _heldBack.Length;

    public override bool HasEnded => AllChoicesEnded && reader.Ends >= request.Choices;

    public override void WriteEnd(PooledBytes events, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos)
    {
        if (!request.Stream)
        {
            events.Write(_heldBack.Span);
            return;
        }

        if (outcome != AttemptOutcome.Completed)
        {
            // Nothing in these protocols says that an answer was cut.
            Call.Exchange.StreamForm.WriteErrorEvent(events, new ApiError(ErrorKind.OutOfFunds, "The account's money does not cover the rest of this answer."));
            return;
        }

        events.Write(_heldBack.Span);
        events.Write(_hasMarker ? ChatStreamFrames.Done : default);
    }

    public override void Dispose()
    {
        _heldBack.Dispose();
        _data.Dispose();
        _usage.Dispose();
    }

    protected override AnswerRead Read(in SseEvent sseEvent, PooledBytes? events)
    {
        var read = base.Read(sseEvent, events);
        _hasMarker |= read == AnswerRead.End;
        if (read != AnswerRead.Part || events is null || sseEvent.Data.IsEmpty)
        {
            return read;
        }

        if (request.Stream)
        {
            Write(AllChoicesEnded ? _heldBack : events, sseEvent);
        }
        else if (!AllChoicesEnded)
        {
            WriteSound(events, sseEvent.Data.Span);
        }

        return read;
    }

    /// <summary>Writes what has come before as bytes, and holds back what comes now.</summary>
    private void WriteSound(PooledBytes events, ReadOnlySpan<byte> json)
    {
        var sound = new Utf8JsonReader(json);
        sound.Read();
        while (sound.Read() && sound.TokenType == JsonTokenType.PropertyName)
        {
            var isSound = sound.IsText("audio");
            sound.Read();

            // An empty part is no later one: what is held back stays so until it is paid for.
            if (isSound && sound.TokenType == JsonTokenType.String && !sound.ValueSpan.IsEmpty)
            {
                events.Write(_heldBack.Span);
                _heldBack.Clear();
                _data.Clear();
                _data.Write(sound.ValueIsEscaped ? Encoding.UTF8.GetBytes(sound.Text() ?? "") : sound.ValueSpan);
                Base64.DecodeFromUtf8(_data.Span, _heldBack.GetSpan(Base64.GetMaxDecodedFromUtf8Length(_data.Length)), out _, out var written);
                _heldBack.Advance(written);
            }

            sound.Skip();
        }
    }

    private void Write(PooledBytes events, in SseEvent sseEvent)
    {
        _data.Clear();
        _usage.Clear();
        if (reader.Last.UsageJson(sseEvent.Data.Span) is var told && UsageCost.IsTold(told))
        {
            UsageCost.Write(_usage, told, null);
        }

        reader.Last.WriteTo(_data, sseEvent.Data.Span, request.Model, _usage.Memory);
        if (!sseEvent.Type.IsEmpty)
        {
            events.Write("event: "u8);
            events.Write(sseEvent.Type.Span);
            events.Write("\n"u8);
        }

        ChatStreamFrames.WriteData(events, _data.Span);
    }
}
