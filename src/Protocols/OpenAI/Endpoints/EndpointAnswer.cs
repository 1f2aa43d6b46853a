using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>What a whole answer, or an event of a stream, turned out to be.</summary>
public enum EndpointAnswerKind
{
    /// <summary>No JSON object: the provider has failed.</summary>
    Malformed,

    /// <summary>An error in the provider's words.</summary>
    Error,

    /// <summary>A JSON object of another kind.</summary>
    Other,

    /// <summary>The answer: it has vectors, results, choices, pictures or a text.</summary>
    Answer,
}

/// <summary>A JSON answer of one of the endpoints, or an event of its stream, and what it tells.</summary>
public readonly struct EndpointAnswer
{
    private readonly JsonMember _id;
    private readonly JsonMember _created;
    private readonly JsonMember _model;
    private readonly JsonMember _usage;
    private readonly JsonMember _text;

    private EndpointAnswer(ref Scan scan, OutputKind kind)
    {
        Kind = scan.HasError ? EndpointAnswerKind.Error : scan.HasAnswer ? EndpointAnswerKind.Answer : EndpointAnswerKind.Other;
        Counts = new AnswerCounts(scan.Tokens.ToUsage(kind), scan.Items, scan.Text.Tokens, scan.Seconds);
        HasVectors = scan.HasVectors;
        EndedChoices = scan.Ended;
        Choices = scan.Seen;
        (_id, _created, _model, _usage, _text) = (scan.Id, scan.Created, scan.Model, scan.Usage, scan.TextMember);
    }

    /// <summary>What it is.</summary>
    public EndpointAnswerKind Kind { get; }

    /// <summary>What was counted of it.</summary>
    public AnswerCounts Counts { get; }

    /// <summary>Whether it has vectors of numbers.</summary>
    public bool HasVectors { get; }

    /// <summary>Whether it has a usage object.</summary>
    public bool HasUsage => _usage.IsPresent;

    /// <summary>A bit for each choice that it has.</summary>
    internal UInt128 Choices { get; }

    /// <summary>A bit for each choice that ends in it.</summary>
    internal UInt128 EndedChoices { get; }

    internal ChatMembers Members => new(_id, _model, _usage, default);

    internal ChatStreamHead HeadOf(ReadOnlySpan<byte> json) => new(json, _id, _created, _model);

    internal bool HasId => _id.ValueLength > 2;

    /// <summary>Reads an answer.</summary>
    /// <param name="json">The whole of it; may be anything.</param>
    /// <param name="kind">What output is where its usage does not say.</param>
    public static EndpointAnswer Read(ReadOnlySpan<byte> json, OutputKind kind)
    {
        var scan = new Scan(json);
        try
        {
            return scan.TryRead() ? new EndpointAnswer(ref scan, kind) : default;
        }
        catch (Exception broken) when (broken is JsonException or InvalidOperationException)
        {
            return default;
        }
    }

    /// <summary>Its usage object as it stands; empty when it has none.</summary>
    public ReadOnlySpan<byte> UsageJson(ReadOnlySpan<byte> json) => _usage.IsPresent ? _usage.Value(json) : default;

    /// <summary>Its text, or the next piece of it, as a JSON string; empty when it has none.</summary>
    public ReadOnlySpan<byte> TextJson(ReadOnlySpan<byte> json) => _text.IsPresent ? _text.Value(json) : default;

    /// <summary>Writes it under another model name, where it names one, and with another usage.</summary>
    /// <param name="model">The name that the client knows.</param>
    /// <param name="usageJson">The usage object to write; empty leaves it as it is.</param>
    public void WriteTo(IBufferWriter<byte> writer, ReadOnlySpan<byte> json, string model, ReadOnlyMemory<byte> usageJson)
    {
        var splices = default(JsonSplices);
        if (_model.IsPresent && JsonBytes.Quote(model) is var name && !_model.Value(json).SequenceEqual(name))
        {
            splices.ReplaceValue(_model, name);
        }

        if (!usageJson.IsEmpty && _usage.IsPresent)
        {
            splices.ReplaceValue(_usage, usageJson);
        }
        else if (!usageJson.IsEmpty)
        {
            var end = json.LastIndexOf((byte)'}');
            splices.Replace(end, end, (byte[])[.. ",\"usage\":"u8, .. usageJson.Span]);
        }

        splices.Write(json, writer);
    }

    /// <summary>Writes an answer of vectors with each as base64 of its little-endian floats: clients that ask for that take nothing else.</summary>
    public static void WriteVectorsInBase64(IBufferWriter<byte> writer, ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        var (position, floats) = (0, new List<float>());
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName || !reader.ValueTextEquals("embedding"u8) || !reader.Read()
                || reader.TokenType != JsonTokenType.StartArray)
            {
                continue;
            }

            var start = (int)reader.TokenStartIndex;
            floats.Clear();
            while (reader.Read() && reader.TokenType == JsonTokenType.Number)
            {
                floats.Add((float)reader.GetDouble());
            }

            if (reader.TokenType != JsonTokenType.EndArray)
            {
                continue;
            }

            writer.Write(json[position..start]);
            writer.Write("\""u8);
            writer.Write(System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(floats)))));
            writer.Write("\""u8);
            position = (int)reader.BytesConsumed;
        }

        writer.Write(json[position..]);
    }

    /// <summary>Writes a whole answer of Completions as the events of a stream, without its end marker.</summary>
    /// <param name="json">In one line.</param>
    public static void WriteChunks(IBufferWriter<byte> writer, ReadOnlySpan<byte> json, bool includeUsage)
    {
        var answer = Read(json, OutputKind.Text);
        var splices = answer.Members.Splices(json, new ChatEdits { Usage = includeUsage ? UsageEdit.Null : UsageEdit.Remove });
        writer.Write(ChatStreamFrames.DataPrefix);
        splices.Write(json, writer);
        writer.Write(ChatStreamFrames.EventEnd);
        if (includeUsage)
        {
            writer.Write(ChatStreamFrames.DataPrefix);
            answer.HeadOf(json).Write(writer, "text_completion"u8, default, "cmpl-0", 0);
            writer.Write("[],\"usage\":"u8);
            writer.Write(answer.UsageJson(json));
            writer.Write("}\n\n"u8);
        }
    }

    /// <summary>Writes a whole answer of pictures as the events of a stream; the last tells the usage.</summary>
    /// <param name="json">In one line.</param>
    /// <param name="type">What each is.</param>
    public static void WritePictures(IBufferWriter<byte> writer, ReadOnlySpan<byte> json, ReadOnlySpan<byte> type)
    {
        var answer = Read(json, OutputKind.Image);
        var left = answer.Counts.Items;
        var reader = new Utf8JsonReader(json);
        while (left > 0 && reader.Read())
        {
            // The root's members are at 1, the pictures at 2.
            if (reader.TokenType != JsonTokenType.StartObject || reader.CurrentDepth != 2)
            {
                continue;
            }

            var start = (int)reader.TokenStartIndex + 1;
            reader.Skip();
            var members = json[start..((int)reader.BytesConsumed - 1)].Trim((byte)' ');
            writer.Write("event: "u8);
            writer.Write(type);
            writer.Write("\ndata: {\"type\":\""u8);
            writer.Write(type);
            writer.Write("\""u8);
            writer.Write(members.IsEmpty ? default : ","u8);
            writer.Write(members);
            if (--left == 0 && answer.HasUsage)
            {
                writer.Write(",\"usage\":"u8);
                writer.Write(answer.UsageJson(json));
            }

            writer.Write("}\n\n"u8);
        }
    }

    private ref struct Scan
    {
        public JsonMember Id;
        public JsonMember Created;
        public JsonMember Model;
        public JsonMember Usage;
        public JsonMember TextMember;
        public EndpointUsage Tokens;
        public TokenEstimate Text;
        public UInt128 Seen;
        public UInt128 Ended;
        public int Items;
        public double Seconds;
        public bool HasAnswer;
        public bool HasError;
        public bool HasVectors;

        private Utf8JsonReader _reader;
        private bool _hasMessage;

        public Scan(ReadOnlySpan<byte> json) => _reader = new(json);

        public bool TryRead()
        {
            if (!_reader.Read() || _reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                var start = (int)_reader.TokenStartIndex;
                var name = _reader.ValueSpan;
                _reader.Read();
                var valueStart = (int)_reader.TokenStartIndex;
                if (name.SequenceEqual("usage"u8) || name.SequenceEqual("meta"u8))
                {
                    Tokens.Read(ref _reader);
                    Usage = name.Length == 5 ? new(start, valueStart, (int)_reader.BytesConsumed) : Usage;
                    continue;
                }

                if (name.SequenceEqual("choices"u8))
                {
                    ReadChoices();
                    continue;
                }

                if ((name.SequenceEqual("data"u8) || name.SequenceEqual("results"u8)) && _reader.TokenType == JsonTokenType.StartArray)
                {
                    ReadItems();
                    continue;
                }

                Note(name, new(start, valueStart, (int)_reader.BytesConsumed));
                _reader.Skip();
            }

            HasError |= _hasMessage && !HasAnswer;
            return !_reader.Read();
        }

        private void Note(ReadOnlySpan<byte> name, JsonMember member)
        {
            switch (name.Length)
            {
                case 2 when name.SequenceEqual("id"u8): Id = member; break;
                case 7 when name.SequenceEqual("created"u8): Created = member; break;
                case 5 when name.SequenceEqual("model"u8) && _reader.TokenType == JsonTokenType.String: Model = member; break;
                case 5 when name.SequenceEqual("error"u8): HasError |= _reader.TokenType != JsonTokenType.Null; break;
                case 7 when name.SequenceEqual("message"u8): _hasMessage = _reader.TokenType == JsonTokenType.String; break;
                case 8 when name.SequenceEqual("duration"u8) && _reader.TokenType is JsonTokenType.Number or JsonTokenType.String: ReadSeconds(); break;
                case 5 when name.SequenceEqual("delta"u8) && _reader.TokenType == JsonTokenType.String: TextMember = member; break;
                case 4 when name.SequenceEqual("text"u8) && _reader.TokenType == JsonTokenType.String:
                    (HasAnswer, TextMember) = (true, member);
                    Text.AddJson(_reader.ValueSpan);
                    break;
                default: break;
            }
        }

        private void ReadSeconds()
        {
            // OpenAI has told it as text, too.
            if (System.Buffers.Text.Utf8Parser.TryParse(_reader.ValueSpan, out double seconds, out _) && seconds is > 0 and <= MediaLength.MaxSeconds)
            {
                Seconds = seconds;
            }
        }

        private void ReadItems()
        {
            HasAnswer = true;
            while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
            {
                Items++;
                if (_reader.TokenType != JsonTokenType.StartObject)
                {
                    _reader.Skip();
                    continue;
                }

                while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
                {
                    var isVector = _reader.ValueTextEquals("embedding"u8);
                    _reader.Read();
                    HasVectors |= isVector && _reader.TokenType == JsonTokenType.StartArray;
                    _reader.Skip();
                }
            }
        }

        private void ReadChoices()
        {
            if (_reader.TokenType != JsonTokenType.StartArray)
            {
                _reader.Skip();
                return;
            }

            while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
            {
                if (_reader.TokenType == JsonTokenType.StartObject)
                {
                    ReadChoice();
                }
                else
                {
                    _reader.Skip();
                }
            }
        }

        private void ReadChoice()
        {
            var (index, ended) = (Items, false);
            (HasAnswer, Items) = (true, Items + 1);
            while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = _reader.ValueSpan;
                _reader.Read();
                if (name.SequenceEqual("text"u8) && _reader.TokenType == JsonTokenType.String)
                {
                    Text.AddJson(_reader.ValueSpan);
                }
                else if (name.SequenceEqual("index"u8) && _reader.TokenType == JsonTokenType.Number && _reader.TryGetInt32(out var told))
                {
                    index = Math.Clamp(told, 0, CompletionRequest.MaxAnswers - 1);
                }
                else if (name.SequenceEqual("finish_reason"u8))
                {
                    ended = _reader.TokenType == JsonTokenType.String;
                }

                _reader.Skip();
            }

            Seen |= UInt128.One << Math.Min(index, CompletionRequest.MaxAnswers - 1);
            Ended |= ended ? UInt128.One << Math.Min(index, CompletionRequest.MaxAnswers - 1) : 0;
        }
    }
}
