using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>
/// Mends the tool calls of one answer, streamed or whole, where clients break on them: an index or an id that is missing or another call's,
/// arguments that are no string, and a turn of calls that says it stopped. Text and arguments say what they said. What needs no mending is read
/// without allocating.
/// </summary>
/// <param name="requestId">What ids of calls that have none are made of.</param>
public sealed class ChatMender(string requestId)
{
    private static readonly ReadOnlyMemory<byte> ToolCallsReason = "\"tool_calls\""u8.ToArray();

    private readonly List<Call> _calls = [];
    private readonly List<JsonSplice> _splices = [];

    /// <summary>Mends the next payload of the answer, or all of it.</summary>
    /// <param name="payload">JSON, or anything else, which is left alone.</param>
    /// <param name="mended">Gets the mended payload.</param>
    /// <returns>Whether something was to be mended.</returns>
    public bool Mend(ReadOnlySpan<byte> payload, IBufferWriter<byte> mended)
    {
        if (_calls.Count == 0 && payload.IndexOf("\"tool_calls\""u8) < 0)
        {
            return false;
        }

        _splices.Clear();
        try
        {
            ReadRoot(payload);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Whoever reads it next says what is wrong.
            return false;
        }

        if (_splices.Count == 0)
        {
            return false;
        }

        _splices.Sort(static (one, other) => (one.Start, one.End).CompareTo((other.Start, other.End)));
        var written = 0;
        foreach (var splice in _splices)
        {
            mended.Write(payload[written..splice.Start]);
            mended.Write(splice.Replacement.Span);
            written = splice.End;
        }

        mended.Write(payload[written..]);
        return true;
    }

    private void ReadRoot(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return;
        }

        while (TryReadMember(ref reader, out var name))
        {
            if (!name.SequenceEqual("choices"u8) || reader.TokenType != JsonTokenType.StartArray)
            {
                reader.Skip();
                continue;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
            {
                ReadChoice(json, ref reader);
            }
        }
    }

    private void ReadChoice(ReadOnlySpan<byte> json, ref Utf8JsonReader reader)
    {
        var (choice, stop, isWhole) = (0, default(JsonMember), false);
        Utf8JsonReader message = default;
        while (TryReadMember(ref reader, out var name))
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.Number when name.SequenceEqual("index"u8) && reader.TryGetInt32(out var index):
                    choice = index;
                    break;
                case JsonTokenType.String when name.SequenceEqual("finish_reason"u8) && reader.ValueTextEquals("stop"u8):
                    stop = new(0, (int)reader.TokenStartIndex, (int)reader.BytesConsumed);
                    break;
                case JsonTokenType.StartObject when name.SequenceEqual("delta"u8) || name.SequenceEqual("message"u8):
                    // Which choice it is may stand behind it.
                    message = reader;
                    isWhole = name.SequenceEqual("message"u8);
                    break;
                default:
                    break;
            }

            reader.Skip();
        }

        ReadMessage(json, message, choice, isWhole);
        if (stop.IsPresent && LastOf(choice) is not null)
        {
            _splices.Add(new(stop.ValueStart, stop.ValueEnd, ToolCallsReason));
        }
    }

    private void ReadMessage(ReadOnlySpan<byte> json, Utf8JsonReader reader, int choice, bool isWhole)
    {
        while (reader.TokenType != JsonTokenType.None && TryReadMember(ref reader, out var name))
        {
            if (!name.SequenceEqual("tool_calls"u8) || reader.TokenType != JsonTokenType.StartArray)
            {
                reader.Skip();
                continue;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
            {
                var piece = new Piece(ref reader);
                if (piece.HasMembers)
                {
                    Mend(json, piece, choice, isWhole);
                }
            }
        }
    }

    /// <summary>Mends one call, or a piece of one.</summary>
    private void Mend(ReadOnlySpan<byte> json, in Piece piece, int choice, bool isWhole)
    {
        var (call, isNew) = CallOf(piece, choice, isWhole);
        call.IsClosed = piece.HasArguments ? piece.ClosesArguments : call.IsClosed;

        // Of a whole message, calls have no index.
        var index = isWhole || piece.Number == call.Number ? null : string.Create(CultureInfo.InvariantCulture, $"\"index\":{call.Number}");
        var id = isNew && call.Id.Length == 0 ? $"\"id\":\"call_{requestId}_{choice}_{call.Number}\"" : null;
        if (index is not null && piece.Index.IsPresent)
        {
            Replace(piece.Index, index);
            index = null;
        }

        if (id is not null && piece.IdMember.IsPresent)
        {
            Replace(piece.IdMember, id);
            id = null;
        }
        else if (!isNew && index is not null && piece.IdMember.IsPresent)
        {
            Replace(piece.IdMember, index);
            index = null;
        }
        else if (!isNew && piece.IdMember.IsPresent && !piece.IdMember.Value(json).SequenceEqual("null"u8))
        {
            // Told once: clients that join what comes would have it twice.
            var (from, to) = piece.IdMember.WithComma(json);
            _splices.Add(new(from, to, default));
        }

        foreach (var member in (ReadOnlySpan<string?>)[index, id])
        {
            if (member is not null)
            {
                _splices.Add(new(piece.Start, piece.Start, Encoding.UTF8.GetBytes(member + ",")));
            }
        }

        if (piece.ArgumentsObject.IsPresent)
        {
            var text = Encoding.UTF8.GetString(piece.ArgumentsObject.Value(json));
            _splices.Add(new(piece.ArgumentsObject.ValueStart, piece.ArgumentsObject.ValueEnd, JsonBytes.Quote(text)));
        }
    }

    private void Replace(JsonMember member, string with) => _splices.Add(new(member.NameStart, member.ValueEnd, Encoding.UTF8.GetBytes(with)));

    /// <summary>The call that a piece belongs to: by its id, else by its index, else the last; unless it begins another.</summary>
    private (Call Call, bool IsNew) CallOf(in Piece piece, int choice, bool isWhole)
    {
        var (count, last, indexed) = (0, default(Call), default(Call));
        var id = piece.Id;
        foreach (var call in _calls)
        {
            if (call.Choice != choice)
            {
                continue;
            }

            (count, last) = (count + 1, call);
            indexed = call.ProviderNumber == piece.Number ? call : indexed;
            if (!id.IsEmpty && id.SequenceEqual(call.Id))
            {
                if (!isWhole && !(piece.IsNamed && piece.Number != call.ProviderNumber))
                {
                    return (call, false);
                }

                // Two calls have one id.
                id = default;
            }
        }

        var open = isWhole ? null : piece.Number is not null ? indexed : piece.IsNamed ? null : last;

        // Another id alone is not another call: some providers make one up for each piece.
        var begins = open is null || (open.IsClosed && piece.OpensArguments) || (piece.IsNamed && id.Length > 0 && open.Id.Length > 0);
        if (!begins)
        {
            return (open!, false);
        }

        var begun = new Call(choice, count, piece.Number, id.ToArray());
        _calls.Add(begun);
        return (begun, true);
    }

    private Call? LastOf(int choice)
    {
        for (var i = _calls.Count - 1; i >= 0; i--)
        {
            if (_calls[i].Choice == choice)
            {
                return _calls[i];
            }
        }

        return null;
    }

    /// <summary>Moves to the value of an object's next member.</summary>
    private static bool TryReadMember(ref Utf8JsonReader reader, out ReadOnlySpan<byte> name) => TryReadMember(ref reader, out name, out _);

    private static bool TryReadMember(ref Utf8JsonReader reader, out ReadOnlySpan<byte> name, out int start)
    {
        name = default;
        start = 0;
        if (!reader.Read() || reader.TokenType != JsonTokenType.PropertyName)
        {
            return false;
        }

        name = reader.ValueSpan;
        start = (int)reader.TokenStartIndex;
        return reader.Read();
    }

    /// <summary>A call that has begun.</summary>
    /// <param name="Number">Its index as clients get it.</param>
    /// <param name="ProviderNumber">Its index as it came; null when it had none.</param>
    /// <param name="Id">Its id as it came; empty when it had none.</param>
    private sealed record Call(int Choice, int Number, int? ProviderNumber, byte[] Id)
    {
        /// <summary>Whether its arguments may be complete: they end with a brace.</summary>
        public bool IsClosed { get; set; }
    }

    /// <summary>A call, or a piece of one, as it came.</summary>
    private readonly ref struct Piece
    {
        public Piece(ref Utf8JsonReader reader)
        {
            Start = (int)reader.BytesConsumed;
            while (TryReadMember(ref reader, out var name, out var start))
            {
                HasMembers = true;
                if (name.SequenceEqual("function"u8) && reader.TokenType == JsonTokenType.StartObject)
                {
                    while (TryReadMember(ref reader, out var inner, out start))
                    {
                        IsNamed |= inner.SequenceEqual("name"u8) && reader.TokenType == JsonTokenType.String && !reader.ValueSpan.IsEmpty;
                        if (!inner.SequenceEqual("arguments"u8))
                        {
                            reader.Skip();
                        }
                        else if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
                        {
                            ArgumentsObject = ReadMember(ref reader, start);
                            (HasArguments, OpensArguments, ClosesArguments) = (true, true, true);
                        }
                        else if (reader.TokenType == JsonTokenType.String && !reader.ValueSpan.IsEmpty)
                        {
                            (HasArguments, OpensArguments, ClosesArguments) = (true, reader.ValueSpan[0] == '{', reader.ValueSpan[^1] == '}');
                        }
                    }
                }
                else if (name.SequenceEqual("index"u8))
                {
                    Number = reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var number) ? number : null;
                    Index = ReadMember(ref reader, start);
                }
                else if (name.SequenceEqual("id"u8))
                {
                    Id = reader.TokenType == JsonTokenType.String ? reader.ValueSpan : default;
                    IdMember = ReadMember(ref reader, start);
                }
                else
                {
                    reader.Skip();
                }
            }
        }

        /// <summary>Where a first member may be put.</summary>
        public int Start { get; }

        public bool HasMembers { get; }

        public JsonMember Index { get; }

        /// <summary>Its index; null when it has none.</summary>
        public int? Number { get; }

        public JsonMember IdMember { get; }

        /// <summary>Its id; empty when it has none.</summary>
        public ReadOnlySpan<byte> Id { get; }

        public bool IsNamed { get; }

        public bool HasArguments { get; }

        public bool OpensArguments { get; }

        public bool ClosesArguments { get; }

        /// <summary>Arguments that are no string.</summary>
        public JsonMember ArgumentsObject { get; }

        private static JsonMember ReadMember(ref Utf8JsonReader reader, int start)
        {
            var valueStart = (int)reader.TokenStartIndex;
            reader.Skip();
            return new(start, valueStart, (int)reader.BytesConsumed);
        }
    }
}
