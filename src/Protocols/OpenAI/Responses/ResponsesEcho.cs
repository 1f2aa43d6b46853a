using System.Buffers;
using System.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI.Responses;

/// <summary>What a response repeats of its request: members, each behind a comma.</summary>
public static class ResponsesEcho
{
    private static readonly (string Name, string Usual)[] Names =
    [
        ("instructions", "null"), ("max_output_tokens", "null"), ("max_tool_calls", "null"), ("parallel_tool_calls", "true"),
        ("reasoning", """{"effort":null,"summary":null}"""), ("temperature", "1.0"), ("text", """{"format":{"type":"text"}}"""),
        ("tool_choice", "\"auto\""), ("tools", "[]"), ("top_p", "1.0"), ("truncation", "\"disabled\""), ("user", "null"), ("metadata", "{}"),
    ];

    private static readonly (byte[] Name, byte[] Usual)[] Fields =
        [.. Names.Select(static field => (Encoding.ASCII.GetBytes(field.Name), Encoding.ASCII.GetBytes(field.Usual)))];

    /// <summary>Of a request that says nothing.</summary>
    public static ReadOnlyMemory<byte> Usual { get; } = Of("{}"u8);

    /// <summary>What a response repeats of this request, in one line.</summary>
    /// <param name="request">One that was read.</param>
    public static byte[] Of(ReadOnlySpan<byte> request)
    {
        Span<Range> found = stackalloc Range[Fields.Length];
        found.Clear();
        var reader = new Utf8JsonReader(request);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var field = 0;
            while (field < Fields.Length && !reader.IsText(Names[field].Name))
            {
                field++;
            }

            reader.Read();
            var start = (int)reader.TokenStartIndex;
            var isNull = reader.TokenType == JsonTokenType.Null;
            reader.Skip();
            if (field < Fields.Length && !isNull)
            {
                found[field] = start..(int)reader.BytesConsumed;
            }
        }

        var echo = new ArrayBufferWriter<byte>();
        for (var field = 0; field < Fields.Length; field++)
        {
            echo.Write(",\""u8);
            echo.Write(Fields[field].Name);
            echo.Write("\":"u8);
            var value = request[found[field]];
            echo.Write(value.IsEmpty ? Fields[field].Usual : value);
        }

        var line = echo.WrittenSpan.ToArray();
        line.AsSpan().Replace((byte)'\n', (byte)' ');
        line.AsSpan().Replace((byte)'\r', (byte)' ');
        return line;
    }
}
