using System.Buffers;
using System.Buffers.Text;
using System.Text;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.Gemini;

/// <summary>
/// Writes one answer of generateContent: as a stream of responses, or as one. A function call has its arguments as an object, so it is written
/// when all of them are there, after what came beside it.
/// </summary>
/// <param name="framing">How a stream's responses follow each other; null for one response.</param>
/// <param name="model">The model's name as the client asked for it.</param>
/// <param name="responseId">The answer's id.</param>
/// <param name="format">The provider's protocol, whose signatures are in the answer.</param>
public sealed class GeminiAnswerWriter(GeminiFraming? framing, string model, string responseId, string format) : IAnswerWriter
{
    private readonly byte[] _modelJson = JsonBytes.Quote(model);
    private readonly byte[] _idJson = JsonBytes.Quote(responseId);
    private readonly List<Choice> _choices = [];
    private bool _hasWritten;
    private bool _hasUnsent;

    /// <inheritdoc/>
    public IBufferWriter<byte>? To { get; set; }

    /// <inheritdoc/>
    public long HeldBytes => _choices.Sum(static choice => choice.HeldBytes);

    /// <summary>Writes the last response of a stream that ends before its provider's does.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="isFirst">Whether none was written before.</param>
    /// <param name="running">The choices that have not ended.</param>
    public void WriteCut(IBufferWriter<byte> writer, bool isFirst, IEnumerable<int> running, in AnswerTotals totals)
    {
        foreach (var index in running)
        {
            Of(index);
        }

        _hasWritten = !isFirst;
        WriteLastResponse(writer, totals);
    }

    /// <inheritdoc/>
    public void Sent()
    {
        if (_hasUnsent)
        {
            _hasUnsent = false;
            framing?.Sent();
        }
    }

    /// <inheritdoc/>
    public void Take(in AnswerEvent answerEvent)
    {
        var choice = Of(answerEvent.Choice);
        switch (answerEvent.Kind)
        {
            case AnswerEventKind.Text or AnswerEventKind.Refusal when !answerEvent.Text.IsEmpty:
                WriteText(choice, answerEvent.Text, isThought: false);
                break;
            case AnswerEventKind.Reasoning when !answerEvent.Text.IsEmpty:
                WriteText(choice, answerEvent.Text, isThought: true);
                break;
            case AnswerEventKind.Logprobs:
                choice.AddLogprobs(answerEvent.Text);
                break;
            case AnswerEventKind.Signature when choice.IsInCall && choice.Find(answerEvent.Tool) is { } call:
                call.Signature = SignatureOf(answerEvent.Text, isHidden: false);
                break;
            case AnswerEventKind.Signature or AnswerEventKind.HiddenReasoning when !answerEvent.Text.IsEmpty:
                WriteSignature(choice, SignatureOf(answerEvent.Text, answerEvent.Kind == AnswerEventKind.HiddenReasoning));
                break;
            case AnswerEventKind.ToolStart:
                choice.Calls.Add(new Call(answerEvent.Tool, answerEvent.Id.ToArray(), answerEvent.Name.ToArray()));
                break;
            case AnswerEventKind.ToolArguments when choice.Find(answerEvent.Tool) is { } call:
                call.Arguments.Write(answerEvent.Text);
                break;
            case AnswerEventKind.Image:
                WriteImage(choice, answerEvent.MediaType, answerEvent.Text);
                break;
            case AnswerEventKind.ChoiceEnd:
                choice.Stop = answerEvent.Stop;
                WriteCalls(choice);
                break;
            default:
                break;
        }

        if (answerEvent.Kind is not (AnswerEventKind.Signature or AnswerEventKind.Logprobs))
        {
            choice.IsInCall = answerEvent.Kind is AnswerEventKind.ToolStart or AnswerEventKind.ToolArguments;
        }
    }

    /// <inheritdoc/>
    public void WriteEnd(IBufferWriter<byte> writer, in AnswerTotals totals)
    {
        // What a cut has dropped had its beginning in it.
        _hasWritten &= framing is null || framing.HasBegun || !totals.EndsAtLength;
        WriteLastResponse(writer, totals);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private void WriteLastResponse(IBufferWriter<byte> writer, in AnswerTotals totals)
    {
        if (_choices.Count == 0)
        {
            Of(0);
        }

        To = writer;
        foreach (var choice in _choices)
        {
            // Arguments that are cut are none.
            if (!totals.EndsAtLength || choice.Stop is not null)
            {
                WriteCalls(choice);
            }
        }

        framing?.WriteStart(writer, !_hasWritten);
        writer.Write("{\"candidates\":["u8);
        for (var i = 0; i < _choices.Count; i++)
        {
            writer.Write(i == 0 ? "{"u8 : ",{"u8);
            WriteEndOf(_choices[i], writer, totals);
        }

        writer.Write("],\"usageMetadata\":"u8);
        GeminiUsage.Write(writer, totals.Usage);
        WriteTail(writer);
        framing?.WriteStop(writer);
        framing?.WriteEnd(writer, isFirst: false);
    }

    private static void WriteEndOf(Choice choice, IBufferWriter<byte> writer, in AnswerTotals totals)
    {
        choice.CloseText();
        writer.Write("\"content\":{\"parts\":["u8);
        writer.Write(choice.Parts.WrittenCount > 0 ? choice.Parts.WrittenSpan : "{\"text\":\"\"}"u8);
        writer.Write("],\"role\":\"model\"},\"finishReason\":\""u8);
        var stop = choice.Stop ?? (totals.EndsAtLength ? StopReason.Length : StopReason.Done);
        writer.Write(stop switch
        {
            StopReason.Length => "MAX_TOKENS"u8,
            StopReason.ContentFilter => "SAFETY"u8,
            _ => "STOP"u8,
        });
        writer.Write("\","u8);
        if (choice.Stop is null && totals.IsForMoney)
        {
            writer.Write("\"finishMessage\":\"The account's money does not cover more output; top up to continue.\","u8);
        }

        choice.WriteLogprobs(writer);
        writer.Write("\"index\":"u8);
        WriteNumber(writer, choice.Index);
        writer.Write("}"u8);
    }

    private void WriteText(Choice choice, ReadOnlySpan<byte> text, bool isThought)
    {
        if (framing is null)
        {
            choice.AddText(text, isThought);
        }
        else if (Begin(choice) is { } writer)
        {
            writer.Write("{\"text\":\""u8);
            writer.Write(text);
            writer.Write(isThought ? "\",\"thought\":true}"u8 : "\"}"u8);
            End(writer, choice, tellsLogprobs: !isThought);
        }
    }

    private void WriteSignature(Choice choice, byte[] signatureJson)
    {
        if (Begin(choice) is not { } writer)
        {
            return;
        }

        writer.Write("{\"text\":\"\",\"thought\":true,\"thoughtSignature\":"u8);
        writer.Write(signatureJson);
        writer.Write("}"u8);
        End(writer, choice);
    }

    private void WriteImage(Choice choice, ReadOnlySpan<byte> type, ReadOnlySpan<byte> base64)
    {
        if (Begin(choice) is not { } writer)
        {
            return;
        }

        writer.Write("{\"inlineData\":{\"mimeType\":\""u8);
        writer.Write(type);
        writer.Write("\",\"data\":\""u8);
        writer.Write(base64);
        writer.Write("\"}}"u8);
        End(writer, choice);
    }

    private void WriteCalls(Choice choice)
    {
        foreach (var call in choice.Calls)
        {
            if (Begin(choice) is not { } writer)
            {
                break;
            }

            writer.Write("{\"functionCall\":{"u8);
            if (call.Id.Length > 0)
            {
                writer.Write("\"id\":\""u8);
                writer.Write(call.Id);
                writer.Write("\","u8);
            }

            writer.Write("\"name\":\""u8);
            writer.Write(call.Name);
            writer.Write("\",\"args\":"u8);

            // Only what is an object is one of Gemini's.
            var arguments = GeminiJson.Unescape(call.Arguments.WrittenSpan);
            writer.Write(GeminiJson.IsObject(arguments) ? arguments : "{}"u8);
            writer.Write("}"u8);
            if (call.Signature is { } signature)
            {
                writer.Write(",\"thoughtSignature\":"u8);
                writer.Write(signature);
            }

            writer.Write("}"u8);
            End(writer, choice);
        }

        choice.Calls.Clear();
    }

    /// <summary>Begins a part.</summary>
    /// <returns>Null when nobody is there to read it.</returns>
    private IBufferWriter<byte>? Begin(Choice choice)
    {
        if (framing is null)
        {
            choice.BeginPart();
            return choice.Parts;
        }

        if (To is null)
        {
            return null;
        }

        framing.WriteStart(To, !_hasWritten);
        (_hasWritten, _hasUnsent) = (true, true);
        To.Write("{\"candidates\":[{\"content\":{\"parts\":["u8);
        return To;
    }

    private void End(IBufferWriter<byte> writer, Choice choice, bool tellsLogprobs = false)
    {
        if (framing is null)
        {
            return;
        }

        writer.Write("],\"role\":\"model\"},"u8);
        if (tellsLogprobs)
        {
            choice.WriteLogprobs(writer);
        }

        writer.Write("\"index\":"u8);
        WriteNumber(writer, choice.Index);
        writer.Write("}]"u8);
        WriteTail(writer);
        framing.WriteStop(writer);
    }

    private void WriteTail(IBufferWriter<byte> writer)
    {
        writer.Write(",\"modelVersion\":"u8);
        writer.Write(_modelJson);
        writer.Write(",\"responseId\":"u8);
        writer.Write(_idJson);
        writer.Write("}"u8);
    }

    /// <summary>The signature of the provider as this client gets it, a JSON string.</summary>
    private byte[] SignatureOf(ReadOnlySpan<byte> text, bool isHidden) => JsonBytes.Quote(
        GeminiSignatures.Write(new Signature(format, Encoding.UTF8.GetString(GeminiJson.Unescape(text))), isHidden));

    private static void WriteNumber(IBufferWriter<byte> writer, int number)
    {
        Utf8Formatter.TryFormat(number, writer.GetSpan(11), out var written);
        writer.Advance(written);
    }

    private Choice Of(int index)
    {
        foreach (var choice in _choices)
        {
            if (choice.Index == index)
            {
                return choice;
            }
        }

        var added = new Choice(index);
        _choices.Add(added);
        return added;
    }

    private sealed class Choice(int index)
    {
        private bool? _isThought;
        private ArrayBufferWriter<byte>? _logprobs;

        public int Index => index;

        public StopReason? Stop { get; set; }

        /// <summary>Whether what came last is of a call.</summary>
        public bool IsInCall { get; set; }

        public List<Call> Calls { get; } = [];

        /// <summary>Of an answer in one piece, the parts so far, the last perhaps in the middle of its text.</summary>
        public ArrayBufferWriter<byte> Parts { get; } = new();

        public long HeldBytes => Parts.WrittenCount + Calls.Sum(static call => (long)call.Arguments.WrittenCount + call.Id.Length + call.Name.Length)
            + (_logprobs?.WrittenCount ?? 0);

        public Call? Find(int number) => Calls.Find(call => call.Number == number);

        public void BeginPart()
        {
            CloseText();
            Parts.Write(Parts.WrittenCount > 0 ? ","u8 : default);
        }

        public void AddText(ReadOnlySpan<byte> text, bool isThought)
        {
            if (_isThought != isThought)
            {
                BeginPart();
                _isThought = isThought;
                Parts.Write("{\"text\":\""u8);
            }

            Parts.Write(text);
        }

        public void AddLogprobs(ReadOnlySpan<byte> list)
        {
            _logprobs ??= new();
            _logprobs.Write(_logprobs.WrittenCount > 0 ? ","u8 : default);
            _logprobs.Write(list);
        }

        /// <summary>Writes what was told of tokens since it was written last, if anything, as a member before another.</summary>
        public void WriteLogprobs(IBufferWriter<byte> writer)
        {
            if (_logprobs is { WrittenCount: > 0 })
            {
                writer.Write("\"logprobsResult\":"u8);
                GeminiLogprobs.Write(writer, _logprobs.WrittenSpan);
                writer.Write(","u8);
                _logprobs.ResetWrittenCount();
            }
        }

        public void CloseText()
        {
            if (_isThought is { } isThought)
            {
                Parts.Write(isThought ? "\",\"thought\":true}"u8 : "\"}"u8);
                _isThought = null;
            }
        }
    }

    private sealed class Call(int number, byte[] id, byte[] name)
    {
        public int Number => number;

        public byte[] Id => id;

        public byte[] Name => name;

        public ArrayBufferWriter<byte> Arguments { get; } = new();

        /// <summary>A JSON string.</summary>
        public byte[]? Signature { get; set; }
    }
}
