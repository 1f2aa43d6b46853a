using System.Buffers;
using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>
/// Reads one answer of generateContent: every event of its stream is a whole response whose parts go on where the ones before ended.
/// </summary>
/// <param name="failsWithoutOutput">
/// Whether an answer that ended for a reason of its own, with nothing in it, is the provider's failure: no other protocol can say it.
/// </param>
public sealed class GeminiAnswerReader(bool failsWithoutOutput = false) : IAnswerReader
{
    private int[] _tools = new int[1];
    private ArrayBufferWriter<byte>? _logprobs;
    private bool _hasOutput;
    private bool _hasCandidates;
    private JsonMember _modelVersion;
    private JsonMember _usage;
    private bool _countsPrompts;
    private long _searches;
    private TokenUsage? _reported;

    /// <summary>Whether what is told of tokens goes on: to read it takes another look at each candidate.</summary>
    public bool ReadsLogprobs { get; init; }

    /// <inheritdoc/>
    public TokenUsage? Reported => _reported is { } reported ? reported with { Searches = _countsPrompts ? Math.Min(_searches, 1) : _searches } : null;

    /// <inheritdoc/>
    public string? ServiceTier { get; private set; }

    /// <inheritdoc/>
    public bool? HasJustReported { get; private set; }

    /// <inheritdoc/>
    public AnswerRead Read(in SseEvent sseEvent, IAnswerEvents events)
    {
        var data = sseEvent.Data.Span.Trim(" \t\r\n"u8);
        return data.IsEmpty ? AnswerRead.Part
            : data.SequenceEqual("[DONE]"u8) ? AnswerRead.End
            : ReadResponse(sseEvent.Data.Span, events);
    }

    /// <inheritdoc/>
    public AnswerRead ReadWhole(ReadOnlySpan<byte> answer, IAnswerEvents events) =>
        ReadResponse(answer, events) switch
        {
            AnswerRead.Part => _hasCandidates ? AnswerRead.End : AnswerRead.Malformed,
            var other => other,
        };

    /// <summary>Writes what was read last, with another model's name and without what its provider says it costs.</summary>
    /// <param name="modelJson">A JSON string.</param>
    /// <param name="inOneLine">Whether line breaks between its members would be those of events.</param>
    /// <param name="usage">What is charged for, as far as it is known: an estimate takes the place of what the provider says.</param>
    public void WriteRead(
        IBufferWriter<byte> writer, ReadOnlySpan<byte> response, ReadOnlyMemory<byte> modelJson, bool inOneLine, in TokenUsage usage)
    {
        var splices = default(JsonSplices);
        if (_modelVersion.IsPresent)
        {
            splices.ReplaceValue(_modelVersion, modelJson);
        }

        if (usage.IsEstimated)
        {
            var ours = new ArrayBufferWriter<byte>(256);
            GeminiUsage.Write(ours, usage);
            if (_usage.IsPresent)
            {
                splices.ReplaceValue(_usage, ours.WrittenMemory);
            }
            else if (response.IndexOf((byte)'"') is var first and > 0)
            {
                splices.Replace(first, first, (byte[])[.. "\"usageMetadata\":"u8, .. ours.WrittenSpan, (byte)',']);
            }
        }
        else if (_usage.IsPresent && UsageCost.IsTold(_usage.Value(response)))
        {
            splices.ReplaceValue(_usage, UsageCost.Without(_usage.Value(response)));
        }

        var position = 0;
        for (var i = 0; i < splices.Count; i++)
        {
            Write(writer, response[position..splices[i].Start], inOneLine);
            Write(writer, splices[i].Replacement.Span, inOneLine);
            position = splices[i].End;
        }

        Write(writer, response[position..], inOneLine);
    }

    private static void Write(IBufferWriter<byte> writer, ReadOnlySpan<byte> json, bool inOneLine)
    {
        while (inOneLine && json.IndexOfAny((byte)'\r', (byte)'\n') is var at and >= 0)
        {
            writer.Write(json[..at]);
            json = json[(at + 1)..];
        }

        writer.Write(json);
    }

    private AnswerRead ReadResponse(ReadOnlySpan<byte> json, IAnswerEvents events)
    {
        HasJustReported = false;
        (_modelVersion, _usage) = (default, default);
        var reader = new Utf8JsonReader(json);
        try
        {
            if (!reader.Read())
            {
                return AnswerRead.Malformed;
            }

            if (reader.TokenType == JsonTokenType.StartArray)
            {
                // An error before a stream that is an array.
                reader.Read();
                return reader.TokenType == JsonTokenType.StartObject && HasError(reader) ? AnswerRead.Error : AnswerRead.Malformed;
            }

            var read = reader.TokenType == JsonTokenType.StartObject ? ReadMembers(ref reader, json, events) : AnswerRead.Malformed;
            return read == AnswerRead.Part && reader.Read() ? AnswerRead.Malformed : read;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return AnswerRead.Malformed;
        }
    }

    private AnswerRead ReadMembers(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, IAnswerEvents events)
    {
        var (read, isBlocked, hasUsage, tellsOutput) = (AnswerRead.Part, false, false, false);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var start = (int)reader.TokenStartIndex;
            if (reader.ValueTextEquals("candidates"u8))
            {
                reader.Read();
                read = ReadCandidates(ref reader, json, events);
                if (read != AnswerRead.Part)
                {
                    return read;
                }
            }
            else if (reader.ValueTextEquals("usageMetadata"u8))
            {
                reader.Read();
                var valueStart = (int)reader.TokenStartIndex;
                if (GeminiUsage.Read(ref reader, out var tells, out var tier) is { } usage)
                {
                    tellsOutput |= tells;
                    _reported = hasUsage ? UsageReport.Most(_reported!.Value, usage) : usage;
                    hasUsage = true;
                    ServiceTier = tier ?? ServiceTier;
                    _usage = new(start, valueStart, (int)reader.BytesConsumed);
                }
            }
            else if (reader.ValueTextEquals("error"u8))
            {
                reader.Read();
                if (reader.TokenType != JsonTokenType.Null)
                {
                    return AnswerRead.Error;
                }
            }
            else if (reader.ValueTextEquals("promptFeedback"u8))
            {
                reader.Read();
                isBlocked = HasBlockReason(reader);
                reader.Skip();
            }
            else if (reader.ValueTextEquals("modelVersion"u8))
            {
                reader.Read();
                _countsPrompts = reader.TokenType == JsonTokenType.String && (reader.ValueSpan.StartsWith("gemini-2"u8) || reader.ValueSpan.StartsWith("gemini-1"u8));
                var nameStart = (int)reader.TokenStartIndex;
                reader.Skip();
                _modelVersion = new(start, nameStart, (int)reader.BytesConsumed);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        // The first reports of a stream may tell of the prompt alone.
        HasJustReported = hasUsage && (tellsOutput || !_hasOutput);
        if (isBlocked && !_hasCandidates)
        {
            _hasCandidates = true;
            events.Take(new AnswerEvent { Kind = AnswerEventKind.ChoiceEnd, Stop = StopReason.ContentFilter });
        }

        return read;
    }

    private AnswerRead ReadCandidates(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, IAnswerEvents events)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return AnswerRead.Part;
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                return AnswerRead.Malformed;
            }

            // Which candidate it is may stand behind its content.
            var choice = IndexOf(reader);
            if (choice is < 0 or >= GeminiRequest.MaxChoicesLimit)
            {
                return AnswerRead.Malformed;
            }

            if (_tools.Length <= choice)
            {
                Array.Resize(ref _tools, choice + 1);
            }

            _hasCandidates = true;
            if (!ReadCandidate(ref reader, json, choice, events))
            {
                return AnswerRead.Error;
            }
        }

        return AnswerRead.Part;
    }

    /// <returns>False when it has failed.</returns>
    private bool ReadCandidate(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, int choice, IAnswerEvents events)
    {
        StopReason? stop = null;
        var isOdd = false;
        if (ReadsLogprobs && LogprobsOf(reader) is { WrittenCount: > 0 } logprobs)
        {
            events.Take(new AnswerEvent { Kind = AnswerEventKind.Logprobs, Choice = choice, Text = logprobs.WrittenSpan });
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isContent = reader.ValueTextEquals("content"u8);
            var isReason = reader.ValueTextEquals("finishReason"u8);
            var isGrounding = reader.ValueTextEquals("groundingMetadata"u8);
            reader.Read();
            if (isContent && reader.TokenType == JsonTokenType.StartObject)
            {
                ReadContent(ref reader, json, choice, events);
            }
            else if (isReason && reader.TokenType == JsonTokenType.String)
            {
                stop = StopOf(reader, out isOdd);
            }
            else if (isGrounding && reader.TokenType == JsonTokenType.StartObject)
            {
                _searches = Math.Max(_searches, SearchesOf(ref reader));
            }
            else
            {
                reader.Skip();
            }
        }

        if (stop is not { } reason)
        {
            return true;
        }

        if (isOdd && failsWithoutOutput && !_hasOutput)
        {
            return false;
        }

        events.Take(new AnswerEvent
        {
            Kind = AnswerEventKind.ChoiceEnd,
            Choice = choice,
            Stop = reason == StopReason.Done && _tools[choice] > 0 ? StopReason.ToolCalls : reason,
        });
        return true;
    }

    private void ReadContent(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, int choice, IAnswerEvents events)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isParts = reader.ValueTextEquals("parts"u8);
            reader.Read();
            if (!isParts || reader.TokenType != JsonTokenType.StartArray)
            {
                reader.Skip();
                continue;
            }

            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (reader.TokenType == JsonTokenType.StartObject)
                {
                    ReadPart(ref reader, json, choice, events);
                }
                else
                {
                    reader.Skip();
                }
            }
        }
    }

    private void ReadPart(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, int choice, IAnswerEvents events)
    {
        ReadOnlySpan<byte> text = default, signature = default;
        var (isThought, isCall) = (false, false);
        var call = default(Call);
        var blob = default(Blob);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.ValueSpan;
            reader.Read();
            if (name.SequenceEqual("text"u8) && reader.TokenType == JsonTokenType.String)
            {
                text = reader.ValueSpan;
            }
            else if (name.SequenceEqual("thought"u8))
            {
                isThought = reader.TokenType == JsonTokenType.True;
            }
            else if (name.SequenceEqual("thoughtSignature"u8) && reader.TokenType == JsonTokenType.String)
            {
                signature = reader.ValueSpan;
            }
            else if (name.SequenceEqual("functionCall"u8) && reader.TokenType == JsonTokenType.StartObject)
            {
                isCall = true;
                call = Call.Read(ref reader, json);
            }
            else if (name.SequenceEqual("inlineData"u8) && reader.TokenType == JsonTokenType.StartObject)
            {
                blob = Blob.Read(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }

        if (isCall)
        {
            Take(call, choice, signature, events);
            return;
        }

        if (!text.IsEmpty)
        {
            _hasOutput = true;
            events.Take(new AnswerEvent { Kind = isThought ? AnswerEventKind.Reasoning : AnswerEventKind.Text, Choice = choice, Text = text });
        }

        if (!blob.Data.IsEmpty)
        {
            _hasOutput = true;
            events.Take(new AnswerEvent { Kind = AnswerEventKind.Image, Choice = choice, Text = blob.Data, MediaType = blob.Type });
        }

        if (!signature.IsEmpty)
        {
            // Beside visible text it stands for thoughts that are not shown.
            events.Take(new AnswerEvent { Kind = isThought ? AnswerEventKind.Signature : AnswerEventKind.HiddenReasoning, Choice = choice, Text = signature });
        }
    }

    private void Take(in Call call, int choice, ReadOnlySpan<byte> signature, IAnswerEvents events)
    {
        _hasOutput = true;
        var tool = _tools[choice]++;
        events.Take(new AnswerEvent { Kind = AnswerEventKind.ToolStart, Choice = choice, Tool = tool, Id = call.Id, Name = call.Name });
        events.Take(new AnswerEvent { Kind = AnswerEventKind.ToolArguments, Choice = choice, Tool = tool, Text = GeminiJson.EscapedObject(call.Arguments) });
        if (!signature.IsEmpty)
        {
            events.Take(new AnswerEvent { Kind = AnswerEventKind.Signature, Choice = choice, Tool = tool, Text = signature });
        }
    }

    /// <param name="isOdd">Whether it says that something went wrong.</param>
    private static StopReason? StopOf(in Utf8JsonReader reader, out bool isOdd)
    {
        isOdd = false;
        if (reader.ValueTextEquals("STOP"u8))
        {
            return StopReason.Done;
        }

        if (reader.ValueTextEquals("MAX_TOKENS"u8))
        {
            return StopReason.Length;
        }

        if (reader.ValueSpan.IsEmpty || reader.ValueTextEquals("FINISH_REASON_UNSPECIFIED"u8))
        {
            return null;
        }

        if (reader.ValueTextEquals("SAFETY"u8) || reader.ValueTextEquals("RECITATION"u8) || reader.ValueTextEquals("LANGUAGE"u8)
            || reader.ValueTextEquals("BLOCKLIST"u8) || reader.ValueTextEquals("PROHIBITED_CONTENT"u8) || reader.ValueTextEquals("SPII"u8)
            || reader.ValueSpan.StartsWith("IMAGE_"u8))
        {
            return StopReason.ContentFilter;
        }

        isOdd = true;
        return StopReason.Done;
    }

    private static int IndexOf(Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isIndex = reader.ValueTextEquals("index"u8);
            reader.Read();
            if (isIndex && reader.TokenType == JsonTokenType.Number)
            {
                return reader.TryGetInt32(out var index) ? index : -1;
            }

            reader.Skip();
        }

        return 0;
    }

    /// <summary>What a candidate, which the reader stands in, tells of its tokens, which may stand behind its text; null when nothing.</summary>
    private ArrayBufferWriter<byte>? LogprobsOf(Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isResult = reader.ValueTextEquals("logprobsResult"u8);
            reader.Read();
            if (isResult && reader.TokenType == JsonTokenType.StartObject)
            {
                (_logprobs ??= new()).ResetWrittenCount();
                GeminiLogprobs.Read(reader, _logprobs);
                return _logprobs;
            }

            reader.Skip();
        }

        return null;
    }

    private static bool HasError(Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isError = reader.ValueTextEquals("error"u8);
            reader.Read();
            if (isError && reader.TokenType != JsonTokenType.Null)
            {
                return true;
            }

            reader.Skip();
        }

        return false;
    }

    private static bool HasBlockReason(Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return false;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isReason = reader.ValueTextEquals("blockReason"u8);
            reader.Read();
            if (isReason && reader.TokenType == JsonTokenType.String && !reader.ValueTextEquals("BLOCK_REASON_UNSPECIFIED"u8))
            {
                return true;
            }

            reader.Skip();
        }

        return false;
    }

    /// <summary>How many searches an answer is grounded on; maps tell none of theirs.</summary>
    private static long SearchesOf(ref Utf8JsonReader reader)
    {
        var (queries, hasChunks) = (0L, false);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var areQueries = reader.ValueTextEquals("webSearchQueries"u8) || reader.ValueTextEquals("imageSearchQueries"u8);
            var areChunks = reader.ValueTextEquals("groundingChunks"u8);
            reader.Read();
            if (!(areQueries || areChunks) || reader.TokenType != JsonTokenType.StartArray)
            {
                reader.Skip();
                continue;
            }

            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                reader.Skip();
                queries += areQueries ? 1 : 0;
                hasChunks |= areChunks;
            }
        }

        return queries == 0 && hasChunks ? 1 : queries;
    }

    private readonly ref struct Call
    {
        public ReadOnlySpan<byte> Id { get; init; }

        public ReadOnlySpan<byte> Name { get; init; }

        public ReadOnlySpan<byte> Arguments { get; init; }

        public static Call Read(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> json)
        {
            ReadOnlySpan<byte> id = default, name = default, arguments = default;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isId = reader.ValueTextEquals("id"u8);
                var isName = reader.ValueTextEquals("name"u8);
                var areArguments = reader.ValueTextEquals("args"u8);
                reader.Read();
                if (isId && reader.TokenType == JsonTokenType.String)
                {
                    id = reader.ValueSpan;
                }
                else if (isName && reader.TokenType == JsonTokenType.String)
                {
                    name = reader.ValueSpan;
                }
                else if (areArguments && reader.TokenType == JsonTokenType.StartObject)
                {
                    var start = (int)reader.TokenStartIndex;
                    reader.Skip();
                    arguments = json[start..(int)reader.BytesConsumed];
                }
                else
                {
                    reader.Skip();
                }
            }

            return new Call { Id = id, Name = name, Arguments = arguments };
        }
    }

    private readonly ref struct Blob
    {
        public ReadOnlySpan<byte> Type { get; init; }

        public ReadOnlySpan<byte> Data { get; init; }

        public static Blob Read(scoped ref Utf8JsonReader reader)
        {
            ReadOnlySpan<byte> type = default, data = default;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isType = reader.ValueTextEquals("mimeType"u8);
                var isData = reader.ValueTextEquals("data"u8);
                reader.Read();
                if (isType && reader.TokenType == JsonTokenType.String)
                {
                    type = reader.ValueSpan;
                }
                else if (isData && reader.TokenType == JsonTokenType.String)
                {
                    data = reader.ValueSpan;
                }
                else
                {
                    reader.Skip();
                }
            }

            return new Blob { Type = type, Data = data };
        }
    }
}
