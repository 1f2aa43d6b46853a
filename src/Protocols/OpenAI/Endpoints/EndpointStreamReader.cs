using System.Buffers;
using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>
/// Reads the stream of one of the endpoints: of Completions, whose events are answers in pieces, or of speech, transcriptions and pictures,
/// whose events name their kind and end with <c>….done</c> or <c>….completed</c>.
/// </summary>
/// <param name="request">The request.</param>
/// <param name="kind">What output is where the usage does not say.</param>
public sealed class EndpointStreamReader(EndpointRequest request, OutputKind kind) : IAnswerReader
{
    private readonly SoundLength? _sound = request is SpeechRequest ? new() : null;
    private UInt128 _seen;
    private UInt128 _ended;
    private UInt128 _sent;
    private ChatStreamHead _head;
    private TokenEstimate _text;
    private byte[] _usageJson = [];

    /// <inheritdoc/>
    public TokenUsage? Reported { get; private set; }

    /// <inheritdoc/>
    public string? ServiceTier => null;

    /// <summary>The event that was read last.</summary>
    public EndpointAnswer Last { get; private set; }

    /// <summary>Whether the last event only tells the usage: the chunk for clients that ask for it.</summary>
    public bool IsUsageOnly { get; private set; }

    /// <summary>How many ends have come.</summary>
    public int Ends { get; private set; }

    /// <summary>What was counted so far.</summary>
    public AnswerCounts Counts => new(Reported, Ends, _text.Tokens, _sound?.Seconds ?? 0);

    /// <inheritdoc/>
    public AnswerRead Read(in SseEvent sseEvent, IAnswerEvents events)
    {
        ArgumentNullException.ThrowIfNull(events);
        var data = sseEvent.Data.Span;
        if (data.Trim(" \n"u8).SequenceEqual("[DONE]"u8))
        {
            return AnswerRead.End;
        }

        Last = EndpointAnswer.Read(data, kind);
        var isError = Last.Kind == EndpointAnswerKind.Error || TypeIs(sseEvent, "error"u8);
        if (Last.Kind == EndpointAnswerKind.Malformed || isError)
        {
            return isError ? AnswerRead.Error : data.Trim(" \n"u8).IsEmpty ? AnswerRead.Part : AnswerRead.Malformed;
        }

        if (Last.Counts.Reported is { } reported)
        {
            Reported = reported;
            _usageJson = Last.UsageJson(data).ToArray();
        }

        if (request is CompletionRequest)
        {
            TakeChunk(data, events);
        }
        else
        {
            TakeEvent(sseEvent, data, events);
        }

        return AnswerRead.Part;
    }

    /// <inheritdoc/>
    public AnswerRead ReadWhole(ReadOnlySpan<byte> answer, IAnswerEvents events) => AnswerRead.Malformed;

    /// <summary>Writes the last event, a chunk of Completions, as the client gets it.</summary>
    public void WriteChunk(IBufferWriter<byte> writer, in SseEvent sseEvent, in ChatEdits edits) =>
        new ChatChunk { Kind = ChatPayloadKind.Choices, Members = Last.Members }.WriteEvent(writer, sseEvent, edits);

    /// <summary>Ends each answer of Completions that has not ended as one at its length limit.</summary>
    /// <param name="fallbackId">The id where no chunk came.</param>
    public void WriteLengthEnd(IBufferWriter<byte> writer, ReadOnlyMemory<byte> modelJson, string fallbackId, long createdSeconds, bool withNullUsage)
    {
        var open = (_seen == 0 ? 1 : _seen) & ~_sent;
        for (var index = 0; index < CompletionRequest.MaxAnswers; index++)
        {
            if ((open & (UInt128.One << index)) == 0)
            {
                continue;
            }

            writer.Write(ChatStreamFrames.DataPrefix);
            _head.Write(writer, "text_completion"u8, modelJson, fallbackId, createdSeconds);
            writer.Write("[{\"text\":\"\",\"index\":"u8);
            ChatStreamHead.WriteNumber(writer, index);
            writer.Write(",\"logprobs\":null,\"finish_reason\":\"length\"}]"u8);
            writer.Write(withNullUsage ? ",\"usage\":null}\n\n"u8 : "}\n\n"u8);
        }
    }

    /// <summary>Says that the client has all that was read, the ends too.</summary>
    public void Sent() => _sent = _ended;

    /// <summary>Writes the chunk of Completions that tells the usage.</summary>
    public void WriteUsage(
        IBufferWriter<byte> writer, ReadOnlyMemory<byte> modelJson, string fallbackId, long createdSeconds, in TokenUsage usage, long? costNanos)
    {
        writer.Write(ChatStreamFrames.DataPrefix);
        _head.Write(writer, "text_completion"u8, modelJson, fallbackId, createdSeconds);
        writer.Write("[],\"usage\":"u8);
        if (_usageJson.Length == 0 || usage.IsEstimated)
        {
            ChatUsageJson.Write(writer, usage, costNanos);
        }
        else
        {
            _usageJson.AsSpan().Replace((byte)'\n', (byte)' ');
            UsageCost.Write(writer, _usageJson, costNanos);
        }

        writer.Write("}\n\n"u8);
    }

    private void TakeChunk(ReadOnlySpan<byte> data, IAnswerEvents events)
    {
        IsUsageOnly = Last.HasUsage && Last.Choices == 0;
        if (!_head.IsPresent && Last.HasId)
        {
            _head = Last.HeadOf(data);
        }

        _seen |= Last.Choices;
        _ended |= Last.EndedChoices;
        Ends = (int)UInt128.PopCount(_ended);
        if (Last.Choices == 0)
        {
            return;
        }

        TellText(data, events);
        for (var left = Last.Choices; left != 0; left &= left - 1)
        {
            var index = (int)UInt128.TrailingZeroCount(left);
            events.Take(new AnswerEvent { Kind = AnswerEventKind.Text, Choice = index });
            if ((Last.EndedChoices & (UInt128.One << index)) != 0)
            {
                events.Take(new AnswerEvent { Kind = AnswerEventKind.ChoiceEnd, Choice = index });
            }
        }
    }

    /// <summary>The text of a chunk's choices, in their order.</summary>
    private void TellText(ReadOnlySpan<byte> data, IAnswerEvents events)
    {
        var reader = new Utf8JsonReader(data);
        while (reader.Read())
        {
            // Depth: the root's members are at 1, those of its choices at 3.
            if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 3 && reader.ValueTextEquals("text"u8)
                && reader.Read() && reader.TokenType == JsonTokenType.String)
            {
                _text.AddJson(reader.ValueSpan);
                events.Take(new AnswerEvent { Kind = AnswerEventKind.Text, Choice = (int)UInt128.TrailingZeroCount(Last.Choices), Text = reader.ValueSpan });
            }
        }
    }

    private void TakeEvent(in SseEvent sseEvent, ReadOnlySpan<byte> data, IAnswerEvents events)
    {
        var isEnd = TypeEndsWith(sseEvent, ".completed"u8) || (TypeEndsWith(sseEvent, ".done"u8) && !TypeEndsWith(sseEvent, ".segment.done"u8));
        if (isEnd)
        {
            // The text of a transcription comes once more, whole.
            Ends++;
            events.Take(new AnswerEvent { Kind = AnswerEventKind.Image, Text = "."u8 });
            events.Take(new AnswerEvent { Kind = AnswerEventKind.ChoiceEnd });
            return;
        }

        _sound?.Add(data);
        var text = TypeEndsWith(sseEvent, ".delta"u8) ? Last.TextJson(data) : default;
        if (text.IsEmpty)
        {
            events.Take(new AnswerEvent { Kind = AnswerEventKind.Image, Text = "."u8 });
            return;
        }

        _text.AddJson(text[1..^1]);
        events.Take(new AnswerEvent { Kind = AnswerEventKind.Text, Text = text[1..^1] });
    }

    private static bool TypeIs(in SseEvent sseEvent, ReadOnlySpan<byte> type) =>
        sseEvent.Type.Span.SequenceEqual(type) || TypeOf(sseEvent.Data.Span).SequenceEqual(type);

    private static bool TypeEndsWith(in SseEvent sseEvent, ReadOnlySpan<byte> end)
    {
        var type = TypeOf(sseEvent.Data.Span);
        return (type.IsEmpty ? sseEvent.Type.Span : type).EndsWith(end);
    }

    /// <summary>The value of a payload's <c>type</c>; empty when it has none.</summary>
    private static ReadOnlySpan<byte> TypeOf(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isType = reader.ValueTextEquals("type"u8);
                reader.Read();
                if (isType && reader.TokenType == JsonTokenType.String)
                {
                    return reader.ValueSpan;
                }

                reader.Skip();
            }
        }
        catch (Exception broken) when (broken is JsonException or InvalidOperationException)
        {
            // Whoever reads all of it says so.
        }

        return default;
    }
}
