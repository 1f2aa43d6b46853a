using System.Buffers;
using System.Globalization;
using System.Text;
using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.OpenAI.Endpoints;

namespace OrleansGateway.Edge.Fronts.OpenAI.Endpoints;

/// <summary>A whole answer of one of the endpoints: it passes through, changed only where it must be. As a stream where one was asked for.</summary>
internal sealed class EndpointWholeCodec(Call call, EndpointRequest request) : IWholeCodec
{
    private static readonly SearchValues<byte> LineBreaks = SearchValues.Create("\r\n"u8);

    private readonly PooledBytes _vectors = new(0);
    private ReadOnlyMemory<byte> _bytes;
    private EndpointAnswer _answer;
    private AnswerCounts _counts;

    public Metered Metered => new(request.Used(_counts, call.Bound.EstimatedInputTokens), HasOutput: true);

    public bool ShowsItsEnd => IsJson;

    public bool MayGoOn => IsJson && !request.Stream && _vectors.Length == 0;

    public Metered CutMetered => MeteredOfCut(call, request, _counts);

    private bool IsJson => request.Form == AnswerForm.Json || (request.Stream && request.Form == AnswerForm.Text);

    /// <summary>What the output of an answer is, where its usage does not say.</summary>
    public static OutputKind KindOf(EndpointRequest request) => request switch
    {
        SpeechRequest => OutputKind.Audio,
        ImagesRequest or ImageEditForm => OutputKind.Image,
        _ => OutputKind.Text,
    };

    /// <summary>
    /// What breaks off has told nothing of what it used: speech costs as much as the sound that came lasts, and pictures, which tell nothing of
    /// themselves until they are there, all that they can.
    /// </summary>
    public static Metered MeteredOfCut(Call call, EndpointRequest request, in AnswerCounts counts)
    {
        var usage = request.Used(counts, call.Bound.EstimatedInputTokens);
        return new Metered(
            counts.Reported is not null ? usage
                : request.ChargedBy == ChargedBy.Pictures ? usage with { ImageOutput = call.Bound.TotalOutputTokensMax, Images = request.Images }
                : usage,
            HasOutput: true);
    }

    public AttemptEnd Read(ReadOnlyMemory<byte> answer)
    {
        _bytes = answer;
        return IsJson ? ReadJson(answer.Span) : ReadOther(answer.Span);
    }

    public void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos)
    {
        if (!IsJson && !request.Stream)
        {
            written.Write(_bytes.Span);
            return;
        }

        if (outcome != AttemptOutcome.Completed)
        {
            call.Exchange.StreamForm.WriteErrorEvent(written, new ApiError(ErrorKind.OutOfFunds, "The account's money does not cover this answer."));
            return;
        }

        if (!IsJson)
        {
            WriteSound(written, usage);
            return;
        }

        using var usageJson = new PooledBytes(0);
        WriteUsage(usageJson, usage, chargedNanos);
        if (!request.Stream)
        {
            _answer.WriteTo(written, _bytes.Span, request.Model, usageJson.Memory);
            return;
        }

        WriteEvents(written, usageJson.Memory);
    }

    public void Dispose() => _vectors.Dispose();

    private AttemptEnd ReadJson(ReadOnlySpan<byte> json)
    {
        _answer = EndpointAnswer.Read(json, KindOf(request));
        _counts = _answer.Counts;
        if (_answer.Kind == EndpointAnswerKind.Error)
        {
            return AttemptEnd.Failed(OpenAIDialect.ReadErrorOf(call.Route!.Channel, 200, json));
        }

        if (_answer.Kind != EndpointAnswerKind.Answer)
        {
            return AttemptEnd.Unreadable;
        }

        if (_answer.HasVectors && request is EmbeddingsRequest { WantsBase64: true })
        {
            EndpointAnswer.WriteVectorsInBase64(_vectors, json);
            _bytes = _vectors.Memory;
            _answer = EndpointAnswer.Read(_bytes.Span, OutputKind.Text);
        }

        return AttemptEnd.Completed;
    }

    private AttemptEnd ReadOther(ReadOnlySpan<byte> bytes)
    {
        if (call.AnswerType == "application/json" && EndpointAnswer.Read(bytes, OutputKind.Text) is { Kind: not EndpointAnswerKind.Malformed } json)
        {
            return json.Kind == EndpointAnswerKind.Error ? AttemptEnd.Failed(OpenAIDialect.ReadErrorOf(call.Route!.Channel, 200, bytes)) : AttemptEnd.Unreadable;
        }

        if (bytes.IsEmpty || call.AnswerType == "text/html")
        {
            return AttemptEnd.Unreadable;
        }

        if (request.Form == AnswerForm.Sound)
        {
            _counts = new AnswerCounts(null, Seconds: SoundLength.Of(bytes));
        }
        else
        {
            var text = default(TokenEstimate);
            text.AddJson(bytes);
            _counts = new AnswerCounts(null, TextTokens: text.Tokens);
        }

        return AttemptEnd.Completed;
    }

    private void WriteUsage(PooledBytes written, in TokenUsage usage, long chargedNanos)
    {
        var cost = call.ShownCost(chargedNanos);
        var told = _answer.UsageJson(_bytes.Span);
        var isTheirs = _answer.Counts.Reported is not null && !usage.IsEstimated && told is [(byte)'{', ..];
        if (!isTheirs && request is EmbeddingsRequest or CompletionRequest)
        {
            // Clients of these count on it.
            ChatUsageJson.Write(written, usage, cost);
        }
        else if ((isTheirs && cost is not null) || UsageCost.IsTold(told))
        {
            UsageCost.Write(written, told, cost);
        }
    }

    /// <summary>The events of speech.</summary>
    private void WriteSound(PooledBytes written, in TokenUsage usage)
    {
        written.Write("data: {\"type\":\"speech.audio.delta\",\"audio\":\""u8);
        written.Write(Encoding.ASCII.GetBytes(Convert.ToBase64String(_bytes.Span)));
        written.Write(Encoding.ASCII.GetBytes(string.Create(
            CultureInfo.InvariantCulture,
            $"\"}}\n\ndata: {{\"type\":\"speech.audio.done\",\"usage\":{{\"input_tokens\":{usage.TotalInput},\"output_tokens\":{usage.TotalOutput},\"total_tokens\":{usage.TotalInput + usage.TotalOutput}}}}}\n\n")));
    }

    private void WriteEvents(PooledBytes written, ReadOnlyMemory<byte> usageJson)
    {
        using var whole = new PooledBytes(_bytes.Length + 256);
        _answer.WriteTo(whole, _bytes.Span, request.Model, usageJson);

        // Line breaks between its members would be those of events.
        using var line = new PooledBytes(whole.Length);
        whole.Span.CopyTo(line.GetSpan(whole.Length));
        line.GetSpan(whole.Length)[..whole.Length].ReplaceAny(LineBreaks, (byte)' ');
        line.Advance(whole.Length);
        switch (request)
        {
            case CompletionRequest completion:
                // A whole answer and a chunk have the same shape.
                EndpointAnswer.WriteChunks(written, line.Span, completion.IncludeUsage);
                written.Write(ChatStreamFrames.Done);
                break;
            case TranscriptionRequest:
                written.Write("data: {\"type\":\"transcript.text.done\","u8);
                written.Write(line.Span.Trim((byte)' ')[1..]);
                written.Write(ChatStreamFrames.EventEnd);
                break;
            default:
                EndpointAnswer.WritePictures(written, line.Span, request.Format == "images" ? "image_generation.completed"u8 : "image_edit.completed"u8);
                break;
        }
    }
}
