using System.Buffers;
using System.Text.Json;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Responses;

/// <summary>
/// How far a response has come: what its next events, whoever makes them, have to go on from. Also makes the events that end one before its
/// time.
/// </summary>
/// <param name="requestId">What the response's id is made of until a provider names it.</param>
/// <param name="createdSeconds">Unix seconds.</param>
/// <param name="model">The model's name, as it was asked for.</param>
public sealed class ResponsesProgress(string requestId, long createdSeconds, string model)
{
    private readonly byte[] _modelJson = JsonBytes.Quote(model);

    /// <summary>The request's id, without a prefix.</summary>
    public string RequestId => requestId;

    /// <summary>The response's id.</summary>
    public string Id { get; set; } = "resp_" + requestId;

    /// <summary>The model's name as a JSON string.</summary>
    public ReadOnlyMemory<byte> ModelJson => _modelJson;

    /// <summary>What the client is told of its response's keeping; null leaves what the provider, which keeps nothing, says of it.</summary>
    public ResponsesKeeping? Keeping { get; init; }

    /// <summary>What the response repeats of its request; as <see cref="ResponsesEcho.Of"/> has it.</summary>
    public ReadOnlyMemory<byte> Echo { get; init; } = ResponsesEcho.Usual;

    /// <summary>The number of the next event.</summary>
    public long Next { get; set; }

    /// <summary>Writes the event of a response that failed; no other follows.</summary>
    public void WriteFailed(IBufferWriter<byte> writer, string code, string message)
    {
        ArgumentNullException.ThrowIfNull(writer);
        BeginEvent(writer, "response.failed"u8);
        writer.Write(",\"response\":"u8);
        BeginResponse(writer, "failed"u8);
        writer.Write(",\"error\":"u8);
        using (var json = new Utf8JsonWriter(writer, JsonBytes.WriterOptions))
        {
            json.WriteStartObject();
            json.WriteString("code"u8, code);
            json.WriteString("message"u8, message);
            json.WriteEndObject();
        }

        writer.Write(",\"incomplete_details\":null,\"output\":[],\"usage\":null}"u8);
        EndEvent(writer);
    }

    /// <summary>Writes the event of a response that ended at its length limit, of which the client has the pieces.</summary>
    public void WriteCut(IBufferWriter<byte> writer, in TokenUsage usage, long? costNanos)
    {
        BeginEvent(writer, "response.incomplete"u8);
        writer.Write(",\"response\":"u8);
        WriteCutResponse(writer, usage, costNanos);
        EndEvent(writer);
    }

    /// <summary>Writes a response that ended at its length limit, and of which nothing is given.</summary>
    public void WriteCutResponse(IBufferWriter<byte> writer, in TokenUsage usage, long? costNanos)
    {
        BeginResponse(writer, "incomplete"u8);
        writer.Write(",\"error\":null,\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"output\":[],\"usage\":"u8);
        ResponsesUsageJson.Write(writer, usage, costNanos);
        writer.Write("}"u8);
    }

    /// <summary>Writes an event up to its number.</summary>
    internal void BeginEvent(IBufferWriter<byte> writer, ReadOnlySpan<byte> type)
    {
        writer.Write("event: "u8);
        writer.Write(type);
        writer.Write("\ndata: {\"type\":\""u8);
        writer.Write(type);
        writer.Write("\",\"sequence_number\":"u8);
        ChatStreamHead.WriteNumber(writer, Next++);
    }

    internal static void EndEvent(IBufferWriter<byte> writer) => writer.Write("}\n\n"u8);

    /// <summary>Writes a response up to what it came to: its error, why it is incomplete, its output and usage follow.</summary>
    internal void BeginResponse(IBufferWriter<byte> writer, ReadOnlySpan<byte> status)
    {
        writer.Write("{\"id\":"u8);
        writer.Write(JsonBytes.Quote(Id));
        writer.Write(",\"object\":\"response\",\"created_at\":"u8);
        ChatStreamHead.WriteNumber(writer, createdSeconds);
        writer.Write(",\"status\":\""u8);
        writer.Write(status);
        writer.Write("\",\"background\":false,\"model\":"u8);
        writer.Write(_modelJson);
        writer.Write(",\"previous_response_id\":"u8);
        writer.Write(Keeping is { } keeping ? keeping.PreviousJson.Span : "null"u8);
        writer.Write(",\"service_tier\":\"default\",\"store\":"u8);
        writer.Write(Keeping is null ? "false"u8 : "true"u8);
        writer.Write(Echo.Span);
    }
}

/// <summary>What a response that is kept for the client says of that.</summary>
/// <param name="PreviousJson">The id of the response that it goes on from, as a JSON string, or null.</param>
public sealed record ResponsesKeeping(ReadOnlyMemory<byte> PreviousJson)
{
    /// <param name="previousId">The id of the response that it goes on from; null of one that begins.</param>
    public static ResponsesKeeping Of(string? previousId) => new(previousId is null ? JsonBytes.Null : JsonBytes.Quote(previousId));
}
