using System.Buffers;
using System.Text.Json;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI.Realtime;

/// <summary>Writes the events that a gateway has of its own.</summary>
public static class RealtimeEvents
{
    /// <summary>An <c>error</c> event.</summary>
    /// <param name="id">The event's id.</param>
    /// <param name="cause">The id of the client's event that it is about; null for none.</param>
    public static void WriteError(IBufferWriter<byte> writer, in OpenAIError error, string id, string? cause)
    {
        using var json = new Utf8JsonWriter(writer, JsonBytes.WriterOptions);
        json.WriteStartObject();
        json.WriteString("type"u8, "error"u8);
        json.WriteString("event_id"u8, id);
        json.WriteStartObject("error"u8);
        json.WriteString("type"u8, error.Type);
        json.WriteString("code"u8, error.Code);
        json.WriteString("message"u8, error.Message);
        json.WriteString("param"u8, error.Param);
        json.WriteString("event_id"u8, cause);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>A <c>response.cancel</c> of one response.</summary>
    public static void WriteCancel(IBufferWriter<byte> writer, string responseId)
    {
        using var json = new Utf8JsonWriter(writer, JsonBytes.WriterOptions);
        json.WriteStartObject();
        json.WriteString("type"u8, "response.cancel"u8);
        json.WriteString("response_id"u8, responseId);
        json.WriteEndObject();
    }

    /// <summary>A <c>session.update</c> with a session's own settings.</summary>
    /// <param name="session">A JSON object.</param>
    public static void WriteUpdate(IBufferWriter<byte> writer, ReadOnlySpan<byte> session)
    {
        using var json = new Utf8JsonWriter(writer, JsonBytes.WriterOptions);
        json.WriteStartObject();
        json.WriteString("type"u8, "session.update"u8);
        json.WritePropertyName("session"u8);
        json.WriteRawValue(session);
        json.WriteEndObject();
    }

    /// <summary>The client's event under an id of its own, so that an error about it can be told from others.</summary>
    /// <param name="json">A JSON object without an <c>event_id</c>.</param>
    public static void WriteWithId(IBufferWriter<byte> writer, ReadOnlySpan<byte> json, string id)
    {
        writer.Write("{\"event_id\":"u8);
        writer.Write(JsonBytes.Quote(id));
        writer.Write(","u8);
        writer.Write(json[(json.IndexOf((byte)'{') + 1)..]);
    }
}
