using System.Buffers;
using System.Text;
using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Protocols.OpenAI.Responses;

/// <summary>
/// Reads Responses answers, streamed or whole, and writes them as they came but for the model's name and the usage. Reading a delta allocates
/// nothing.
/// </summary>
public sealed class ResponsesAnswerReader : IAnswerReader
{
    private readonly List<int> _calls = [];
    private JsonMember _type;
    private JsonMember _response;
    private JsonMember _model;
    private JsonMember _usage;
    private JsonMember _store;
    private JsonMember _previous;

    /// <summary>What takes the place of what the provider says of the response's keeping; null leaves that.</summary>
    public ResponsesKeeping? Keeping { get; init; }

    /// <inheritdoc/>
    public TokenUsage? Reported { get; private set; }

    /// <inheritdoc/>
    public string? ServiceTier { get; private set; }

    /// <summary>The response's id; null until the provider has told it.</summary>
    public string? ResponseId { get; private set; }

    /// <summary>The number of the last event that had one.</summary>
    public long SequenceNumber { get; private set; } = -1;

    /// <inheritdoc/>
    public AnswerRead Read(in SseEvent sseEvent, IAnswerEvents events)
    {
        ArgumentNullException.ThrowIfNull(events);
        var json = sseEvent.Data.Span;
        (_type, _response, _model, _usage, _store, _previous) = (default, default, default, default, default, default);
        if (json.Trim(" \n"u8).IsEmpty || json.SequenceEqual("[DONE]"u8))
        {
            return AnswerRead.Part;
        }

        try
        {
            return ReadEvent(json, events);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return AnswerRead.Malformed;
        }
    }

    /// <inheritdoc/>
    public AnswerRead ReadWhole(ReadOnlySpan<byte> answer, IAnswerEvents events)
    {
        ArgumentNullException.ThrowIfNull(events);
        (_type, _response, _model, _usage, _store, _previous) = (default, default, default, default, default, default);
        try
        {
            var reader = new Utf8JsonReader(answer);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return AnswerRead.Malformed;
            }

            var start = (int)reader.TokenStartIndex;
            var response = ReadResponse(ref reader);
            _response = new(start, start, (int)reader.BytesConsumed);
            if (reader.Read() || !(response.IsResponse || response.HasError))
            {
                return AnswerRead.Malformed;
            }

            if (response.HasError || response.Status == Status.Failed)
            {
                return AnswerRead.Error;
            }

            TakeOutput(response.Output, events);
            TakeEnd(response, events);
            return AnswerRead.End;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return AnswerRead.Malformed;
        }
    }

    /// <summary>Writes the event that was read last, under the model's name that was asked for.</summary>
    /// <param name="data">Its data.</param>
    /// <param name="usageJson">The usage to put in its usage's place; empty leaves it.</param>
    public void WriteEvent(IBufferWriter<byte> writer, ReadOnlySpan<byte> data, ReadOnlyMemory<byte> modelJson, ReadOnlyMemory<byte> usageJson = default)
    {
        ArgumentNullException.ThrowIfNull(writer);
        if (!_type.IsPresent)
        {
            return;
        }

        writer.Write("event: "u8);
        writer.Write(_type.Value(data)[1..^1]);
        writer.Write("\ndata: "u8);
        if (data.Contains((byte)'\n'))
        {
            // A line break between members would end the event's data line.
            var line = data.ToArray();
            line.AsSpan().Replace((byte)'\n', (byte)' ');
            Splices(line, 0, modelJson, usageJson).Write(line, writer);
        }
        else
        {
            Splices(data, 0, modelJson, usageJson).Write(data, writer);
        }

        writer.Write("\n\n"u8);
    }

    /// <summary>Writes the response that was read last, alone.</summary>
    /// <param name="data">The data of its event, or the whole answer.</param>
    public void WriteResponse(IBufferWriter<byte> writer, ReadOnlySpan<byte> data, ReadOnlyMemory<byte> modelJson, ReadOnlyMemory<byte> usageJson) =>
        Splices(data, _response.ValueStart, modelJson, usageJson).Write(_response.Value(data), writer);

    /// <summary>The usage that was read last as it stands; empty when there was none.</summary>
    public ReadOnlySpan<byte> UsageJson(ReadOnlySpan<byte> data) => _usage.IsPresent ? _usage.Value(data) : default;

    private enum Status
    {
        None,
        Completed,
        Incomplete,
        Failed,
    }

    private JsonSplices Splices(ReadOnlySpan<byte> data, int from, ReadOnlyMemory<byte> modelJson, ReadOnlyMemory<byte> usageJson)
    {
        var splices = default(JsonSplices);
        if (_model.IsPresent && !_model.Value(data).SequenceEqual(modelJson.Span))
        {
            splices.ReplaceValue(_model.Shift(0, -from), modelJson);
        }

        if (usageJson.IsEmpty && _usage.IsPresent && UsageCost.IsTold(_usage.Value(data)))
        {
            usageJson = UsageCost.Without(_usage.Value(data));
        }

        if (Keeping is not null && _store.IsPresent)
        {
            splices.ReplaceValue(_store.Shift(0, -from), JsonBytes.True);
        }

        if (Keeping is not null && _previous.IsPresent)
        {
            splices.ReplaceValue(_previous.Shift(0, -from), Keeping.PreviousJson);
        }

        if (!usageJson.IsEmpty && _usage.IsPresent)
        {
            splices.ReplaceValue(_usage.Shift(0, -from), usageJson);
        }
        else if (!usageJson.IsEmpty && _response.IsPresent)
        {
            var end = _response.ValueEnd - from - 1;
            splices.Replace(end, end, (byte[])[.. ",\"usage\":"u8, .. usageJson.Span]);
        }

        return splices;
    }

    private AnswerRead ReadEvent(ReadOnlySpan<byte> json, IAnswerEvents events)
    {
        var reader = new Utf8JsonReader(json);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return AnswerRead.Malformed;
        }

        ReadOnlySpan<byte> type = default, delta = default;
        Utf8JsonReader item = default;
        var response = default(Response);
        var (output, hasError) = (0, false);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var start = (int)reader.TokenStartIndex;
            var name = reader.ValueSpan;
            reader.Read();
            switch (reader.TokenType)
            {
                case JsonTokenType.String when name.SequenceEqual("type"u8):
                    type = reader.ValueSpan;
                    _type = new(start, (int)reader.TokenStartIndex, (int)reader.BytesConsumed);
                    break;
                case JsonTokenType.String when name.SequenceEqual("delta"u8) || name.SequenceEqual("partial_image_b64"u8):
                    delta = reader.ValueSpan;
                    break;
                case JsonTokenType.Number when name.SequenceEqual("output_index"u8):
                    output = reader.TryGetInt32(out var index) ? index : 0;
                    break;
                case JsonTokenType.Number when name.SequenceEqual("sequence_number"u8):
                    SequenceNumber = reader.TryGetInt64(out var number) ? number : SequenceNumber;
                    break;
                case JsonTokenType.StartObject when name.SequenceEqual("item"u8):
                    item = reader;
                    break;
                case JsonTokenType.StartObject when name.SequenceEqual("response"u8):
                    var value = (int)reader.TokenStartIndex;
                    response = ReadResponse(ref reader);
                    _response = new(start, value, (int)reader.BytesConsumed);
                    continue;
                case not JsonTokenType.Null when name.SequenceEqual("error"u8):
                    hasError = true;
                    break;
                default:
                    break;
            }

            reader.Skip();
        }

        return reader.Read() ? AnswerRead.Malformed
            : type.SequenceEqual("error"u8) || type.SequenceEqual("response.failed"u8) || (type.IsEmpty && hasError) ? AnswerRead.Error
            : Take(type, delta, output, item, response, events);
    }

    private AnswerRead Take(
        ReadOnlySpan<byte> type, ReadOnlySpan<byte> delta, int output, Utf8JsonReader item, in Response response, IAnswerEvents events)
    {
        if (type.SequenceEqual("response.completed"u8) || type.SequenceEqual("response.incomplete"u8))
        {
            TakeEnd(response, events);
            return AnswerRead.End;
        }

        if (type.SequenceEqual("response.output_item.added"u8) && item.TokenType == JsonTokenType.StartObject)
        {
            StartItem(item, output, events);
        }
        else if (!delta.IsEmpty && KindOf(type) is { } kind)
        {
            events.Take(new AnswerEvent { Kind = kind, Tool = Math.Max(0, _calls.IndexOf(output)), Text = delta });
        }

        return AnswerRead.Part;
    }

    private static AnswerEventKind? KindOf(ReadOnlySpan<byte> type) =>
        type.SequenceEqual("response.output_text.delta"u8) ? AnswerEventKind.Text
        : type.SequenceEqual("response.refusal.delta"u8) ? AnswerEventKind.Refusal
        : type.SequenceEqual("response.reasoning_summary_text.delta"u8) || type.SequenceEqual("response.reasoning_text.delta"u8) ? AnswerEventKind.Reasoning
        : type.SequenceEqual("response.image_generation_call.partial_image"u8) ? AnswerEventKind.Image
        : type.EndsWith("_arguments.delta"u8) || type.EndsWith("_input.delta"u8) || type.EndsWith("_code.delta"u8) ? AnswerEventKind.ToolArguments
        : null;

    private void StartItem(Utf8JsonReader item, int output, IAnswerEvents events)
    {
        ReadOnlySpan<byte> type = default, id = default, name = default;
        while (item.Read() && item.TokenType == JsonTokenType.PropertyName)
        {
            var member = item.ValueSpan;
            item.Read();
            if (item.TokenType == JsonTokenType.String)
            {
                type = member.SequenceEqual("type"u8) ? item.ValueSpan : type;
                id = member.SequenceEqual("call_id"u8) ? item.ValueSpan : id;
                name = member.SequenceEqual("name"u8) ? item.ValueSpan : name;
            }

            item.Skip();
        }

        if (type.SequenceEqual("function_call"u8) || type.SequenceEqual("custom_tool_call"u8))
        {
            _calls.Add(output);
            events.Take(new AnswerEvent { Kind = AnswerEventKind.ToolStart, Tool = _calls.Count - 1, Id = id, Name = name });
        }
    }

    private void TakeEnd(in Response response, IAnswerEvents events) => events.Take(new AnswerEvent
    {
        Kind = AnswerEventKind.ChoiceEnd,
        Stop = response.IsFiltered ? StopReason.ContentFilter
            : response.Status == Status.Incomplete ? StopReason.Length
            : _calls.Count > 0 ? StopReason.ToolCalls
            : StopReason.Done,
    });

    private static int CountSearches(Utf8JsonReader output)
    {
        var count = 0;
        while (output.Read() && output.TokenType != JsonTokenType.EndArray)
        {
            if (output.TokenType != JsonTokenType.StartObject)
            {
                output.Skip();
                continue;
            }

            while (output.Read() && output.TokenType == JsonTokenType.PropertyName)
            {
                var isType = output.ValueTextEquals("type"u8);
                output.Read();
                count += isType && output.TokenType == JsonTokenType.String && output.ValueTextEquals("web_search_call"u8) ? 1 : 0;
                output.Skip();
            }
        }

        return count;
    }

    /// <summary>Reads the response that the reader stands on, to its end.</summary>
    private Response ReadResponse(scoped ref Utf8JsonReader reader)
    {
        var response = default(Response);
        TokenUsage? usageInThis = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var nameStart = (int)reader.TokenStartIndex;
            var name = reader.ValueSpan;
            reader.Read();
            var valueStart = (int)reader.TokenStartIndex;
            switch (reader.TokenType)
            {
                case JsonTokenType.String when name.SequenceEqual("id"u8):
                    ResponseId ??= reader.ValueSpan.Length is > 0 and <= 256 ? reader.GetString() : null;
                    break;
                case JsonTokenType.String when name.SequenceEqual("model"u8):
                    _model = new(nameStart, valueStart, (int)reader.BytesConsumed);
                    break;
                case JsonTokenType.String when name.SequenceEqual("object"u8):
                    response.IsResponse = reader.ValueTextEquals("response"u8);
                    break;
                case JsonTokenType.String when name.SequenceEqual("service_tier"u8):
                    ServiceTier = ServiceTier is { } known && Ascii.Equals(reader.ValueSpan, known) ? known : reader.GetString();
                    break;
                case JsonTokenType.String when name.SequenceEqual("status"u8):
                    response.Status = reader.ValueTextEquals("incomplete"u8) ? Status.Incomplete
                        : reader.ValueTextEquals("failed"u8) || reader.ValueTextEquals("cancelled"u8) ? Status.Failed
                        : Status.Completed;
                    break;
                case JsonTokenType.StartObject when name.SequenceEqual("usage"u8):
                    if (OpenAIUsage.TryRead(ref reader, out var usage))
                    {
                        Reported = usageInThis is { } earlier ? UsageReport.Most(earlier, usage) : usage;
                        usageInThis = Reported;
                    }

                    _usage = new(nameStart, valueStart, (int)reader.BytesConsumed);
                    continue;
                case JsonTokenType.True or JsonTokenType.False when name.SequenceEqual("store"u8):
                    _store = new(nameStart, valueStart, (int)reader.BytesConsumed);
                    break;
                case JsonTokenType.Null or JsonTokenType.String when name.SequenceEqual("previous_response_id"u8):
                    _previous = new(nameStart, valueStart, (int)reader.BytesConsumed);
                    break;
                case JsonTokenType.Null when name.SequenceEqual("usage"u8):
                    _usage = new(nameStart, valueStart, (int)reader.BytesConsumed);
                    break;
                case JsonTokenType.StartObject when name.SequenceEqual("incomplete_details"u8):
                    response.IsFiltered = IsFilter(reader);
                    break;
                case JsonTokenType.StartArray when name.SequenceEqual("output"u8):
                    response.Output = reader;
                    break;
                case not JsonTokenType.Null when name.SequenceEqual("error"u8):
                    response.HasError = true;
                    break;
                default:
                    break;
            }

            reader.Skip();
        }

        if (Reported is { Searches: null } reported && response.Output.TokenType == JsonTokenType.StartArray && CountSearches(response.Output) is > 0 and var searches)
        {
            // The usage does not tell of them, the items do.
            Reported = reported with { Searches = searches };
        }

        return response;
    }

    private static bool IsFilter(Utf8JsonReader details)
    {
        var depth = details.CurrentDepth;
        while (details.Read() && details.CurrentDepth > depth)
        {
            if (details.TokenType == JsonTokenType.String && details.ValueTextEquals("content_filter"u8))
            {
                return true;
            }
        }

        return false;
    }

    private void TakeOutput(Utf8JsonReader output, IAnswerEvents events)
    {
        if (output.TokenType != JsonTokenType.StartArray)
        {
            return;
        }

        for (var number = 0; output.Read() && output.TokenType == JsonTokenType.StartObject; number++)
        {
            StartItem(output, number, events);
            var depth = output.CurrentDepth;
            ReadOnlySpan<byte> member = default;
            var isReasoning = IsReasoning(output);
            while (output.Read() && output.CurrentDepth > depth)
            {
                if (output.TokenType == JsonTokenType.PropertyName)
                {
                    member = output.ValueSpan;
                }
                else if (output.TokenType == JsonTokenType.String && !output.ValueSpan.IsEmpty && TextKindOf(member, isReasoning) is { } kind)
                {
                    events.Take(new AnswerEvent { Kind = kind, Tool = Math.Max(0, _calls.IndexOf(number)), Text = output.ValueSpan, MediaType = "image/png"u8 });
                }
            }
        }
    }

    private static AnswerEventKind? TextKindOf(ReadOnlySpan<byte> member, bool isReasoning) =>
        member.SequenceEqual("text"u8) ? (isReasoning ? AnswerEventKind.Reasoning : AnswerEventKind.Text)
        : member.SequenceEqual("refusal"u8) ? AnswerEventKind.Refusal
        : member.SequenceEqual("arguments"u8) || member.SequenceEqual("input"u8) ? AnswerEventKind.ToolArguments
        : member.SequenceEqual("result"u8) ? AnswerEventKind.Image
        : null;

    private static bool IsReasoning(Utf8JsonReader item)
    {
        while (item.Read() && item.TokenType == JsonTokenType.PropertyName)
        {
            var isType = item.ValueTextEquals("type"u8);
            item.Read();
            if (isType && item.TokenType == JsonTokenType.String)
            {
                return item.ValueTextEquals("reasoning"u8);
            }

            item.Skip();
        }

        return false;
    }

    private ref struct Response
    {
        public bool IsResponse;
        public bool HasError;
        public bool IsFiltered;
        public Status Status;
        public Utf8JsonReader Output;
    }
}
