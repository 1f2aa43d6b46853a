using System.Buffers;
using System.Text.Json;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Protocols.OpenAI.Translation;

/// <summary>Reads Chat Completions answers, streamed or whole.</summary>
/// <param name="answerId">What ids of tool calls that have none are made of.</param>
public sealed class ChatAnswerReader(string answerId) : IAnswerReader
{
    /// <summary>
    /// The signature of reasoning: the field that it came in. Nothing proves it, but its provider wants it back in that field, and others refuse
    /// it there.
    /// </summary>
    public const string ReasoningMark = "reasoning_content";

    private readonly ChatMender _mender = new(answerId);
    private readonly ArrayBufferWriter<byte> _mended = new(256);
    private readonly List<(int Choice, int Index)> _calls = [];
    private byte[] _lastCallId = [];
    private UInt128 _reasoning;

    /// <inheritdoc/>
    public TokenUsage? Reported { get; private set; }

    /// <inheritdoc/>
    public string? ServiceTier { get; private set; }

    /// <inheritdoc/>
    public AnswerRead Read(in SseEvent sseEvent, IAnswerEvents events)
    {
        var data = sseEvent.Data.Span.Trim(" \n"u8);
        return data.IsEmpty ? AnswerRead.Part
            : data.SequenceEqual("[DONE]"u8) ? AnswerRead.End
            : ReadPayload(data, events, isWhole: false) switch
            {
                ChatPayloadKind.Error => AnswerRead.Error,
                ChatPayloadKind.Malformed => AnswerRead.Malformed,
                _ => AnswerRead.Part,
            };
    }

    /// <inheritdoc/>
    public AnswerRead ReadWhole(ReadOnlySpan<byte> answer, IAnswerEvents events) => ReadPayload(answer, events, isWhole: true) switch
    {
        ChatPayloadKind.Choices => AnswerRead.End,
        ChatPayloadKind.Error => AnswerRead.Error,
        _ => AnswerRead.Malformed,
    };

    private ChatPayloadKind ReadPayload(ReadOnlySpan<byte> payload, IAnswerEvents events, bool isWhole)
    {
        ArgumentNullException.ThrowIfNull(events);
        _mended.ResetWrittenCount();
        if (_mender.Mend(payload, _mended))
        {
            payload = _mended.WrittenSpan;
        }

        var scan = new ChatScanner(payload);
        if (!scan.TryScan())
        {
            return ChatPayloadKind.Malformed;
        }

        Reported = scan.HasUsage ? scan.Tokens : Reported;
        if (scan.ServiceTier.IsPresent)
        {
            ServiceTier = ChatResponse.TierOf(payload, scan.ServiceTier, ServiceTier);
        }

        if (scan.Kind == ChatPayloadKind.Choices)
        {
            ReadChoices(payload, events, isWhole);
        }

        return scan.Kind;
    }

    private void ReadChoices(ReadOnlySpan<byte> payload, IAnswerEvents events, bool isWhole)
    {
        var reader = new Utf8JsonReader(payload);
        reader.Read();
        while (TryReadName(ref reader, out var name))
        {
            if (!name.SequenceEqual("choices"u8) || reader.TokenType != JsonTokenType.StartArray)
            {
                reader.Skip();
                continue;
            }

            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (reader.TokenType == JsonTokenType.StartObject)
                {
                    ReadChoice(ref reader, payload, events, isWhole);
                }
                else
                {
                    reader.Skip();
                }
            }
        }
    }

    private void ReadChoice(ref Utf8JsonReader reader, ReadOnlySpan<byte> payload, IAnswerEvents events, bool isWhole)
    {
        var (choice, stop) = (0, isWhole ? StopReason.Done : (StopReason?)null);
        Utf8JsonReader delta = default;
        ReadOnlySpan<byte> logprobs = default;
        while (TryReadName(ref reader, out var name))
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.Number when name.SequenceEqual("index"u8):
                    choice = reader.TryGetInt32(out var index) ? index : -1;
                    break;
                case JsonTokenType.String when name.SequenceEqual("finish_reason"u8) && !reader.ValueSpan.IsEmpty:
                    stop = StopOf(reader);
                    break;
                case JsonTokenType.StartObject when name.SequenceEqual("delta"u8) || name.SequenceEqual("message"u8):
                    // Which choice it is may stand behind it.
                    delta = reader;
                    break;
                case JsonTokenType.StartObject when name.SequenceEqual("logprobs"u8):
                    logprobs = ReadLogprobs(reader, payload);
                    break;
                default:
                    break;
            }

            reader.Skip();
        }

        if (choice is < 0 or >= ChatRequest.MaxChoicesLimit)
        {
            return;
        }

        if (!logprobs.IsEmpty)
        {
            events.Take(new AnswerEvent { Kind = AnswerEventKind.Logprobs, Choice = choice, Text = logprobs });
        }

        if (delta.TokenType == JsonTokenType.StartObject)
        {
            ReadDelta(delta, choice, events);
        }

        if (stop is { } reason)
        {
            EndReasoning(choice, events);
            events.Take(new AnswerEvent { Kind = AnswerEventKind.ChoiceEnd, Choice = choice, Stop = reason });
        }
    }

    /// <summary>What stands in the list of the visible text's tokens.</summary>
    private static ReadOnlySpan<byte> ReadLogprobs(Utf8JsonReader logprobs, ReadOnlySpan<byte> payload)
    {
        while (TryReadName(ref logprobs, out var name))
        {
            var start = (int)logprobs.TokenStartIndex + 1;
            var isList = name.SequenceEqual("content"u8) && logprobs.TokenType == JsonTokenType.StartArray;
            logprobs.Skip();
            if (isList)
            {
                return payload[start..((int)logprobs.BytesConsumed - 1)].Trim(" \t\r\n"u8);
            }
        }

        return default;
    }

    private static StopReason StopOf(in Utf8JsonReader reader) =>
        reader.ValueTextEquals("length"u8) ? StopReason.Length
        : reader.ValueTextEquals("tool_calls"u8) || reader.ValueTextEquals("function_call"u8) ? StopReason.ToolCalls
        : reader.ValueTextEquals("content_filter"u8) || reader.ValueTextEquals("sensitive"u8) ? StopReason.ContentFilter
        : StopReason.Done;

    /// <summary>Reasoning goes before text, and text before calls, in whatever order they stand.</summary>
    private void ReadDelta(Utf8JsonReader delta, int choice, IAnswerEvents events)
    {
        Utf8JsonReader content = default, images = default, calls = default;
        ReadOnlySpan<byte> reasoning = default, refusal = default;
        while (TryReadName(ref delta, out var name))
        {
            switch (delta.TokenType)
            {
                // Some servers tell the same reasoning under both names.
                case JsonTokenType.String when name.SequenceEqual("reasoning_content"u8) || name.SequenceEqual("reasoning"u8):
                    reasoning = delta.ValueSpan.IsEmpty ? reasoning : delta.ValueSpan;
                    break;
                case JsonTokenType.String when name.SequenceEqual("refusal"u8):
                    refusal = delta.ValueSpan;
                    break;
                case JsonTokenType.String or JsonTokenType.StartArray when name.SequenceEqual("content"u8):
                    content = delta;
                    break;
                case JsonTokenType.StartArray when name.SequenceEqual("images"u8):
                    images = delta;
                    break;
                case JsonTokenType.StartArray when name.SequenceEqual("tool_calls"u8):
                    calls = delta;
                    break;
                default:
                    break;
            }

            delta.Skip();
        }

        if (!reasoning.IsEmpty)
        {
            _reasoning |= UInt128.One << choice;
            events.Take(new AnswerEvent { Kind = AnswerEventKind.Reasoning, Choice = choice, Text = reasoning });
        }

        TakeContent(content, choice, events);
        TakeText(AnswerEventKind.Refusal, refusal, choice, events);
        while (images.TokenType != JsonTokenType.None && images.Read() && images.TokenType != JsonTokenType.EndArray)
        {
            TakeImage(ref images, choice, events);
        }

        while (calls.TokenType != JsonTokenType.None && calls.Read() && calls.TokenType != JsonTokenType.EndArray)
        {
            TakeCall(ref calls, choice, events);
        }
    }

    private void TakeText(AnswerEventKind kind, ReadOnlySpan<byte> text, int choice, IAnswerEvents events)
    {
        if (!text.IsEmpty)
        {
            EndReasoning(choice, events);
            events.Take(new AnswerEvent { Kind = kind, Choice = choice, Text = text });
        }
    }

    private void EndReasoning(int choice, IAnswerEvents events)
    {
        if ((_reasoning & (UInt128.One << choice)) != 0)
        {
            _reasoning &= ~(UInt128.One << choice);
            events.Take(new AnswerEvent { Kind = AnswerEventKind.Signature, Choice = choice, Text = "reasoning_content"u8 });
        }
    }

    /// <summary>Text, or parts of it.</summary>
    private void TakeContent(Utf8JsonReader content, int choice, IAnswerEvents events)
    {
        if (content.TokenType == JsonTokenType.String)
        {
            TakeText(AnswerEventKind.Text, content.ValueSpan, choice, events);
        }

        if (content.TokenType != JsonTokenType.StartArray)
        {
            return;
        }

        while (content.Read() && content.TokenType != JsonTokenType.EndArray)
        {
            if (content.TokenType != JsonTokenType.StartObject)
            {
                content.Skip();
                continue;
            }

            while (TryReadName(ref content, out var name))
            {
                if (name.SequenceEqual("text"u8) && content.TokenType == JsonTokenType.String)
                {
                    TakeText(AnswerEventKind.Text, content.ValueSpan, choice, events);
                }

                content.Skip();
            }
        }
    }

    /// <summary>A picture as OpenRouter has it: <c>{"image_url":{"url":"data:…"}}</c>.</summary>
    private void TakeImage(ref Utf8JsonReader image, int choice, IAnswerEvents events)
    {
        var depth = image.CurrentDepth;
        var isUrl = false;
        if (image.TokenType != JsonTokenType.StartObject)
        {
            image.Skip();
            return;
        }

        while (image.Read() && image.CurrentDepth > depth)
        {
            if (image.TokenType == JsonTokenType.PropertyName)
            {
                isUrl = image.ValueTextEquals("url"u8);
            }
            else if (isUrl && image.TokenType == JsonTokenType.String && image.ValueSpan.StartsWith("data:"u8)
                && image.ValueSpan.IndexOf(";base64,"u8) is > 0 and var end)
            {
                EndReasoning(choice, events);
                events.Take(new AnswerEvent
                {
                    Kind = AnswerEventKind.Image,
                    Choice = choice,
                    MediaType = image.ValueSpan["data:".Length..end],
                    Text = image.ValueSpan[(end + ";base64,".Length)..],
                });
            }
        }
    }

    private void TakeCall(ref Utf8JsonReader call, int choice, IAnswerEvents events)
    {
        if (call.TokenType != JsonTokenType.StartObject)
        {
            call.Skip();
            return;
        }

        int? index = null;
        ReadOnlySpan<byte> id = default, name = default, arguments = default, signature = default;
        var depth = call.CurrentDepth;
        ReadOnlySpan<byte> member = default;
        while (call.Read() && call.CurrentDepth > depth)
        {
            switch (call.TokenType)
            {
                case JsonTokenType.PropertyName: member = call.ValueSpan; break;
                case JsonTokenType.Number when member.SequenceEqual("index"u8) && call.TryGetInt32(out var value): index = value; break;
                case JsonTokenType.String when member.SequenceEqual("id"u8): id = call.ValueSpan; break;
                case JsonTokenType.String when member.SequenceEqual("name"u8): name = call.ValueSpan; break;
                case JsonTokenType.String when member.SequenceEqual("arguments"u8): arguments = call.ValueSpan; break;
                case JsonTokenType.String when member.SequenceEqual("thought_signature"u8): signature = call.ValueSpan; break;
                default: break;
            }
        }

        EndReasoning(choice, events);
        // Whole answers have no index; a call that has none is another one if it has another id, else the one before.
        var isNext = !id.IsEmpty && !id.SequenceEqual(_lastCallId);
        var (tool, isNew) = Number(choice, index ?? Math.Max(0, _calls.Count(known => known.Choice == choice) - (isNext ? 0 : 1)));
        _lastCallId = isNext ? id.ToArray() : _lastCallId;
        if (isNew)
        {
            events.Take(new AnswerEvent { Kind = AnswerEventKind.ToolStart, Choice = choice, Tool = tool, Id = id, Name = name });
        }

        if (!arguments.IsEmpty)
        {
            events.Take(new AnswerEvent { Kind = AnswerEventKind.ToolArguments, Choice = choice, Tool = tool, Text = arguments });
        }

        if (!signature.IsEmpty)
        {
            events.Take(new AnswerEvent { Kind = AnswerEventKind.Signature, Choice = choice, Tool = tool, Text = signature });
        }
    }

    /// <summary>A call's number among those of its choice: providers count from where they like.</summary>
    private (int Tool, bool IsNew) Number(int choice, int index)
    {
        var number = 0;
        foreach (var call in _calls)
        {
            if (call == (choice, index))
            {
                return (number, false);
            }

            number += call.Choice == choice ? 1 : 0;
        }

        _calls.Add((choice, index));
        return (number, true);
    }

    private static bool TryReadName(ref Utf8JsonReader reader, out ReadOnlySpan<byte> name)
    {
        name = default;
        if (!reader.Read() || reader.TokenType != JsonTokenType.PropertyName)
        {
            return false;
        }

        name = reader.ValueSpan;
        return reader.Read();
    }
}
