using System.Text.Encodings.Web;
using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Protocols.Anthropic;

/// <summary>
/// Reads an answer of Anthropic's Messages. What it notes of the last event, places included, is for who passes that event on.
/// </summary>
/// <param name="asksSpeed">Whether the request asks for a speed: without a word of it the answer's tier is not known.</param>
public sealed class MessagesReader(bool asksSpeed = false) : IAnswerReader
{
    private readonly JsonReaderOptions _options = new() { MaxDepth = MessagesRequest.MaxDepth };
    private MessagesUsage _usage;
    private Block _block;
    private int _tools;
    private bool _hasArguments;
    private byte[] _stopJson = [];

    /// <inheritdoc/>
    public TokenUsage? Reported => _usage.Tokens;

    /// <inheritdoc/>
    public string? ServiceTier => _usage.Speed is { } speed && speed != "standard" ? speed : asksSpeed && _usage.Speed is null ? null : _usage.ServiceTier;

    /// <inheritdoc/>
    public bool? HasJustReported { get; private set; }

    /// <summary>What the last event is.</summary>
    internal MessagesEventKind Kind { get; private set; }

    /// <summary>Where the model's name stands in the last event, or in the whole answer.</summary>
    internal JsonMember Model { get; private set; }

    /// <summary>Where the usage stands in the last event, or in the whole answer.</summary>
    internal JsonMember Usage { get; private set; }

    /// <summary>The number of the block that the last event is of.</summary>
    internal int Index { get; private set; }

    /// <summary>Why and by which text the answer ended: the members of its <c>delta</c>, as they came; empty before.</summary>
    internal ReadOnlySpan<byte> StopJson => _stopJson;

    private enum Block
    {
        None,
        Text,
        Thinking,
        Tool,
        Other,
    }

    /// <inheritdoc/>
    public AnswerRead Read(in SseEvent sseEvent, IAnswerEvents events)
    {
        ArgumentNullException.ThrowIfNull(events);
        var data = sseEvent.Data.Span;
        (Kind, Model, Usage, HasJustReported) = (MessagesEventKind.Other, default, default, false);
        if (data.Trim(" \n"u8).IsEmpty)
        {
            return AnswerRead.Part;
        }

        try
        {
            var scan = new MessagesEvent(data);
            if (!scan.TryScan(ref _usage, _options))
            {
                return AnswerRead.Malformed;
            }

            (Kind, Index, Model, Usage, HasJustReported) = (scan.Kind, scan.Index, scan.Model, scan.Usage, scan.Usage.IsPresent && _usage.TellsOutput);
            return Take(scan, data, events);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return AnswerRead.Malformed;
        }
    }

    /// <inheritdoc/>
    public AnswerRead ReadWhole(ReadOnlySpan<byte> answer, IAnswerEvents events)
    {
        ArgumentNullException.ThrowIfNull(events);
        try
        {
            var reader = new Utf8JsonReader(answer, _options);
            reader.Read();
            return reader.TokenType == JsonTokenType.StartObject ? ReadMessage(ref reader, answer, events) : AnswerRead.Malformed;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return AnswerRead.Malformed;
        }
    }

    private AnswerRead Take(in MessagesEvent scan, ReadOnlySpan<byte> data, IAnswerEvents events)
    {
        switch (scan.Kind)
        {
            case MessagesEventKind.BlockStart:
                StartBlock(scan, data, events);
                return AnswerRead.Part;
            case MessagesEventKind.BlockDelta:
                TakeDelta(scan, events);
                return AnswerRead.Part;
            case MessagesEventKind.BlockStop:
                StopBlock(events);
                return AnswerRead.Part;
            case MessagesEventKind.MessageDelta when !scan.StopReason.IsEmpty:
                _stopJson = [.. "\"stop_reason\":\""u8, .. scan.StopReason, .. "\",\"stop_sequence\":"u8, .. scan.StopSequenceJson];
                End(scan.StopReason, scan.StopSequence, events);
                return AnswerRead.Part;
            case MessagesEventKind.MessageStop:
                return AnswerRead.End;
            case MessagesEventKind.Error:
                return AnswerRead.Error;
            default:
                return AnswerRead.Part;
        }
    }

    private void StartBlock(in MessagesEvent scan, ReadOnlySpan<byte> data, IAnswerEvents events)
    {
        StartBlock(scan.BlockType, scan.Id, scan.Name, events);
        if (_block == Block.Tool && scan.Input.IsPresent && !IsEmptyObject(scan.Input.Value(data)))
        {
            TakeInput(scan.Input.Value(data), events);
        }
        else if (_block is Block.Text or Block.Thinking && !scan.Text.IsEmpty)
        {
            events.Take(new AnswerEvent { Kind = _block == Block.Text ? AnswerEventKind.Text : AnswerEventKind.Reasoning, Text = scan.Text });
        }
        else if (scan.BlockType.SequenceEqual("redacted_thinking"u8))
        {
            events.Take(new AnswerEvent { Kind = AnswerEventKind.HiddenReasoning, Text = scan.Text });
        }
    }

    private void StartBlock(ReadOnlySpan<byte> type, ReadOnlySpan<byte> id, ReadOnlySpan<byte> name, IAnswerEvents events)
    {
        _block = type.SequenceEqual("text"u8) ? Block.Text
            : type.SequenceEqual("thinking"u8) ? Block.Thinking
            : type.SequenceEqual("tool_use"u8) ? Block.Tool
            : Block.Other;
        if (_block == Block.Other && !type.SequenceEqual("redacted_thinking"u8))
        {
            events.Take(new AnswerEvent { Kind = AnswerEventKind.Other, Text = type });
        }
        else if (_block == Block.Tool)
        {
            _hasArguments = false;
            events.Take(new AnswerEvent { Kind = AnswerEventKind.ToolStart, Tool = _tools++, Id = id, Name = name });
        }
    }

    private void TakeDelta(in MessagesEvent scan, IAnswerEvents events)
    {
        AnswerEventKind? kind = scan.DeltaKind switch
        {
            MessagesDelta.Text when _block != Block.Other => AnswerEventKind.Text,
            MessagesDelta.Thinking => AnswerEventKind.Reasoning,
            MessagesDelta.Signature => AnswerEventKind.Signature,
            MessagesDelta.Json when _block == Block.Tool => AnswerEventKind.ToolArguments,
            _ => null,
        };
        if (kind is { } known && !scan.Text.IsEmpty)
        {
            _hasArguments |= known == AnswerEventKind.ToolArguments;
            events.Take(new AnswerEvent { Kind = known, Tool = Math.Max(0, _tools - 1), Text = scan.Text });
        }
    }

    private void StopBlock(IAnswerEvents events)
    {
        if (_block == Block.Tool && !_hasArguments)
        {
            events.Take(new AnswerEvent { Kind = AnswerEventKind.ToolArguments, Tool = _tools - 1, Text = "{}"u8 });
        }

        _block = Block.None;
    }

    private void TakeInput(ReadOnlySpan<byte> json, IAnswerEvents events)
    {
        _hasArguments = true;
        events.Take(new AnswerEvent
        {
            Kind = AnswerEventKind.ToolArguments,
            Tool = _tools - 1,
            Text = JsonEncodedText.Encode(json, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes,
        });
    }

    private static void End(ReadOnlySpan<byte> reason, ReadOnlySpan<byte> sequence, IAnswerEvents events) => events.Take(new AnswerEvent
    {
        Kind = AnswerEventKind.ChoiceEnd,
        Stop = MessagesStop.Of(reason),
        Text = sequence,
    });

    private AnswerRead ReadMessage(ref Utf8JsonReader reader, ReadOnlySpan<byte> answer, IAnswerEvents events)
    {
        var (reason, sequence) = (default(JsonText), default(JsonText));
        var (hasContent, isError) = (false, false);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var nameStart = (int)reader.TokenStartIndex;
            if (reader.ValueTextEquals("content"u8))
            {
                reader.Read();
                hasContent = reader.TokenType == JsonTokenType.StartArray;
                ReadContent(ref reader, answer, events);
            }
            else if (reader.ValueTextEquals("usage"u8))
            {
                reader.Read();
                var start = (int)reader.TokenStartIndex;
                _usage.Read(ref reader, isAgain: Usage.IsPresent);
                Usage = new(nameStart, start, (int)reader.BytesConsumed);
            }
            else if (reader.ValueTextEquals("model"u8))
            {
                reader.Read();
                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                Model = new(nameStart, start, (int)reader.BytesConsumed);
            }
            else if (reader.ValueTextEquals("stop_reason"u8))
            {
                reason = Text(ref reader);
            }
            else if (reader.ValueTextEquals("stop_sequence"u8))
            {
                sequence = Text(ref reader);
            }
            else if (reader.ValueTextEquals("type"u8))
            {
                isError |= Text(ref reader).In(answer).SequenceEqual("error"u8);
            }
            else
            {
                var isErrorMember = reader.ValueTextEquals("error"u8);
                reader.Read();
                isError |= isErrorMember && reader.TokenType is not (JsonTokenType.Null or JsonTokenType.False);
                reader.Skip();
            }
        }

        // The rest of the body is no part of a message.
        reader.Read();
        if (isError || !hasContent)
        {
            return isError ? AnswerRead.Error : AnswerRead.Malformed;
        }

        End(reason.In(answer), sequence.In(answer), events);
        return AnswerRead.End;
    }

    private void ReadContent(ref Utf8JsonReader reader, ReadOnlySpan<byte> answer, IAnswerEvents events)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType == JsonTokenType.StartObject)
            {
                var block = new MessagesEvent(answer);
                block.ScanBlock(ref reader);
                TakeBlock(block, answer, events);
            }
        }
    }

    private void TakeBlock(in MessagesEvent block, ReadOnlySpan<byte> answer, IAnswerEvents events)
    {
        StartBlock(block, answer, events);
        if (_block == Block.Thinking && !block.Signature.IsEmpty)
        {
            events.Take(new AnswerEvent { Kind = AnswerEventKind.Signature, Text = block.Signature });
        }

        StopBlock(events);
    }

    /// <summary>Where the text after a name stands; nowhere for anything else.</summary>
    internal static JsonText Text(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.String)
        {
            return new((int)reader.TokenStartIndex + 1, (int)reader.BytesConsumed - 1);
        }

        reader.Skip();
        return default;
    }

    private static bool IsEmptyObject(ReadOnlySpan<byte> json) => json is [(byte)'{', .. var inside, (byte)'}'] ? inside.Trim(" \t\r\n"u8).IsEmpty : !json.StartsWith("{"u8);
}
