using System.Buffers;
using System.Text.Json;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>Writes errors in OpenAI's form: always with all four of message, type, param and code.</summary>
public static class OpenAIErrors
{
    /// <summary>Writes the error as a response body.</summary>
    public static void Write(IBufferWriter<byte> writer, in OpenAIError error)
    {
        using var json = new Utf8JsonWriter(writer, JsonBytes.WriterOptions);
        json.WriteStartObject();
        json.WriteStartObject("error"u8);
        json.WriteString("message"u8, error.Message);
        json.WriteString("type"u8, error.Type);
        json.WriteString("param"u8, error.Param);
        json.WriteString("code"u8, error.Code);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>Writes the error as the event that ends a stream; clients raise on it. No <c>[DONE]</c> follows.</summary>
    public static void WriteEvent(IBufferWriter<byte> writer, in OpenAIError error)
    {
        writer.Write(ChatStreamFrames.DataPrefix);
        Write(writer, error);
        writer.Write(ChatStreamFrames.EventEnd);
    }
}
