using System.Buffers;
using System.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.Anthropic;

/// <summary>
/// Writes an answer of another protocol as Anthropic's. Its blocks come one after the other: of tool calls that run side by side the first
/// goes out at once, the others when it is over.
/// </summary>
/// <param name="model">The name that the client asked for.</param>
/// <param name="id">The answer's id.</param>
/// <param name="isStream">Whether the client asked for a stream.</param>
/// <param name="format">The provider's protocol, as <see cref="WireFormats"/> names it: whose signatures come.</param>
/// <param name="inputTokens">The input as it is estimated: the beginning of a stream tells it.</param>
public sealed class MessagesWriter(string model, string id, bool isStream, string format, long inputTokens) : IAnswerWriter
{
    private readonly byte[] _signatureMark = format == WireFormats.Messages ? [] : Encoding.ASCII.GetBytes(new Signature(format, "").ForeignText);
    private readonly byte[] _modelJson = JsonBytes.Quote(model);
    private readonly byte[] _idJson = JsonBytes.Quote(id);

    /// <summary>The blocks of an answer that is not streamed.</summary>
    private readonly ArrayBufferWriter<byte> _whole = new(isStream ? 1 : 1024);

    /// <summary>A tool call's arguments so far, of an answer that is not streamed.</summary>
    private readonly ArrayBufferWriter<byte> _arguments = new(1);

    /// <summary>Tool calls that wait for the one before them.</summary>
    private readonly SortedDictionary<int, WaitingTool> _waiting = [];

    private Progress _now = new(false, -1, Block.None);
    private Progress _sent = new(false, -1, Block.None);
    private int _tool = -1;
    private int _toolsDone = -1;
    private bool _isSigned;
    private bool _hasTools;
    private bool _hasRefusal;
    private StopReason? _stop;
    private byte[] _stopSequence = [];
    private long _waitingBytes;

    private enum Block
    {
        None,
        Text,
        Thinking,
        Tool,
    }

    /// <inheritdoc/>
    public IBufferWriter<byte>? To { get; set; }

    /// <inheritdoc/>
    public long HeldBytes => _waitingBytes + (isStream ? 0 : _whole.WrittenCount + _arguments.WrittenCount);

    /// <inheritdoc/>
    public void Take(in AnswerEvent answerEvent)
    {
        if (answerEvent.Choice > 0)
        {
            return;
        }

        switch (answerEvent.Kind)
        {
            case AnswerEventKind.Text or AnswerEventKind.Refusal when !answerEvent.Text.IsEmpty:
                _hasRefusal |= answerEvent.Kind == AnswerEventKind.Refusal;
                Open(Block.Text);
                Add("text_delta\",\"text\":\""u8, answerEvent.Text);
                break;
            case AnswerEventKind.Reasoning when !answerEvent.Text.IsEmpty:
                Open(Block.Thinking);
                Add("thinking_delta\",\"thinking\":\""u8, answerEvent.Text);
                break;
            case AnswerEventKind.Signature when !answerEvent.Text.IsEmpty:
                Sign(answerEvent.Text);
                break;
            case AnswerEventKind.HiddenReasoning when !answerEvent.Text.IsEmpty:
                WriteHidden(answerEvent.Text);
                break;
            case AnswerEventKind.ToolStart:
                StartTool(answerEvent);
                break;
            case AnswerEventKind.ToolArguments:
                AddArguments(answerEvent.Tool, answerEvent.Text);
                break;
            case AnswerEventKind.ChoiceEnd:
                _stop = answerEvent.Stop;
                _stopSequence = answerEvent.Text.ToArray();
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    public void Sent() => _sent = _now;

    /// <inheritdoc/>
    public void WriteEnd(IBufferWriter<byte> writer, in AnswerTotals totals)
    {
        ArgumentNullException.ThrowIfNull(writer);
        To = writer;
        if (totals.EndsAtLength && isStream)
        {
            // What the client has not got by now it does not get.
            _now = _sent;
        }
        else
        {
            WriteWaiting();
        }

        var reason = totals.EndsAtLength ? StopReason.Length : _stop ?? StopReason.Done;
        reason = reason != StopReason.Done ? reason
            : _hasTools ? StopReason.ToolCalls
            : _hasRefusal ? StopReason.ContentFilter
            : reason;
        var stop = new ArrayBufferWriter<byte>(64);
        MessagesFrames.WriteStop(stop, reason, reason == StopReason.StopSequence ? _stopSequence : default);
        if (isStream)
        {
            writer.Write(totals.IsForMoney ? MessagesFrames.ExhaustedNotice : default);
            WriteStart();
            Close();
            MessagesFrames.WriteEnd(writer, stop.WrittenSpan, totals.Usage);
            writer.Write(MessagesFrames.Stop);
            return;
        }

        Close();
        MessagesFrames.WriteMessageHead(writer, _idJson, _modelJson);
        writer.Write(_whole.WrittenSpan);
        writer.Write("],"u8);
        writer.Write(stop.WrittenSpan);
        writer.Write(",\"usage\":"u8);
        MessagesFrames.WriteUsage(writer, totals.Usage);
        writer.Write("}"u8);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    /// <summary>Makes this kind of block the open one.</summary>
    private void Open(Block block)
    {
        if (_now.Open == block)
        {
            return;
        }

        WriteWaiting();
        Close();
        if (isStream)
        {
            Begin(block == Block.Text ? "{\"type\":\"text\",\"text\":\"\"}"u8 : "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"u8);
        }
        else
        {
            WriteComma();
            _whole.Write(block == Block.Text ? "{\"type\":\"text\",\"text\":\""u8 : "{\"type\":\"thinking\",\"thinking\":\""u8);
        }

        _now = _now with { Open = block };
        _isSigned = false;
    }

    /// <summary>Ends the open block.</summary>
    private void Close()
    {
        if (_now.Open == Block.None)
        {
            return;
        }

        if (isStream)
        {
            if (To is not null)
            {
                MessagesFrames.WriteBlockStop(To, _now.Index);
            }
        }
        else if (_now.Open == Block.Tool)
        {
            WriteInput();
            _whole.Write("}"u8);
        }
        else
        {
            _whole.Write(_now.Open == Block.Thinking && !_isSigned ? "\",\"signature\":\"\"}"u8 : "\"}"u8);
        }

        _toolsDone = _now.Open == Block.Tool ? Math.Max(_toolsDone, _tool) : _toolsDone;
        _now = _now with { Open = Block.None };
    }

    private void Add(ReadOnlySpan<byte> delta, ReadOnlySpan<byte> text)
    {
        if (!isStream)
        {
            _whole.Write(text);
        }
        else if (To is not null)
        {
            WriteDelta(delta, default, text);
        }
    }

    private void WriteDelta(ReadOnlySpan<byte> delta, ReadOnlySpan<byte> mark, ReadOnlySpan<byte> text)
    {
        var to = To!;
        to.Write("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"u8);
        MessagesFrames.WriteNumber(to, _now.Index);
        to.Write(",\"delta\":{\"type\":\""u8);
        to.Write(delta);
        to.Write(mark);
        to.Write(text);
        to.Write("\"}}\n\n"u8);
    }

    /// <summary>
    /// Signs the thinking before it. What another provider gives with a tool call or a text travels as a thought without words, which clients
    /// bring back as they got it.
    /// </summary>
    private void Sign(ReadOnlySpan<byte> signature)
    {
        if (_now.Open != Block.Thinking || _isSigned)
        {
            WriteWaiting();
            Close();
            Open(Block.Thinking);
        }

        _isSigned = true;
        if (!isStream)
        {
            _whole.Write("\",\"signature\":\""u8);
            _whole.Write(_signatureMark);
            _whole.Write(signature);
        }
        else if (To is not null)
        {
            WriteDelta("signature_delta\",\"signature\":\""u8, _signatureMark, signature);
        }

        // The next thought is another one.
        Close();
    }

    private void WriteHidden(ReadOnlySpan<byte> data)
    {
        WriteWaiting();
        Close();
        var block = new ArrayBufferWriter<byte>(data.Length + 64);
        block.Write("{\"type\":\"redacted_thinking\",\"data\":\""u8);
        block.Write(_signatureMark);
        block.Write(data);
        block.Write("\"}"u8);
        if (!isStream)
        {
            WriteComma();
            _whole.Write(block.WrittenSpan);
            return;
        }

        Begin(block.WrittenSpan);
        if (To is not null)
        {
            MessagesFrames.WriteBlockStop(To, _now.Index);
        }
    }

    private void StartTool(in AnswerEvent tool)
    {
        _hasTools = true;
        var given = tool.Id.IsEmpty ? Encoding.ASCII.GetBytes($"toolu_{id}_{tool.Tool}") : tool.Id;
        if (_now.Open == Block.Tool || tool.Tool <= _toolsDone)
        {
            _waiting[tool.Tool] = new(given.ToArray(), tool.Name.ToArray(), new ArrayBufferWriter<byte>(256));
            _waitingBytes += given.Length + tool.Name.Length;
            return;
        }

        OpenTool(tool.Tool, given, tool.Name);
    }

    private void OpenTool(int tool, ReadOnlySpan<byte> toolId, ReadOnlySpan<byte> name)
    {
        Close();
        _tool = tool;
        var block = new ArrayBufferWriter<byte>(toolId.Length + name.Length + 64);
        block.Write("{\"type\":\"tool_use\",\"id\":\""u8);
        block.Write(toolId);
        block.Write("\",\"name\":\""u8);
        block.Write(name);
        block.Write("\",\"input\":"u8);
        if (isStream)
        {
            block.Write("{}}"u8);
            Begin(block.WrittenSpan);
        }
        else
        {
            WriteComma();
            _whole.Write(block.WrittenSpan);
            _arguments.ResetWrittenCount();
        }

        _now = _now with { Open = Block.Tool };
    }

    private void AddArguments(int tool, ReadOnlySpan<byte> arguments)
    {
        if (_waiting.TryGetValue(tool, out var waiting))
        {
            waiting.Arguments.Write(arguments);
            _waitingBytes += arguments.Length;
        }
        else if (_now.Open == Block.Tool && tool == _tool && !arguments.IsEmpty)
        {
            if (!isStream)
            {
                _arguments.Write(arguments);
            }
            else if (To is not null)
            {
                WriteDelta("input_json_delta\",\"partial_json\":\""u8, default, arguments);
            }
        }
    }

    /// <summary>Writes the tool calls that wait: the one before them is over.</summary>
    private void WriteWaiting()
    {
        foreach (var (number, tool) in _waiting.ToArray())
        {
            _waiting.Remove(number);
            OpenTool(number, tool.Id, tool.Name);
            AddArguments(number, tool.Arguments.WrittenSpan);
        }

        _waitingBytes = 0;
    }

    private void Begin(ReadOnlySpan<byte> block)
    {
        WriteStart();
        _now = _now with { Index = _now.Index + 1 };
        if (To is null)
        {
            return;
        }

        To.Write("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":"u8);
        MessagesFrames.WriteNumber(To, _now.Index);
        To.Write(",\"content_block\":"u8);
        To.Write(block);
        To.Write("}\n\n"u8);
    }

    private void WriteStart()
    {
        if (_now.HasStarted)
        {
            return;
        }

        _now = _now with { HasStarted = true };
        if (To is not null)
        {
            MessagesFrames.WriteStart(To, _idJson, _modelJson, inputTokens);
            To.Write(MessagesFrames.Ping);
        }
    }

    private void WriteComma() => _whole.Write(_whole.WrittenCount > 0 ? ","u8 : default);

    /// <summary>Writes a tool call's arguments as the object that they are; as a text under one name where they are none.</summary>
    private void WriteInput()
    {
        var escaped = _arguments.WrittenSpan;
        if (escaped.IsEmpty)
        {
            _whole.Write("{}"u8);
            return;
        }

        var quoted = (byte[])[(byte)'"', .. escaped, (byte)'"'];
        try
        {
            var reader = new Utf8JsonReader(quoted);
            reader.Read();
            var json = new byte[escaped.Length];
            json = json[..reader.CopyString(json)];
            var inner = new Utf8JsonReader(json);
            inner.Read();
            if (inner.TokenType == JsonTokenType.StartObject)
            {
                inner.Skip();
                if (!inner.Read())
                {
                    _whole.Write(json);
                    return;
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
        }

        _whole.Write("{\"arguments\":"u8);
        _whole.Write(quoted);
        _whole.Write("}"u8);
    }

    private sealed record WaitingTool(byte[] Id, byte[] Name, ArrayBufferWriter<byte> Arguments);

    /// <summary>How far a stream has come.</summary>
    /// <param name="Index">The number of the last block that has begun; -1 for none.</param>
    private readonly record struct Progress(bool HasStarted, int Index, Block Open);
}
