using System.Buffers;
using System.Text;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.OpenAI.Responses;

namespace OrleansGateway.Protocols.OpenAI.Translation;

/// <summary>
/// Writes Responses answers. Signatures are the <c>encrypted_content</c> of reasoning items: of the reasoning that they prove, or of an empty
/// one behind the tool call that they prove.
/// </summary>
/// <param name="progress">The response's id and the numbers of its events.</param>
/// <param name="isStream">Whether it is streamed.</param>
/// <param name="providerFormat">What the provider speaks, as <see cref="WireFormats"/> names it: whose signatures they are.</param>
/// <param name="tools">The client's tools by the names that the provider knows.</param>
public sealed class ResponsesAnswerWriter(
    ResponsesProgress progress, bool isStream, string providerFormat, IReadOnlyDictionary<string, ResponsesTool> tools) : IAnswerWriter
{
    /// <summary>What a signature begins with that stands for reasoning which only its provider can read.</summary>
    internal const char HiddenMark = '~';

    private readonly byte[] _signatureMark = Encoding.UTF8.GetBytes(new Signature(providerFormat, "").ForeignText);
    private readonly List<Item> _items = [];
    private ArrayBufferWriter<byte>? _logprobs;
    private StopReason? _stop;
    private bool _hasBegun;

    private enum ItemKind
    {
        Message,
        Reasoning,
        Call,
        Image,
    }

    /// <inheritdoc/>
    public IBufferWriter<byte>? To { get; set; }

    /// <inheritdoc/>
    public long HeldBytes { get; private set; }

    /// <summary>Where events go; null when none do.</summary>
    private IBufferWriter<byte>? Events => isStream ? To : null;

    /// <summary>The item that runs; null between two. Calls run on until the answer's end, since their arguments may come by turns.</summary>
    private Item? Current => _items.Count > 0 && !_items[^1].IsDone ? _items[^1] : null;

    /// <inheritdoc/>
    public void Take(in AnswerEvent answerEvent)
    {
        if (answerEvent.Choice != 0)
        {
            return;
        }

        switch (answerEvent.Kind)
        {
            case AnswerEventKind.Text or AnswerEventKind.Refusal when !answerEvent.Text.IsEmpty:
                TakeText(answerEvent.Text, answerEvent.Kind == AnswerEventKind.Refusal);
                break;
            case AnswerEventKind.Logprobs:
                AddLogprobs(_logprobs ??= new(), answerEvent.Text);
                break;
            case AnswerEventKind.Reasoning when !answerEvent.Text.IsEmpty:
                TakeReasoning(answerEvent.Text);
                break;
            case AnswerEventKind.Signature:
                TakeSignature(answerEvent.Text, isHidden: false);
                break;
            case AnswerEventKind.HiddenReasoning:
                TakeSignature(answerEvent.Text, isHidden: true);
                break;
            case AnswerEventKind.ToolStart:
                StartCall(answerEvent);
                break;
            case AnswerEventKind.ToolArguments when FindCall(answerEvent.Tool) is { } call:
                TakeArguments(call, answerEvent.Text);
                break;
            case AnswerEventKind.Image:
                TakeImage(answerEvent.Text);
                break;
            case AnswerEventKind.ChoiceEnd:
                _stop = answerEvent.Stop;
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    public void WriteEnd(IBufferWriter<byte> writer, in AnswerTotals totals)
    {
        ArgumentNullException.ThrowIfNull(writer);
        To = writer;
        if (isStream)
        {
            Begin(writer);
        }

        var isCut = _stop == StopReason.Length || (_stop is null && totals.EndsAtLength);
        var isFiltered = _stop == StopReason.ContentFilter;
        foreach (var item in _items)
        {
            item.IsIncomplete = !item.IsDone && (isCut || isFiltered) && ReferenceEquals(item, _items[^1]);
            Close(item);
        }

        var isIncomplete = isCut || isFiltered;
        if (isStream)
        {
            progress.BeginEvent(writer, isIncomplete ? "response.incomplete"u8 : "response.completed"u8);
            writer.Write(",\"response\":"u8);
        }

        progress.BeginResponse(writer, isIncomplete ? "incomplete"u8 : "completed"u8);
        writer.Write(
            isCut ? ",\"error\":null,\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"output\":["u8
            : isFiltered ? ",\"error\":null,\"incomplete_details\":{\"reason\":\"content_filter\"},\"output\":["u8
            : ",\"error\":null,\"incomplete_details\":null,\"output\":["u8);
        for (var i = 0; i < _items.Count; i++)
        {
            writer.Write(i == 0 ? ""u8 : ","u8);
            WriteItem(writer, _items[i], isFinal: true);
        }

        writer.Write("],\"usage\":"u8);
        ResponsesUsageJson.Write(writer, totals.Usage, totals.CostNanos);
        writer.Write("}"u8);
        if (isStream)
        {
            ResponsesProgress.EndEvent(writer);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    /// <summary>The events that each response begins with, with the first of its content.</summary>
    private void Begin(IBufferWriter<byte> to)
    {
        if (_hasBegun)
        {
            return;
        }

        _hasBegun = true;
        foreach (var isCreated in (ReadOnlySpan<bool>)[true, false])
        {
            progress.BeginEvent(to, isCreated ? "response.created"u8 : "response.in_progress"u8);
            to.Write(",\"response\":"u8);
            progress.BeginResponse(to, "in_progress"u8);
            to.Write(",\"error\":null,\"incomplete_details\":null,\"output\":[],\"usage\":null}"u8);
            ResponsesProgress.EndEvent(to);
        }
    }

    private void TakeText(ReadOnlySpan<byte> text, bool isRefusal)
    {
        if (Current is not { Kind: ItemKind.Message } item)
        {
            item = Open(ItemKind.Message, "msg");
        }

        if (item.Parts.Count == 0 || item.Parts[^1].IsRefusal != isRefusal)
        {
            ClosePart(item);
            item.Parts.Add(new TextPiece(isRefusal));
            if (Events is { } started)
            {
                BeginPartEvent(started, "response.content_part.added"u8, item);
                started.Write(",\"part\":"u8);
                WritePart(started, isRefusal, default);
                ResponsesProgress.EndEvent(started);
            }
        }

        Keep(item.Parts[^1].Text, text);
        if (Events is { } to)
        {
            BeginPartEvent(to, isRefusal ? "response.refusal.delta"u8 : "response.output_text.delta"u8, item);
            WriteMember(to, "delta"u8, text);
            if (!isRefusal)
            {
                WriteLogprobs(to, _logprobs);
            }

            ResponsesProgress.EndEvent(to);
        }

        if (!isRefusal)
        {
            KeepLogprobs(item.Parts[^1]);
        }
    }

    private static void AddLogprobs(ArrayBufferWriter<byte> to, ReadOnlySpan<byte> list)
    {
        if (to.WrittenCount > 0)
        {
            to.Write(","u8);
        }

        to.Write(list);
    }

    /// <summary>Takes what was told of tokens, for the text that they are in.</summary>
    private void KeepLogprobs(TextPiece piece)
    {
        if (_logprobs is { WrittenCount: > 0 })
        {
            AddLogprobs(piece.Logprobs ??= new(), _logprobs.WrittenSpan);
            HeldBytes += _logprobs.WrittenCount;
            _logprobs.ResetWrittenCount();
        }
    }

    private static void WriteLogprobs(IBufferWriter<byte> to, ArrayBufferWriter<byte>? logprobs)
    {
        to.Write(",\"logprobs\":["u8);
        to.Write(logprobs is null ? default : logprobs.WrittenSpan);
        to.Write("]"u8);
    }

    private void TakeReasoning(ReadOnlySpan<byte> text)
    {
        if (Current is not { Kind: ItemKind.Reasoning, Signature: null } item)
        {
            item = Open(ItemKind.Reasoning, "rs");
        }

        if (item.Text.WrittenCount == 0 && Events is { } started)
        {
            BeginSummaryEvent(started, "response.reasoning_summary_part.added"u8, item);
            started.Write(",\"part\":{\"type\":\"summary_text\",\"text\":\"\"}"u8);
            ResponsesProgress.EndEvent(started);
        }

        Keep(item.Text, text);
        if (Events is { } to)
        {
            BeginSummaryEvent(to, "response.reasoning_summary_text.delta"u8, item);
            WriteMember(to, "delta"u8, text);
            ResponsesProgress.EndEvent(to);
        }
    }

    private void TakeSignature(ReadOnlySpan<byte> text, bool isHidden)
    {
        // Reasoning that runs is what it proves; else the call before it is, and ends with it, so that a client keeps the two in their order.
        if (isHidden || Current is not { Kind: ItemKind.Reasoning, Signature: null } item)
        {
            if (Current is { Kind: ItemKind.Call } call)
            {
                Close(call);
            }

            item = Open(ItemKind.Reasoning, "rs");
        }

        byte[] signature = isHidden ? [.. _signatureMark, (byte)HiddenMark, .. text] : [.. _signatureMark, .. text];
        item.Signature = signature;
        HeldBytes += signature.Length;
    }

    private void StartCall(in AnswerEvent start)
    {
        var name = Encoding.UTF8.GetString(start.Name);
        var tool = tools.GetValueOrDefault(name);
        var id = start.Id.IsEmpty ? Encoding.ASCII.GetBytes($"call_{progress.RequestId}_{start.Tool}") : start.Id.ToArray();
        Open(ItemKind.Call, tool?.IsText == true ? "ctc" : "fc", new Call(start.Tool, id, tool is null ? start.Name.ToArray() : Content(tool.Name))
        {
            Namespace = tool?.Namespace is { } inNamespace ? Content(inNamespace) : null,
            IsText = tool?.IsText == true,
        });
    }

    private Item? FindCall(int number) => _items.Find(item => item.Call?.Number == number);

    private void TakeArguments(Item call, ReadOnlySpan<byte> text)
    {
        Keep(call.Text, text);
        if (!call.Call!.IsText && !text.IsEmpty && Events is { } to)
        {
            BeginItemEvent(to, "response.function_call_arguments.delta"u8, call);
            WriteMember(to, "delta"u8, text);
            ResponsesProgress.EndEvent(to);
        }
    }

    private void TakeImage(ReadOnlySpan<byte> base64)
    {
        var item = Open(ItemKind.Image, "ig");
        Keep(item.Text, base64);
        Close(item);
    }

    private Item Open(ItemKind kind, string prefix, Call? call = null)
    {
        if (Current is { Kind: not ItemKind.Call } running)
        {
            Close(running);
        }

        var item = new Item(kind, _items.Count, Encoding.ASCII.GetBytes($"{prefix}_{progress.RequestId}_{_items.Count}"), call);
        _items.Add(item);
        if (Events is { } to)
        {
            Begin(to);
            BeginOutputEvent(to, "response.output_item.added"u8, item);
            to.Write(",\"item\":"u8);
            WriteItem(to, item, isFinal: false);
            ResponsesProgress.EndEvent(to);
        }

        return item;
    }

    private void Close(Item item)
    {
        if (item.IsDone)
        {
            return;
        }

        item.IsDone = true;
        if (item.Kind == ItemKind.Message)
        {
            ClosePart(item);
        }

        if (Events is not { } to)
        {
            return;
        }

        if (item.Kind == ItemKind.Reasoning && item.Text.WrittenCount > 0)
        {
            BeginSummaryEvent(to, "response.reasoning_summary_text.done"u8, item);
            WriteMember(to, "text"u8, item.Text.WrittenSpan);
            ResponsesProgress.EndEvent(to);
            BeginSummaryEvent(to, "response.reasoning_summary_part.done"u8, item);
            to.Write(",\"part\":{\"type\":\"summary_text\""u8);
            WriteMember(to, "text"u8, item.Text.WrittenSpan);
            to.Write("}"u8);
            ResponsesProgress.EndEvent(to);
        }
        else if (item.Call is { } call)
        {
            CloseArguments(to, item, call);
        }

        BeginOutputEvent(to, "response.output_item.done"u8, item);
        to.Write(",\"item\":"u8);
        WriteItem(to, item, isFinal: true);
        ResponsesProgress.EndEvent(to);
    }

    private void CloseArguments(IBufferWriter<byte> to, Item item, Call call)
    {
        var arguments = ArgumentsOf(item);
        if (call.IsText || item.Text.WrittenCount == 0)
        {
            BeginItemEvent(to, call.IsText ? "response.custom_tool_call_input.delta"u8 : "response.function_call_arguments.delta"u8, item);
            WriteMember(to, "delta"u8, arguments);
            ResponsesProgress.EndEvent(to);
        }

        BeginItemEvent(to, call.IsText ? "response.custom_tool_call_input.done"u8 : "response.function_call_arguments.done"u8, item);
        WriteMember(to, call.IsText ? "input"u8 : "arguments"u8, arguments);
        if (!call.IsText)
        {
            WriteMember(to, "name"u8, call.Name);
        }

        ResponsesProgress.EndEvent(to);
    }

    private void ClosePart(Item item)
    {
        if (item.Parts.Count == 0)
        {
            return;
        }

        var part = item.Parts[^1];
        if (!part.IsRefusal)
        {
            // Some tell it only with the last of the text.
            KeepLogprobs(part);
        }

        if (Events is not { } to)
        {
            return;
        }

        BeginPartEvent(to, part.IsRefusal ? "response.refusal.done"u8 : "response.output_text.done"u8, item);
        WriteMember(to, part.IsRefusal ? "refusal"u8 : "text"u8, part.Text.WrittenSpan);
        if (!part.IsRefusal)
        {
            WriteLogprobs(to, part.Logprobs);
        }

        ResponsesProgress.EndEvent(to);
        BeginPartEvent(to, "response.content_part.done"u8, item);
        to.Write(",\"part\":"u8);
        WritePart(to, part.IsRefusal, part.Text.WrittenSpan, part.Logprobs);
        ResponsesProgress.EndEvent(to);
    }

    private void BeginOutputEvent(IBufferWriter<byte> to, ReadOnlySpan<byte> type, Item item)
    {
        progress.BeginEvent(to, type);
        to.Write(",\"output_index\":"u8);
        ChatStreamHead.WriteNumber(to, item.Index);
    }

    private void BeginItemEvent(IBufferWriter<byte> to, ReadOnlySpan<byte> type, Item item)
    {
        BeginOutputEvent(to, type, item);
        WriteMember(to, "item_id"u8, item.Id);
    }

    private void BeginPartEvent(IBufferWriter<byte> to, ReadOnlySpan<byte> type, Item item)
    {
        BeginItemEvent(to, type, item);
        to.Write(",\"content_index\":"u8);
        ChatStreamHead.WriteNumber(to, item.Parts.Count - 1);
    }

    private void BeginSummaryEvent(IBufferWriter<byte> to, ReadOnlySpan<byte> type, Item item)
    {
        BeginItemEvent(to, type, item);
        to.Write(",\"summary_index\":0"u8);
    }

    private static void WriteItem(IBufferWriter<byte> to, Item item, bool isFinal)
    {
        to.Write("{\"id\":\""u8);
        to.Write(item.Id);
        to.Write("\""u8);
        if (item.Kind == ItemKind.Reasoning)
        {
            WriteReasoning(to, item, isFinal);
            return;
        }

        to.Write(!isFinal ? ",\"status\":\"in_progress\""u8 : item.IsIncomplete ? ",\"status\":\"incomplete\""u8 : ",\"status\":\"completed\""u8);
        switch (item.Kind)
        {
            case ItemKind.Message:
                to.Write(",\"type\":\"message\",\"role\":\"assistant\",\"content\":["u8);
                for (var i = 0; isFinal && i < item.Parts.Count; i++)
                {
                    to.Write(i == 0 ? ""u8 : ","u8);
                    WritePart(to, item.Parts[i].IsRefusal, item.Parts[i].Text.WrittenSpan, item.Parts[i].Logprobs);
                }

                to.Write("]}"u8);
                break;
            case ItemKind.Image:
                to.Write(",\"type\":\"image_generation_call\""u8);
                if (isFinal)
                {
                    WriteMember(to, "result"u8, item.Text.WrittenSpan);
                    to.Write("}"u8);
                }
                else
                {
                    to.Write(",\"result\":null}"u8);
                }

                break;
            default:
                WriteCall(to, item, item.Call!, isFinal);
                break;
        }
    }

    private static void WriteReasoning(IBufferWriter<byte> to, Item item, bool isFinal)
    {
        to.Write(",\"type\":\"reasoning\",\"summary\":["u8);
        if (isFinal && item.Text.WrittenCount > 0)
        {
            to.Write("{\"type\":\"summary_text\""u8);
            WriteMember(to, "text"u8, item.Text.WrittenSpan);
            to.Write("}"u8);
        }

        to.Write("]"u8);
        if (isFinal && item.Signature is { } signature)
        {
            WriteMember(to, "encrypted_content"u8, signature);
        }

        to.Write("}"u8);
    }

    private static void WriteCall(IBufferWriter<byte> to, Item item, Call call, bool isFinal)
    {
        to.Write(call.IsText ? ",\"type\":\"custom_tool_call\""u8 : ",\"type\":\"function_call\""u8);
        WriteMember(to, "call_id"u8, call.Id);
        WriteMember(to, "name"u8, call.Name);
        if (call.Namespace is { } inNamespace)
        {
            WriteMember(to, "namespace"u8, inNamespace);
        }

        WriteMember(to, call.IsText ? "input"u8 : "arguments"u8, isFinal ? ArgumentsOf(item) : default);
        to.Write("}"u8);
    }

    private static ReadOnlySpan<byte> ArgumentsOf(Item item) =>
        item.Call!.IsText ? TextInput.Of(item.Text.WrittenSpan)
        : item.Text.WrittenCount == 0 ? "{}"u8
        : item.Text.WrittenSpan;

    private static void WritePart(IBufferWriter<byte> to, bool isRefusal, ReadOnlySpan<byte> text, ArrayBufferWriter<byte>? logprobs = null)
    {
        to.Write(isRefusal ? "{\"type\":\"refusal\""u8 : "{\"type\":\"output_text\",\"annotations\":[]"u8);
        if (!isRefusal)
        {
            WriteLogprobs(to, logprobs);
        }

        WriteMember(to, isRefusal ? "refusal"u8 : "text"u8, text);
        to.Write("}"u8);
    }

    /// <summary>Writes a further member, its text a JSON string's content.</summary>
    private static void WriteMember(IBufferWriter<byte> to, ReadOnlySpan<byte> name, ReadOnlySpan<byte> text)
    {
        to.Write(",\""u8);
        to.Write(name);
        to.Write("\":\""u8);
        to.Write(text);
        to.Write("\""u8);
    }

    private static byte[] Content(string text) => JsonBytes.Quote(text)[1..^1];

    private void Keep(ArrayBufferWriter<byte> kept, ReadOnlySpan<byte> text)
    {
        kept.Write(text);
        HeldBytes += text.Length;
    }

    private sealed class Item(ItemKind kind, int index, byte[] id, Call? call)
    {
        public ItemKind Kind => kind;

        public int Index => index;

        public byte[] Id => id;

        public Call? Call => call;

        public List<TextPiece> Parts { get; } = [];

        /// <summary>The reasoning, arguments or base64.</summary>
        public ArrayBufferWriter<byte> Text { get; } = new();

        public byte[]? Signature { get; set; }

        public bool IsDone { get; set; }

        public bool IsIncomplete { get; set; }
    }

    private sealed class TextPiece(bool isRefusal)
    {
        public bool IsRefusal => isRefusal;

        /// <summary>How likely its tokens were; null when the provider did not tell.</summary>
        public ArrayBufferWriter<byte>? Logprobs { get; set; }

        public ArrayBufferWriter<byte> Text { get; } = new();
    }

    private sealed class Call(int number, byte[] id, byte[] name)
    {
        public int Number => number;

        public byte[] Id => id;

        public byte[] Name => name;

        public byte[]? Namespace { get; init; }

        public bool IsText { get; init; }
    }
}
