using System.Buffers;
using System.Text;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI.Translation;

/// <summary>What a Chat Completions answer has to say beside what the provider says.</summary>
public sealed record ChatAnswerForm
{
    /// <summary>The request's id, without a prefix: the answer's id and those of calls that have none are made of it.</summary>
    public required string RequestId { get; init; }

    /// <summary>Unix seconds.</summary>
    public required long CreatedSeconds { get; init; }

    /// <summary>The model's name, as it was asked for.</summary>
    public required string Model { get; init; }

    /// <summary>Whether it is streamed.</summary>
    public bool Stream { get; init; }

    /// <summary>Whether a stream tells the usage.</summary>
    public bool IncludeUsage { get; init; }

    /// <summary>What the provider speaks, as <see cref="WireFormats"/> names it: whose signatures they are.</summary>
    public required string ProviderFormat { get; init; }

    /// <summary>The names of the tools whose input is text.</summary>
    public IReadOnlySet<string> TextTools { get; init; } = new HashSet<string>();
}

/// <summary>
/// Writes Chat Completions answers. Signatures stand where Google's compatible endpoint puts them and clients keep them: in the
/// <c>extra_content</c> of a tool call; Google's own as they are.
/// </summary>
public sealed class ChatAnswerWriter : IAnswerWriter
{
    private readonly ChatAnswerForm _form;
    private readonly byte[] _head;
    private readonly byte[] _tail;
    private readonly byte[] _signatureMark;
    private readonly List<Choice> _choices = [];

    /// <summary>Begins an answer.</summary>
    public ChatAnswerWriter(ChatAnswerForm form)
    {
        ArgumentNullException.ThrowIfNull(form);
        _form = form;
        _head = Encoding.UTF8.GetBytes(
            $$"""{{(form.Stream ? "data: " : "")}}{"id":"chatcmpl-{{form.RequestId}}","object":"chat.completion{{(form.Stream ? ".chunk" : "")}}","created":{{form.CreatedSeconds}},"model":{{Encoding.UTF8.GetString(JsonBytes.Quote(form.Model))}},"choices":[""");
        _tail = form.IncludeUsage ? "}],\"usage\":null}\n\n"u8.ToArray() : "}]}\n\n"u8.ToArray();
        _signatureMark = form.ProviderFormat == WireFormats.Gemini ? [] : Encoding.UTF8.GetBytes(new Signature(form.ProviderFormat, "").ForeignText);
    }

    /// <inheritdoc/>
    public IBufferWriter<byte>? To { get; set; }

    /// <inheritdoc/>
    public long HeldBytes { get; private set; }

    /// <inheritdoc/>
    public void Take(in AnswerEvent answerEvent)
    {
        var choice = Find(answerEvent.Choice);
        switch (answerEvent.Kind)
        {
            case AnswerEventKind.Text:
                TakeText(choice, choice.Content, "content"u8, answerEvent.Text);
                break;
            case AnswerEventKind.Refusal:
                TakeText(choice, choice.Refusal, "refusal"u8, answerEvent.Text);
                break;
            case AnswerEventKind.Reasoning:
                TakeText(choice, choice.Reasoning, "reasoning_content"u8, answerEvent.Text);
                break;
            case AnswerEventKind.Logprobs:
                TakeLogprobs(choice, answerEvent.Text);
                break;
            case AnswerEventKind.Image:
                TakeImage(choice, answerEvent);
                break;
            case AnswerEventKind.ToolStart:
                StartCall(choice, answerEvent);
                break;
            case AnswerEventKind.ToolArguments when choice.Calls.Find(Numbered(answerEvent.Tool)) is { } call:
                TakeArguments(choice, call, answerEvent.Text);
                break;
            case AnswerEventKind.Signature:
                TakeSignature(choice, answerEvent.Text);
                break;
            case AnswerEventKind.ChoiceEnd:
                choice.Stop = answerEvent.Stop;
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    public void WriteEnd(IBufferWriter<byte> writer, in AnswerTotals totals)
    {
        ArgumentNullException.ThrowIfNull(writer);
        Find(_choices.Count == 0 ? 0 : _choices[0].Index);
        if (_form.Stream)
        {
            WriteStreamEnd(writer, totals);
        }
        else
        {
            WriteWhole(writer, totals);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private static Predicate<Call> Numbered(int number) => call => call.Number == number;

    private Choice Find(int index)
    {
        foreach (var known in _choices)
        {
            if (known.Index == index)
            {
                return known;
            }
        }

        var choice = new Choice(index);
        _choices.Add(choice);
        return choice;
    }

    private void TakeText(Choice choice, ArrayBufferWriter<byte> kept, ReadOnlySpan<byte> name, ReadOnlySpan<byte> text)
    {
        FlushCall(choice);
        choice.LastCall = null;
        if (!_form.Stream)
        {
            Keep(kept, text);
        }
        else if (To is { } to && !text.IsEmpty)
        {
            BeginDelta(to, choice);
            to.Write("\""u8);
            to.Write(name);
            to.Write("\":\""u8);
            to.Write(text);
            to.Write("\""u8);
            EndDelta(to, ReferenceEquals(kept, choice.Content) ? choice.Logprobs : null);
        }
    }

    private void TakeLogprobs(Choice choice, ReadOnlySpan<byte> list)
    {
        var kept = choice.Logprobs ??= new();
        if (kept.WrittenCount > 0)
        {
            kept.Write(","u8);
        }

        kept.Write(list);
        HeldBytes += _form.Stream ? 0 : list.Length;
    }

    private void TakeImage(Choice choice, in AnswerEvent image)
    {
        FlushCall(choice);
        choice.LastCall = null;
        if (_form.Stream && To is { } to)
        {
            BeginDelta(to, choice);
            to.Write("\"images\":["u8);
            WriteImage(to, image);
            to.Write("]"u8);
            EndDelta(to);
        }
        else if (!_form.Stream)
        {
            choice.Images.Write(choice.Images.WrittenCount > 0 ? ","u8 : ""u8);
            WriteImage(choice.Images, image);
            HeldBytes += image.Text.Length;
        }
    }

    private static void WriteImage(IBufferWriter<byte> to, in AnswerEvent image)
    {
        to.Write("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:"u8);
        to.Write(image.MediaType);
        to.Write(";base64,"u8);
        to.Write(image.Text);
        to.Write("\"}}"u8);
    }

    private void StartCall(Choice choice, in AnswerEvent start)
    {
        FlushCall(choice);
        var isText = _form.TextTools.Count > 0 && _form.TextTools.Contains(Encoding.UTF8.GetString(start.Name));
        var id = start.Id.IsEmpty ? Encoding.ASCII.GetBytes($"call_{_form.RequestId}_{choice.Index}_{start.Tool}") : start.Id.ToArray();

        // A signature comes behind Google's calls, whose arguments come at once, and has to be in a call's first chunk.
        var call = new Call(start.Tool, id, start.Name.ToArray(), isText)
        {
            IsKept = !_form.Stream || isText || _form.ProviderFormat == WireFormats.Gemini,
            Signature = choice.Signature,
        };
        choice.Signature = null;
        choice.Calls.Add(call);
        choice.LastCall = call;
        choice.Waiting = call.IsKept ? call : null;
        if (!call.IsKept && To is { } to)
        {
            BeginDelta(to, choice);
            to.Write("\"tool_calls\":["u8);
            WriteCall(to, call, withIndex: true);
            to.Write("]"u8);
            EndDelta(to);
        }
    }

    private void TakeArguments(Choice choice, Call call, ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty)
        {
            return;
        }

        call.HasArguments = true;
        if (call.IsKept)
        {
            Keep(call.Arguments, text);
        }
        else if (To is { } to)
        {
            WriteArguments(to, choice, call, text);
        }
    }

    private void WriteArguments(IBufferWriter<byte> to, Choice choice, Call call, ReadOnlySpan<byte> text)
    {
        BeginDelta(to, choice);
        to.Write("\"tool_calls\":[{\"index\":"u8);
        ChatStreamHead.WriteNumber(to, call.Number);
        to.Write(",\"function\":{\"arguments\":\""u8);
        to.Write(text);
        to.Write("\"}}]"u8);
        EndDelta(to);
    }

    private void TakeSignature(Choice choice, ReadOnlySpan<byte> text)
    {
        byte[] signature = [.. _signatureMark, .. text];
        if (choice.LastCall is not { } call)
        {
            choice.Signature = signature;
            return;
        }

        call.Signature = signature;
        if (!call.IsKept && To is { } to)
        {
            BeginDelta(to, choice);
            to.Write("\"tool_calls\":[{\"index\":"u8);
            ChatStreamHead.WriteNumber(to, call.Number);
            WriteSignature(to, call);
            to.Write("}]"u8);
            EndDelta(to);
        }
    }

    /// <summary>Writes the call of a stream that waited for all that belongs to it.</summary>
    private void FlushCall(Choice choice)
    {
        if (choice.Waiting is not { } call)
        {
            return;
        }

        choice.Waiting = null;
        if (_form.Stream && To is { } to)
        {
            BeginDelta(to, choice);
            to.Write("\"tool_calls\":["u8);
            WriteCall(to, call, withIndex: true);
            to.Write("]"u8);
            EndDelta(to);
        }
    }

    private static void WriteCall(IBufferWriter<byte> to, Call call, bool withIndex)
    {
        to.Write("{"u8);
        if (withIndex)
        {
            to.Write("\"index\":"u8);
            ChatStreamHead.WriteNumber(to, call.Number);
            to.Write(","u8);
        }

        to.Write("\"id\":\""u8);
        to.Write(call.Id);
        to.Write(call.IsText ? "\",\"type\":\"custom\",\"custom\":{\"name\":\""u8 : "\",\"type\":\"function\",\"function\":{\"name\":\""u8);
        to.Write(call.Name);
        to.Write(call.IsText ? "\",\"input\":\""u8 : "\",\"arguments\":\""u8);
        to.Write(
            call.IsText ? TextInput.Of(call.Arguments.WrittenSpan)
            : call.IsKept && !call.HasArguments ? "{}"u8
            : call.Arguments.WrittenSpan);
        to.Write("\"}"u8);
        WriteSignature(to, call);
        to.Write("}"u8);
    }

    private static void WriteSignature(IBufferWriter<byte> to, Call call)
    {
        if (call.Signature is { } signature)
        {
            to.Write(",\"extra_content\":{\"google\":{\"thought_signature\":\""u8);
            to.Write(signature);
            to.Write("\"}}"u8);
        }
    }

    private void WriteStreamEnd(IBufferWriter<byte> writer, in AnswerTotals totals)
    {
        To = writer;
        foreach (var choice in _choices)
        {
            FlushCall(choice);
            foreach (var call in choice.Calls)
            {
                if (!call.IsKept && !call.HasArguments)
                {
                    WriteArguments(writer, choice, call, "{}"u8);
                }
            }
        }

        writer.Write(totals.IsForMoney ? ChatStreamFrames.ExhaustedNotice : default);
        foreach (var choice in _choices)
        {
            WriteRole(writer, choice);
            writer.Write(_head);
            writer.Write("{\"index\":"u8);
            ChatStreamHead.WriteNumber(writer, choice.Index);
            writer.Write(",\"delta\":{}"u8);
            WriteLogprobs(writer, choice.Logprobs);
            writer.Write(",\"finish_reason\":"u8);
            writer.Write(ReasonOf(choice, totals));
            writer.Write(_tail);
        }

        if (_form.IncludeUsage)
        {
            writer.Write(_head);
            writer.Write("],\"usage\":"u8);
            ChatUsageJson.Write(writer, totals.Usage, totals.CostNanos);
            writer.Write("}\n\n"u8);
        }

        writer.Write(ChatStreamFrames.Done);
    }

    private void WriteWhole(IBufferWriter<byte> writer, in AnswerTotals totals)
    {
        writer.Write(_head);
        var separator = ""u8;
        foreach (var choice in _choices.OrderBy(static choice => choice.Index))
        {
            writer.Write(separator);
            separator = ","u8;
            writer.Write("{\"index\":"u8);
            ChatStreamHead.WriteNumber(writer, choice.Index);
            writer.Write(",\"message\":{\"role\":\"assistant\",\"content\":"u8);
            WriteText(writer, choice.Content);
            writer.Write(",\"refusal\":"u8);
            WriteText(writer, choice.Refusal);
            if (choice.Reasoning.WrittenCount > 0)
            {
                writer.Write(",\"reasoning_content\":"u8);
                WriteText(writer, choice.Reasoning);
            }

            if (choice.Images.WrittenCount > 0)
            {
                writer.Write(",\"images\":["u8);
                writer.Write(choice.Images.WrittenSpan);
                writer.Write("]"u8);
            }

            for (var i = 0; i < choice.Calls.Count; i++)
            {
                writer.Write(i == 0 ? ",\"tool_calls\":["u8 : ","u8);
                WriteCall(writer, choice.Calls[i], withIndex: false);
                writer.Write(i == choice.Calls.Count - 1 ? "]"u8 : ""u8);
            }

            writer.Write("}"u8);
            WriteLogprobs(writer, choice.Logprobs);
            writer.Write(",\"finish_reason\":"u8);
            writer.Write(ReasonOf(choice, totals));
            writer.Write("}"u8);
        }

        writer.Write("],\"usage\":"u8);
        ChatUsageJson.Write(writer, totals.Usage, totals.CostNanos);
        writer.Write("}"u8);
    }

    private static void WriteText(IBufferWriter<byte> writer, ArrayBufferWriter<byte> text)
    {
        if (text.WrittenCount == 0)
        {
            writer.Write("null"u8);
            return;
        }

        writer.Write("\""u8);
        writer.Write(text.WrittenSpan);
        writer.Write("\""u8);
    }

    private static ReadOnlySpan<byte> ReasonOf(Choice choice, in AnswerTotals totals) => choice.Stop switch
    {
        null => totals.EndsAtLength ? "\"length\""u8 : "\"stop\""u8,
        StopReason.Length => "\"length\""u8,
        StopReason.ToolCalls => "\"tool_calls\""u8,
        StopReason.ContentFilter => "\"content_filter\""u8,
        _ => "\"stop\""u8,
    };

    private void BeginDelta(IBufferWriter<byte> to, Choice choice)
    {
        WriteRole(to, choice);
        to.Write(_head);
        to.Write("{\"index\":"u8);
        ChatStreamHead.WriteNumber(to, choice.Index);
        to.Write(",\"delta\":{"u8);
    }

    /// <summary>The chunk that each choice begins with, with the first of its content.</summary>
    private void WriteRole(IBufferWriter<byte> to, Choice choice)
    {
        if (choice.HasBegun)
        {
            return;
        }

        choice.HasBegun = true;
        to.Write(_head);
        to.Write("{\"index\":"u8);
        ChatStreamHead.WriteNumber(to, choice.Index);
        to.Write(",\"delta\":{\"role\":\"assistant\",\"content\":\"\""u8);
        EndDelta(to);
    }

    private void EndDelta(IBufferWriter<byte> to, ArrayBufferWriter<byte>? logprobs = null)
    {
        to.Write("}"u8);
        WriteLogprobs(to, logprobs);
        logprobs?.ResetWrittenCount();
        to.Write(",\"finish_reason\":null"u8);
        to.Write(_tail);
    }

    private static void WriteLogprobs(IBufferWriter<byte> to, ArrayBufferWriter<byte>? logprobs)
    {
        if (logprobs is not { WrittenCount: > 0 })
        {
            to.Write(",\"logprobs\":null"u8);
            return;
        }

        to.Write(",\"logprobs\":{\"content\":["u8);
        to.Write(logprobs.WrittenSpan);
        to.Write("],\"refusal\":null}"u8);
    }

    private void Keep(ArrayBufferWriter<byte> kept, ReadOnlySpan<byte> text)
    {
        kept.Write(text);
        HeldBytes += text.Length;
    }

    private sealed class Choice(int index)
    {
        public int Index => index;

        public ArrayBufferWriter<byte> Content { get; } = new();

        public ArrayBufferWriter<byte> Refusal { get; } = new();

        public ArrayBufferWriter<byte> Reasoning { get; } = new();

        public ArrayBufferWriter<byte> Images { get; } = new();

        /// <summary>How likely its tokens were that are not written yet; null until the provider tells of any.</summary>
        public ArrayBufferWriter<byte>? Logprobs { get; set; }

        public List<Call> Calls { get; } = [];

        /// <summary>The call that came last, if nothing but its own came since.</summary>
        public Call? LastCall { get; set; }

        /// <summary>The call that is not written yet.</summary>
        public Call? Waiting { get; set; }

        /// <summary>The signature of reasoning, for the call that follows it.</summary>
        public byte[]? Signature { get; set; }

        public bool HasBegun { get; set; }

        public StopReason? Stop { get; set; }
    }

    private sealed class Call(int number, byte[] id, byte[] name, bool isText)
    {
        public int Number => number;

        public byte[] Id => id;

        public byte[] Name => name;

        public bool IsText => isText;

        /// <summary>Whether its arguments are kept until all are there.</summary>
        public bool IsKept { get; init; }

        public ArrayBufferWriter<byte> Arguments { get; } = new();

        public bool HasArguments { get; set; }

        public byte[]? Signature { get; set; }
    }
}
