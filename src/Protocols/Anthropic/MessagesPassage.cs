using System.Buffers;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Protocols.Anthropic;

/// <summary>
/// Passes the events of a stream on, changed only where they must be: the model's name, and what ends the stream. Keeps in mind what the
/// client has got, so that a stream that is cut is ended rightly.
/// </summary>
/// <param name="reader">Has read each event before it comes here.</param>
/// <param name="model">The name that the client asked for.</param>
/// <param name="id">The answer's id, where the provider gives none in time.</param>
public sealed class MessagesPassage(MessagesReader reader, string model, string id)
{
    private readonly byte[] _modelJson = JsonBytes.Quote(model);
    private readonly ArrayBufferWriter<byte> _held = new(512);
    private readonly ArrayBufferWriter<byte> _start = new(512);
    private Progress _now = new(false, -1);
    private Progress _sent = new(false, -1);
    private bool _hasStop;
    private bool _isHolding;

    /// <summary>What is held back, bytes.</summary>
    public long HeldBytes => _held.WrittenCount;

    /// <summary>Passes on the event that was read last.</summary>
    /// <param name="to">Gets it, unless it is to be held back; null when nobody is there to read it.</param>
    public void Pass(in SseEvent sseEvent, IBufferWriter<byte>? to)
    {
        _isHolding |= !reader.StopJson.IsEmpty || reader.Kind == MessagesEventKind.MessageStop;
        if (to is null || sseEvent.Data.Span.Trim(" \n"u8).IsEmpty)
        {
            return;
        }

        switch (reader.Kind)
        {
            case MessagesEventKind.MessageStart:
                _now = _now with { HasStarted = true };
                _start.ResetWrittenCount();
                WriteStart(sseEvent.Data.Span);
                to.Write(_start.WrittenSpan);
                return;
            case MessagesEventKind.BlockStart:
                _now = _now with { OpenBlock = reader.Index };
                break;
            case MessagesEventKind.BlockStop:
                _now = _now with { OpenBlock = -1 };
                break;
            case MessagesEventKind.MessageStop:
                _hasStop = true;
                break;
            default:
                break;
        }

        Write(_isHolding ? _held : to, sseEvent);
    }

    /// <summary>Says that the client got all that was written for it so far. What is written later may be dropped.</summary>
    public void Sent() => _sent = _now;

    /// <summary>Writes what ends the stream.</summary>
    /// <param name="isCut">Whether the answer ends here as at its length limit.</param>
    /// <param name="isForMoney">Whether that limit is the account's money.</param>
    /// <param name="usage">What is charged for.</param>
    public void WriteEnd(IBufferWriter<byte> writer, bool isCut, bool isForMoney, in TokenUsage usage)
    {
        if (isCut)
        {
            WriteCut(writer, isForMoney, usage);
            return;
        }

        if (usage.IsEstimated && !reader.StopJson.IsEmpty)
        {
            // What the client is told is what it pays for.
            MessagesFrames.WriteEnd(writer, reader.StopJson, usage);
            writer.Write(MessagesFrames.Stop);
            return;
        }

        writer.Write(_held.WrittenSpan);
        writer.Write(_hasStop ? default : MessagesFrames.Stop);
    }

    private void WriteCut(IBufferWriter<byte> writer, bool isForMoney, in TokenUsage usage)
    {
        writer.Write(isForMoney ? MessagesFrames.ExhaustedNotice : default);
        if (!_sent.HasStarted)
        {
            if (_start.WrittenCount == 0)
            {
                MessagesFrames.WriteStart(writer, JsonBytes.Quote(id), _modelJson, usage.TotalInput);
            }

            writer.Write(_start.WrittenSpan);
        }

        if (_sent.OpenBlock >= 0)
        {
            MessagesFrames.WriteBlockStop(writer, _sent.OpenBlock);
        }

        MessagesFrames.WriteEnd(writer, "\"stop_reason\":\"max_tokens\",\"stop_sequence\":null"u8, usage);
        writer.Write(MessagesFrames.Stop);
    }

    private void WriteStart(ReadOnlySpan<byte> data)
    {
        _start.Write("event: message_start\ndata: "u8);
        WriteEdited(_start, data);
        _start.Write("\n\n"u8);
    }

    /// <summary>Writes an event's data in one line, under the model's name that was asked for and without what its provider says it costs.</summary>
    private void WriteEdited(IBufferWriter<byte> to, ReadOnlySpan<byte> data)
    {
        var tellsCost = TellsCost(data);
        if (!reader.Model.IsPresent && !tellsCost)
        {
            MessagesFrames.WriteLine(to, data);
            return;
        }

        var splices = default(JsonSplices);
        if (reader.Model.IsPresent)
        {
            splices.ReplaceValue(reader.Model, _modelJson);
        }

        if (tellsCost)
        {
            splices.ReplaceValue(reader.Usage, UsageCost.Without(reader.Usage.Value(data)));
        }

        var edited = new ArrayBufferWriter<byte>(data.Length + 256);
        splices.Write(data, edited);
        MessagesFrames.WriteLine(to, edited.WrittenSpan);
    }

    private bool TellsCost(ReadOnlySpan<byte> data) => reader.Usage.IsPresent && UsageCost.IsTold(reader.Usage.Value(data));

    /// <summary>SDKs go by an event's name: one that lacks it, or has another than its data says, gets its own.</summary>
    private void Write(IBufferWriter<byte> to, in SseEvent sseEvent)
    {
        var name = NameOf(reader.Kind);
        name = name.IsEmpty ? sseEvent.Type.Span : name;
        if (name.SequenceEqual(sseEvent.Type.Span) && !TellsCost(sseEvent.Data.Span))
        {
            sseEvent.WriteTo(to);
            return;
        }

        to.Write("event: "u8);
        to.Write(name);
        to.Write("\ndata: "u8);
        WriteEdited(to, sseEvent.Data.Span);
        to.Write("\n\n"u8);
    }

    private static ReadOnlySpan<byte> NameOf(MessagesEventKind kind) => kind switch
    {
        MessagesEventKind.BlockStart => "content_block_start"u8,
        MessagesEventKind.BlockDelta => "content_block_delta"u8,
        MessagesEventKind.BlockStop => "content_block_stop"u8,
        MessagesEventKind.MessageDelta => "message_delta"u8,
        MessagesEventKind.MessageStop => "message_stop"u8,
        MessagesEventKind.Ping => "ping"u8,
        _ => default,
    };

    /// <summary>How far a stream has come.</summary>
    /// <param name="OpenBlock">The number of the block that has begun and not ended; -1 for none.</param>
    private readonly record struct Progress(bool HasStarted, int OpenBlock);
}

/// <summary>Passes a whole answer on.</summary>
public static class MessagesWhole
{
    /// <summary>Writes it under the name of the model that the client asked for.</summary>
    /// <param name="answer">As the reader has read it.</param>
    /// <param name="usage">What is charged for.</param>
    public static void Write(IBufferWriter<byte> writer, MessagesReader reader, ReadOnlySpan<byte> answer, string model, in TokenUsage usage)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var splices = default(JsonSplices);
        var modelJson = JsonBytes.Quote(model);
        var start = answer.IndexOf((byte)'{') + 1;
        if (!reader.Model.IsPresent)
        {
            splices.Replace(start, start, (byte[])[.. "\"model\":"u8, .. modelJson, (byte)',']);
        }
        else if (!reader.Model.Value(answer).SequenceEqual(modelJson))
        {
            splices.ReplaceValue(reader.Model, modelJson);
        }

        if (usage.IsEstimated || reader.Reported is null)
        {
            // What the client is told is what it pays for.
            var json = new ArrayBufferWriter<byte>(256);
            MessagesFrames.WriteUsage(json, usage);
            if (reader.Usage.IsPresent)
            {
                splices.ReplaceValue(reader.Usage, json.WrittenMemory);
            }
            else
            {
                splices.Replace(start, start, (byte[])[.. "\"usage\":"u8, .. json.WrittenSpan, (byte)',']);
            }
        }
        else if (UsageCost.IsTold(reader.Usage.Value(answer)))
        {
            splices.ReplaceValue(reader.Usage, UsageCost.Without(reader.Usage.Value(answer)));
        }

        splices.Write(answer, writer);
    }
}
