using System.Text.Json;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.Anthropic;

/// <summary>Kinds of events of a stream.</summary>
internal enum MessagesEventKind
{
    Other,
    MessageStart,
    BlockStart,
    BlockDelta,
    BlockStop,
    MessageDelta,
    MessageStop,
    Ping,
    Error,
}

/// <summary>Kinds of a block's pieces.</summary>
internal enum MessagesDelta
{
    None,
    Text,
    Thinking,
    Signature,
    Json,
}

/// <summary>Where a text stands in a JSON text, between its quotes.</summary>
internal readonly record struct JsonText(int Start, int End)
{
    public ReadOnlySpan<byte> In(ReadOnlySpan<byte> json) => json[Start..End];
}

/// <summary>One event's data, or one block of a whole answer, in one pass. Its texts are as they stand between the quotes.</summary>
internal ref struct MessagesEvent(ReadOnlySpan<byte> data)
{
    private readonly ReadOnlySpan<byte> _data = data;

    public MessagesEventKind Kind { get; private set; }

    public int Index { get; private set; }

    public JsonMember Model { get; private set; }

    /// <summary>What it says was used so far.</summary>
    public JsonMember Usage { get; private set; }

    /// <summary>A block's <c>type</c>.</summary>
    public readonly ReadOnlySpan<byte> BlockType => _blockType.In(_data);

    public readonly ReadOnlySpan<byte> Id => _id.In(_data);

    public readonly ReadOnlySpan<byte> Name => _name.In(_data);

    public JsonMember Input { get; private set; }

    public MessagesDelta DeltaKind { get; private set; }

    /// <summary>The text, thinking, hidden thinking, signature or partial JSON of the event's block or piece.</summary>
    public readonly ReadOnlySpan<byte> Text => _text.In(_data);

    /// <summary>The signature of a whole block.</summary>
    public readonly ReadOnlySpan<byte> Signature => _signature.In(_data);

    public readonly ReadOnlySpan<byte> StopReason => _stopReason.In(_data);

    public readonly ReadOnlySpan<byte> StopSequence => _stopSequence.In(_data);

    public readonly ReadOnlySpan<byte> StopSequenceJson => _stopMember.IsPresent ? _stopMember.Value(_data) : "null"u8;

    private JsonMember _stopMember;
    private JsonText _blockType;
    private JsonText _id;
    private JsonText _name;
    private JsonText _text;
    private JsonText _signature;
    private JsonText _stopReason;
    private JsonText _stopSequence;

    /// <summary>Reads an event's data.</summary>
    /// <param name="usage">Gets what it says of usage.</param>
    /// <returns>Whether it is an object.</returns>
    public bool TryScan(ref MessagesUsage usage, JsonReaderOptions options)
    {
        var reader = new Utf8JsonReader(_data, options);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return false;
        }

        var hasError = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("type"u8))
            {
                Kind = KindOf(MessagesReader.Text(ref reader).In(_data));
            }
            else if (reader.ValueTextEquals("index"u8))
            {
                reader.Read();
                Index = reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var index) && index >= 0 ? index : 0;
                reader.Skip();
            }
            else if (reader.ValueTextEquals("delta"u8) || reader.ValueTextEquals("content_block"u8))
            {
                reader.Read();
                ScanBlock(ref reader);
            }
            else if (reader.ValueTextEquals("usage"u8))
            {
                ReadUsage(ref reader, ref usage);
            }
            else if (reader.ValueTextEquals("message"u8))
            {
                reader.Read();
                ScanMessage(ref reader, ref usage);
            }
            else
            {
                var isError = reader.ValueTextEquals("error"u8);
                reader.Read();
                hasError |= isError && reader.TokenType is not JsonTokenType.Null;
                reader.Skip();
            }
        }

        Kind = hasError ? MessagesEventKind.Error : Kind;

        // Nothing may follow.
        return !reader.Read();
    }

    /// <summary>Reads a block or a piece of one; the reader stands on its first token and ends on its last.</summary>
    public void ScanBlock(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("type"u8))
            {
                _blockType = MessagesReader.Text(ref reader);
                DeltaKind = DeltaOf(BlockType);
            }
            else if (reader.ValueTextEquals("text"u8) || reader.ValueTextEquals("thinking"u8) || reader.ValueTextEquals("partial_json"u8)
                || reader.ValueTextEquals("data"u8))
            {
                _text = MessagesReader.Text(ref reader);
            }
            else if (reader.ValueTextEquals("signature"u8))
            {
                _signature = MessagesReader.Text(ref reader);
            }
            else if (reader.ValueTextEquals("id"u8))
            {
                _id = MessagesReader.Text(ref reader);
            }
            else if (reader.ValueTextEquals("name"u8))
            {
                _name = MessagesReader.Text(ref reader);
            }
            else if (reader.ValueTextEquals("input"u8))
            {
                Input = Skip(ref reader);
            }
            else if (reader.ValueTextEquals("stop_reason"u8))
            {
                _stopReason = MessagesReader.Text(ref reader);
            }
            else if (reader.ValueTextEquals("stop_sequence"u8))
            {
                _stopMember = Skip(ref reader);
                _stopSequence = reader.TokenType == JsonTokenType.String ? new(_stopMember.ValueStart + 1, _stopMember.ValueEnd - 1) : default;
            }
            else
            {
                Skip(ref reader);
            }
        }

        _text = DeltaKind == MessagesDelta.Signature ? _signature : _text;
    }

    private void ScanMessage(ref Utf8JsonReader reader, ref MessagesUsage usage)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("usage"u8))
            {
                ReadUsage(ref reader, ref usage);
            }
            else
            {
                var isModel = reader.ValueTextEquals("model"u8);
                var member = Skip(ref reader);
                Model = isModel ? member : Model;
            }
        }
    }

    private void ReadUsage(ref Utf8JsonReader reader, ref MessagesUsage usage)
    {
        var nameStart = (int)reader.TokenStartIndex;
        reader.Read();
        var (start, isObject) = ((int)reader.TokenStartIndex, reader.TokenType == JsonTokenType.StartObject);
        usage.Read(ref reader, isAgain: Usage.IsPresent);
        Usage = isObject ? new(nameStart, start, (int)reader.BytesConsumed) : Usage;
    }

    private static JsonMember Skip(ref Utf8JsonReader reader)
    {
        var nameStart = (int)reader.TokenStartIndex;
        reader.Read();
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return new(nameStart, start, (int)reader.BytesConsumed);
    }

    private static MessagesEventKind KindOf(ReadOnlySpan<byte> type) =>
        type.SequenceEqual("content_block_delta"u8) ? MessagesEventKind.BlockDelta
        : type.SequenceEqual("content_block_start"u8) ? MessagesEventKind.BlockStart
        : type.SequenceEqual("content_block_stop"u8) ? MessagesEventKind.BlockStop
        : type.SequenceEqual("message_start"u8) ? MessagesEventKind.MessageStart
        : type.SequenceEqual("message_delta"u8) ? MessagesEventKind.MessageDelta
        : type.SequenceEqual("message_stop"u8) ? MessagesEventKind.MessageStop
        : type.SequenceEqual("ping"u8) ? MessagesEventKind.Ping
        : type.SequenceEqual("error"u8) ? MessagesEventKind.Error
        : MessagesEventKind.Other;

    private static MessagesDelta DeltaOf(ReadOnlySpan<byte> type) =>
        type.SequenceEqual("text_delta"u8) ? MessagesDelta.Text
        : type.SequenceEqual("input_json_delta"u8) ? MessagesDelta.Json
        : type.SequenceEqual("thinking_delta"u8) ? MessagesDelta.Thinking
        : type.SequenceEqual("signature_delta"u8) ? MessagesDelta.Signature
        : MessagesDelta.None;
}
