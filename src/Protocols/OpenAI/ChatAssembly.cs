using System.Buffers;
using System.Text;
using System.Text.Json;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>
/// Puts the chunks of a stream together. Texts are joined, and so are lists, by the index that their items have if they have one; of anything
/// else the last value that says something stays.
/// </summary>
public sealed class ChatAssembly
{
    /// <summary>What one member takes beside its bytes, about.</summary>
    private const int MemberBytes = 200;

    private static readonly byte[][] Texts =
        [.. ((string[])["content", "refusal", "reasoning", "reasoning_content", "arguments", "text", "data", "transcript"]).Select(Encoding.ASCII.GetBytes)];

    private readonly Value _root = new();

    /// <summary>What it keeps, bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>Adds a chunk.</summary>
    /// <param name="chunk">A JSON object.</param>
    public void Add(ReadOnlySpan<byte> chunk)
    {
        var reader = new Utf8JsonReader(chunk);
        reader.Read();
        Join(_root, chunk, ref reader, name: default);
    }

    /// <summary>Writes the choices as those of a whole completion.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="endsAtLength">Whether what has not ended does so as at its length limit.</param>
    public void WriteChoices(IBufferWriter<byte> writer, bool endsAtLength)
    {
        var separator = "["u8;
        foreach (var (index, choice) in (_root.Find("choices"u8)?.Items ?? []).OrderBy(static item => item.Index))
        {
            writer.Write(separator);
            separator = ","u8;
            writer.Write("{\"index\":"u8);
            ChatStreamHead.WriteNumber(writer, index);
            writer.Write(",\"message\":{\"role\":\"assistant\""u8);
            var message = choice.Find("delta"u8);
            if (message?.Find("content"u8) is null)
            {
                writer.Write(",\"content\":null"u8);
            }

            message?.WriteMembers(writer, static name => name.SequenceEqual("role"u8));
            writer.Write("},\"finish_reason\":"u8);
            var reason = choice.Find("finish_reason"u8)?.Scalar;
            writer.Write(
                reason is null ? (endsAtLength ? "\"length\""u8 : "null"u8)
                : reason.AsSpan().SequenceEqual("\"sensitive\""u8) ? "\"content_filter\""u8
                : reason);

            choice.WriteMembers(writer, static name => name.SequenceEqual("delta"u8) || name.SequenceEqual("finish_reason"u8) || name.SequenceEqual("usage"u8));
            writer.Write("}"u8);
        }

        writer.Write(separator[0] == '[' ? "[]"u8 : "]"u8);
    }

    /// <summary>Writes what the chunks have beside their choices, a comma before each.</summary>
    public void WriteRest(IBufferWriter<byte> writer) => _root.WriteMembers(writer, static name =>
        name.SequenceEqual("id"u8) || name.SequenceEqual("object"u8) || name.SequenceEqual("created"u8) || name.SequenceEqual("model"u8)
        || name.SequenceEqual("choices"u8) || name.SequenceEqual("usage"u8));

    private void Join(Value value, ReadOnlySpan<byte> json, ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                JoinMembers(value, json, ref reader, exceptIndex: false);
                break;
            case JsonTokenType.StartArray:
                JoinItems(value, json, ref reader, isChoices: name.SequenceEqual("choices"u8));
                break;
            case JsonTokenType.String when IsText(name):
                // The text as it is escaped: even a pair of surrogates that was cut in two is whole again.
                value.Text ??= new();
                value.Text.Write(reader.ValueSpan);
                Bytes += reader.ValueSpan.Length;
                break;
            case JsonTokenType.Null:
            case JsonTokenType.String when reader.ValueSpan.IsEmpty && value.Scalar is not null:
                break;
            default:
                Bytes += reader.BytesConsumed - reader.TokenStartIndex - (value.Scalar?.Length ?? 0);
                value.Scalar = json[(int)reader.TokenStartIndex..(int)reader.BytesConsumed].ToArray();
                break;
        }
    }

    private void JoinMembers(Value value, ReadOnlySpan<byte> json, ref Utf8JsonReader reader, bool exceptIndex)
    {
        value.Members ??= [];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.ValueSpan;
            reader.Read();
            if (exceptIndex && name.SequenceEqual("index"u8))
            {
                reader.Skip();
                continue;
            }

            if (value.Find(name) is not { } member)
            {
                member = new Value();
                value.Members.Add((name.ToArray(), member));
                Bytes += MemberBytes + name.Length;
            }

            Join(member, json, ref reader, name);
        }
    }

    private void JoinItems(Value value, ReadOnlySpan<byte> json, ref Utf8JsonReader reader, bool isChoices)
    {
        value.Items ??= [];
        value.Rest ??= new();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType == JsonTokenType.StartObject && (IndexOf(reader) ?? (isChoices ? 0 : null)) is { } index)
            {
                var at = value.Items.FindIndex(item => item.Index == index);
                if (at < 0)
                {
                    at = value.Items.Count;
                    value.Items.Add((index, new Value()));
                    Bytes += MemberBytes;
                }

                JoinMembers(value.Items[at].Value, json, ref reader, exceptIndex: true);
                continue;
            }

            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            value.Rest.Write(value.Rest.WrittenCount > 0 ? ","u8 : ""u8);
            value.Rest.Write(json[start..(int)reader.BytesConsumed]);
            Bytes += reader.BytesConsumed - start;
        }
    }

    /// <summary>The index of an item that the reader, a copy, stands before.</summary>
    private static int? IndexOf(Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isIndex = reader.ValueTextEquals("index"u8);
            reader.Read();
            if (isIndex && reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var index))
            {
                return index;
            }

            reader.Skip();
        }

        return null;
    }

    private static bool IsText(ReadOnlySpan<byte> name)
    {
        foreach (var text in Texts)
        {
            if (name.SequenceEqual(text))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What came of one value so far.</summary>
    private sealed class Value
    {
        public ArrayBufferWriter<byte>? Text { get; set; }

        public byte[]? Scalar { get; set; }

        public List<(byte[] Name, Value Value)>? Members { get; set; }

        /// <summary>The items of a list that have an index.</summary>
        public List<(int Index, Value Value)>? Items { get; set; }

        /// <summary>Those that have none.</summary>
        public ArrayBufferWriter<byte>? Rest { get; set; }

        public Value? Find(ReadOnlySpan<byte> name)
        {
            foreach (var member in Members ?? [])
            {
                if (name.SequenceEqual(member.Name))
                {
                    return member.Value;
                }
            }

            return null;
        }

        public void Write(IBufferWriter<byte> writer)
        {
            if (Text is not null)
            {
                writer.Write("\""u8);
                writer.Write(Text.WrittenSpan);
                writer.Write("\""u8);
            }
            else if (Items is not null)
            {
                WriteItems(writer);
            }
            else if (Members is not null)
            {
                writer.Write("{"u8);
                WriteMembers(writer, static _ => false, isFirst: true);
                writer.Write("}"u8);
            }
            else
            {
                writer.Write(Scalar is null ? "null"u8 : Scalar);
            }
        }

        public void WriteMembers(IBufferWriter<byte> writer, Func<ReadOnlySpan<byte>, bool> isLeftOut, bool isFirst = false)
        {
            foreach (var (name, value) in Members ?? [])
            {
                if (!isLeftOut(name))
                {
                    writer.Write(isFirst ? "\""u8 : ",\""u8);
                    writer.Write(name);
                    writer.Write("\":"u8);
                    value.Write(writer);
                    isFirst = false;
                }
            }
        }

        private void WriteItems(IBufferWriter<byte> writer)
        {
            var separator = "["u8;
            foreach (var (_, item) in Items!.OrderBy(static item => item.Index))
            {
                writer.Write(separator);
                item.Write(writer);
                separator = ","u8;
            }

            if (Rest!.WrittenCount > 0)
            {
                writer.Write(separator);
                writer.Write(Rest.WrittenSpan);
                separator = ","u8;
            }

            writer.Write(separator[0] == '[' ? "[]"u8 : "]"u8);
        }
    }
}
