using System.Buffers;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>The constant parts of a Chat Completions stream.</summary>
public static class ChatStreamFrames
{
    /// <summary>The event that ends a complete stream.</summary>
    public static ReadOnlySpan<byte> Done => "data: [DONE]\n\n"u8;

    /// <summary>A comment that keeps the connection from looking idle; only between events.</summary>
    public static ReadOnlySpan<byte> KeepAlive => ": keep-alive\n\n"u8;

    /// <summary>Why a response ended at a length limit that the client did not set: a comment, which no client takes for output.</summary>
    public static ReadOnlySpan<byte> ExhaustedNotice => ": og_notice: the account's money does not cover more output; top up to continue\n\n"u8;

    internal static ReadOnlySpan<byte> DataPrefix => "data: "u8;

    /// <summary>What ends an event.</summary>
    public static ReadOnlySpan<byte> EventEnd => "\n\n"u8;

    /// <summary>Writes a payload as one event, a <c>data</c> line for each of its lines.</summary>
    public static void WriteData(IBufferWriter<byte> writer, ReadOnlySpan<byte> payload)
    {
        foreach (var line in payload.Split((byte)'\n'))
        {
            writer.Write(DataPrefix);
            writer.Write(payload[line]);
            writer.Write("\n"u8);
        }

        writer.Write("\n"u8);
    }
}
