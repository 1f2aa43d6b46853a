using System.Buffers;
using System.Buffers.Text;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>What all chunks of a stream have in common, as JSON texts, for the chunks that a relay adds.</summary>
internal readonly struct ChatStreamHead
{
    private readonly byte[] _id;
    private readonly byte[] _created;
    private readonly byte[] _model;

    public ChatStreamHead(ReadOnlySpan<byte> payload, JsonMember id, JsonMember created, JsonMember model)
    {
        _id = id.Value(payload).ToArray();
        _created = created.IsPresent ? created.Value(payload).ToArray() : "0"u8.ToArray();
        _model = model.IsPresent ? model.Value(payload).ToArray() : "\"\""u8.ToArray();
    }

    public bool IsPresent => _id is not null;

    public ReadOnlyMemory<byte> IdJson => _id;

    /// <summary>Writes a payload up to the value of its choices.</summary>
    /// <param name="kind">What it is, the value of <c>object</c>.</param>
    public void Write(IBufferWriter<byte> writer, ReadOnlySpan<byte> kind, ReadOnlyMemory<byte> modelJson, string fallbackId, long fallbackCreated)
    {
        writer.Write("{\"id\":"u8);
        writer.Write(IsPresent ? _id : JsonBytes.Quote(fallbackId));
        writer.Write(",\"object\":\""u8);
        writer.Write(kind);
        writer.Write("\",\"created\":"u8);
        if (IsPresent)
        {
            writer.Write(_created);
        }
        else
        {
            WriteNumber(writer, fallbackCreated);
        }

        writer.Write(",\"model\":"u8);
        writer.Write(!modelJson.IsEmpty ? modelJson.Span : IsPresent ? _model : "\"\""u8);
        writer.Write(",\"choices\":"u8);
    }

    public static void WriteNumber(IBufferWriter<byte> writer, long number)
    {
        Utf8Formatter.TryFormat(number, writer.GetSpan(20), out var written);
        writer.Advance(written);
    }
}
