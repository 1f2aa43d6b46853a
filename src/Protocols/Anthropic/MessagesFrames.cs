using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.Anthropic;

/// <summary>The parts of Anthropic's answers that are made rather than passed on.</summary>
public static class MessagesFrames
{
    /// <summary>What keeps the connection from looking idle; only between events.</summary>
    public static ReadOnlySpan<byte> Ping => "event: ping\ndata: {\"type\":\"ping\"}\n\n"u8;

    /// <summary>Why a response ended at a length limit that the client did not set: a comment, which no client takes for output.</summary>
    internal static ReadOnlySpan<byte> ExhaustedNotice => ": og_notice: the account's money does not cover more output; top up to continue\n\n"u8;

    internal static ReadOnlySpan<byte> Stop => "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"u8;

    /// <summary>Writes an error: a body, or the data of the event that ends a stream.</summary>
    /// <param name="type">Its class, <c>invalid_request_error</c>.</param>
    /// <param name="unsupported">With a code that SDKs act on: the feature that is missing; else null.</param>
    public static void WriteError(IBufferWriter<byte> writer, string type, string message, string? requestId, string? code = null, string? unsupported = null)
    {
        using var json = new Utf8JsonWriter(writer, JsonBytes.WriterOptions);
        json.WriteStartObject();
        json.WriteString("type"u8, "error"u8);
        json.WriteStartObject("error"u8);
        json.WriteString("type"u8, type);
        json.WriteString("message"u8, message);
        if (unsupported is not null)
        {
            json.WriteStartObject("details"u8);
            json.WriteString("error_code"u8, code);
            json.WriteStartArray("unsupported"u8);
            json.WriteStringValue(unsupported);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteString("request_id"u8, requestId);
        json.WriteEndObject();
    }

    /// <summary>Writes an error as the event that ends a stream; clients raise on it.</summary>
    public static void WriteErrorEvent(IBufferWriter<byte> writer, string type, string message, string? requestId)
    {
        writer.Write("event: error\ndata: "u8);
        WriteError(writer, type, message, requestId);
        writer.Write("\n\n"u8);
    }

    /// <summary>Writes a usage object.</summary>
    public static void WriteUsage(IBufferWriter<byte> writer, in TokenUsage usage)
    {
        writer.Write("{\"input_tokens\":"u8);
        WriteNumber(writer, usage.UncachedInput + usage.AudioInput + usage.ImageInput);
        writer.Write(",\"cache_creation_input_tokens\":"u8);
        WriteNumber(writer, usage.CacheWrite5m + usage.CacheWrite1h);
        writer.Write(",\"cache_read_input_tokens\":"u8);
        WriteNumber(writer, usage.CacheRead);
        writer.Write(",\"cache_creation\":{\"ephemeral_5m_input_tokens\":"u8);
        WriteNumber(writer, usage.CacheWrite5m);
        writer.Write(",\"ephemeral_1h_input_tokens\":"u8);
        WriteNumber(writer, usage.CacheWrite1h);
        writer.Write("},\"output_tokens\":"u8);
        WriteNumber(writer, usage.TotalOutput);
        if (usage.Reasoning > 0)
        {
            writer.Write(",\"output_tokens_details\":{\"thinking_tokens\":"u8);
            WriteNumber(writer, usage.Reasoning);
            writer.Write("}"u8);
        }

        if (usage.Searches is { } searches)
        {
            writer.Write(",\"server_tool_use\":{\"web_search_requests\":"u8);
            WriteNumber(writer, searches);
            writer.Write("}"u8);
        }

        writer.Write(",\"service_tier\":\"standard\"}"u8);
    }

    /// <summary>Writes the head of a message, up to its content.</summary>
    internal static void WriteMessageHead(IBufferWriter<byte> writer, ReadOnlySpan<byte> idJson, ReadOnlySpan<byte> modelJson)
    {
        writer.Write("{\"id\":"u8);
        writer.Write(idJson);
        writer.Write(",\"type\":\"message\",\"role\":\"assistant\",\"model\":"u8);
        writer.Write(modelJson);
        writer.Write(",\"content\":["u8);
    }

    /// <summary>Writes the event that begins a stream.</summary>
    internal static void WriteStart(IBufferWriter<byte> writer, ReadOnlySpan<byte> idJson, ReadOnlySpan<byte> modelJson, long inputTokens)
    {
        writer.Write("event: message_start\ndata: {\"type\":\"message_start\",\"message\":"u8);
        WriteMessageHead(writer, idJson, modelJson);
        writer.Write("],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":"u8);
        WriteUsage(writer, new TokenUsage { UncachedInput = inputTokens });
        writer.Write("}}\n\n"u8);
    }

    /// <summary>Writes the event that ends a block.</summary>
    internal static void WriteBlockStop(IBufferWriter<byte> writer, int index)
    {
        writer.Write("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":"u8);
        WriteNumber(writer, index);
        writer.Write("}\n\n"u8);
    }

    /// <summary>Writes the event that tells why the answer ended, and what it used.</summary>
    /// <param name="stopJson">The members <c>stop_reason</c> and <c>stop_sequence</c>.</param>
    internal static void WriteEnd(IBufferWriter<byte> writer, ReadOnlySpan<byte> stopJson, in TokenUsage usage)
    {
        writer.Write("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{"u8);
        WriteLine(writer, stopJson);
        writer.Write("},\"usage\":"u8);
        WriteUsage(writer, usage);
        writer.Write("}\n\n"u8);
    }

    /// <summary>Writes the members that say why an answer ended.</summary>
    internal static void WriteStop(IBufferWriter<byte> writer, StopReason reason, ReadOnlySpan<byte> sequence)
    {
        writer.Write("\"stop_reason\":\""u8);
        writer.Write(MessagesStop.Name(reason));
        writer.Write("\",\"stop_sequence\":"u8);
        if (sequence.IsEmpty)
        {
            writer.Write("null"u8);
        }
        else
        {
            writer.Write("\""u8);
            writer.Write(sequence);
            writer.Write("\""u8);
        }
    }

    /// <summary>Writes JSON as part of one line of an event: a line break between its members would end it.</summary>
    internal static void WriteLine(IBufferWriter<byte> writer, ReadOnlySpan<byte> json)
    {
        while (json.IndexOfAny((byte)'\r', (byte)'\n') is var at and >= 0)
        {
            writer.Write(json[..at]);
            writer.Write(" "u8);
            json = json[(at + 1)..];
        }

        writer.Write(json);
    }

    internal static void WriteNumber(IBufferWriter<byte> writer, long number)
    {
        Utf8Formatter.TryFormat(number, writer.GetSpan(20), out var written);
        writer.Advance(written);
    }
}
