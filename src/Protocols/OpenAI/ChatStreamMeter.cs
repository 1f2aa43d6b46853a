using System.Buffers;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>
/// Meters one Chat Completions stream, fed the data of each event in order. Reading a chunk of text allocates nothing.
/// </summary>
/// <param name="choices">How many choices the request asked for.</param>
public sealed class ChatStreamMeter(int choices)
{
    private ChatOutput _output;
    private UInt128 _seen;
    private UInt128 _ended;
    private UInt128 _endsSent;
    private UInt128 _searching;
    private bool _outputSinceUsage;
    private byte[] _usageJson = [];
    private int _usageJsonLength;
    private ChatTemplate _template;
    private ChatStreamHead _head;

    /// <summary>The usage that the provider reported last, null when it reported none.</summary>
    public TokenUsage? Reported { get; private set; }

    /// <summary>The tier of service that the provider names; null when it names none.</summary>
    public string? ServiceTier { get; private set; }

    /// <summary>Whether any output has come.</summary>
    public bool HasOutput { get; private set; }

    /// <summary>How many choices call the provider's search.</summary>
    public int SearchCalls => (int)UInt128.PopCount(_searching);

    /// <summary>Bytes of text (UTF-8) that came as output, reasoning included.</summary>
    public long OutputBytes => _output.Text.Bytes + _output.Reasoning.Bytes;

    /// <summary>Output tokens so far by the text that came: what a running hold has to cover.</summary>
    public long EstimatedOutputTokens => _output.Estimate(0).TotalOutput;

    /// <summary>Output tokens so far at the least: as reported, or where every token were a long word.</summary>
    public long LeastOutputTokens => Math.Max(Reported?.TotalOutput ?? 0, TokenEstimate.LeastTokens(OutputBytes));

    /// <summary>
    /// Whether all choices that have begun have ended. They may be fewer than were asked for, since some providers make one whatever they are
    /// asked; where they come one after the other, it is true between two of them.
    /// </summary>
    public bool AllChoicesEnded => _ended != 0 && _ended == _seen;

    /// <summary>Whether all choices that were asked for have ended.</summary>
    public bool HasEnded => UInt128.PopCount(_ended) >= (UInt128)choices;

    /// <summary>The answer's id as a JSON string, that of the first chunk with one; empty before.</summary>
    public ReadOnlyMemory<byte> IdJson => _head.IdJson;

    /// <summary>The id for chunks of our own when the stream ends before its first chunk.</summary>
    public string FallbackId { get; init; } = "chatcmpl-0";

    /// <summary>The time for such chunks, in Unix seconds.</summary>
    public long FallbackCreatedSeconds { get; init; }

    /// <summary>What the request has used: as reported, and counted where the report cannot be all.</summary>
    /// <param name="estimatedInputTokens">The input, for want of a report.</param>
    public TokenUsage Usage(long estimatedInputTokens) =>
        UsageReport.Complete(Reported, _output.Estimate(estimatedInputTokens), HasOutput, _outputSinceUsage);

    /// <summary>Says that the client has all that was read, the ends of choices too.</summary>
    public void Sent() => _endsSent = _ended;

    /// <summary>Meters one payload and says what it is. Nothing is metered of a malformed one.</summary>
    public ChatChunk Read(ReadOnlySpan<byte> payload)
    {
        if (_template.TryMatch(payload, out var text, out var members))
        {
            return ReadPlainText(text, members);
        }

        if (payload.Trim(" \n"u8).IsEmpty)
        {
            return new ChatChunk { Kind = ChatPayloadKind.Empty };
        }

        if (payload.Trim(" \n"u8).SequenceEqual("[DONE]"u8))
        {
            return new ChatChunk { Kind = ChatPayloadKind.Done };
        }

        var scan = new ChatScanner(payload);
        return scan.TryScan() ? Take(payload, scan) : new ChatChunk { Kind = ChatPayloadKind.Malformed };
    }

    /// <summary>
    /// Writes the chunk that tells the usage, with no choices: before <c>[DONE]</c>, for a client that asked for it. The
    /// provider's own object if it reported one, else <paramref name="usage"/>.
    /// </summary>
    /// <param name="writer">The client's stream.</param>
    /// <param name="modelJson">The public model name as a JSON string; empty takes the provider's.</param>
    /// <param name="usage">What was charged for.</param>
    /// <param name="costNanos">The charge in nanos (10⁻⁹ USD) to show as <c>usage.cost</c>; null shows none.</param>
    public void WriteUsageEvent(IBufferWriter<byte> writer, ReadOnlyMemory<byte> modelJson, in TokenUsage usage, long? costNanos)
    {
        WriteChunkHead(writer, modelJson);
        writer.Write("[],\"usage\":"u8);
        WriteUsage(writer, usage, costNanos);
        writer.Write("}\n\n"u8);
    }

    /// <summary>Writes the whole completion that the chunks give together.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="assembly">The chunks that were read.</param>
    /// <param name="endsAtLength">Whether what has not ended does so as at its length limit.</param>
    /// <param name="modelJson">The public model name as a JSON string; empty takes the provider's.</param>
    /// <param name="usage">What was charged for.</param>
    /// <param name="costNanos">The charge in nanos (10⁻⁹ USD) to show as <c>usage.cost</c>; null shows none.</param>
    public void WriteWhole(
        IBufferWriter<byte> writer, ChatAssembly assembly, bool endsAtLength, ReadOnlyMemory<byte> modelJson, in TokenUsage usage, long? costNanos)
    {
        _head.Write(writer, "chat.completion"u8, modelJson, FallbackId, FallbackCreatedSeconds);
        assembly.WriteChoices(writer, endsAtLength);
        writer.Write(",\"usage\":"u8);
        WriteUsage(writer, usage, costNanos);
        assembly.WriteRest(writer);
        writer.Write("}"u8);
    }

    /// <summary>
    /// Ends each choice whose end was not <see cref="Sent"/> the way the protocol ends one that hit its length limit. Usage and <c>[DONE]</c>
    /// follow.
    /// </summary>
    /// <param name="writer">The client's stream.</param>
    /// <param name="modelJson">The public model name as a JSON string; empty takes the provider's.</param>
    /// <param name="withNullUsage">Whether the stream's chunks carry <c>usage: null</c>.</param>
    public void WriteLengthEnd(IBufferWriter<byte> writer, ReadOnlyMemory<byte> modelJson, bool withNullUsage)
    {
        // A provider may make fewer choices than it is asked for.
        var open = (_seen == 0 ? 1 : _seen) & ~_endsSent;
        for (var index = 0; index < ChatRequest.MaxChoicesLimit; index++)
        {
            if ((open & (UInt128.One << index)) == 0)
            {
                continue;
            }

            WriteChunkHead(writer, modelJson);
            writer.Write("[{\"index\":"u8);
            ChatStreamHead.WriteNumber(writer, index);
            writer.Write(",\"delta\":{},\"logprobs\":null,\"finish_reason\":\"length\"}]"u8);
            writer.Write(withNullUsage ? ",\"usage\":null}\n\n"u8 : "}\n\n"u8);
        }
    }

    private void WriteUsage(IBufferWriter<byte> writer, in TokenUsage usage, long? costNanos)
    {
        var json = _usageJson.AsSpan(0, _usageJsonLength);
        if (Reported is null || usage.IsEstimated || !ChatUsageJson.IsOne(json))
        {
            ChatUsageJson.Write(writer, usage, costNanos);
        }
        else
        {
            // A line break between the provider's members would end the event's data line.
            json.Replace((byte)'\n', (byte)' ');
            UsageCost.Write(writer, json, costNanos);
        }
    }

    private void WriteChunkHead(IBufferWriter<byte> writer, ReadOnlyMemory<byte> modelJson)
    {
        writer.Write(ChatStreamFrames.DataPrefix);
        _head.Write(writer, "chat.completion.chunk"u8, modelJson, FallbackId, FallbackCreatedSeconds);
    }

    private ChatChunk ReadPlainText(ReadOnlySpan<byte> text, ChatMembers members)
    {
        if (_template.IsReasoning)
        {
            _output.Reasoning.AddJson(text);
        }
        else
        {
            _output.Text.AddJson(text);
        }

        HasOutput = true;
        _outputSinceUsage = true;
        return new ChatChunk { Kind = ChatPayloadKind.Choices, HasOutput = true, Members = members };
    }

    private ChatChunk Take(ReadOnlySpan<byte> payload, in ChatScanner scan)
    {
        _output.Text.Add(scan.Text);
        _output.Reasoning.Add(scan.Reasoning);
        _output.AudioBytes += scan.AudioBytes;
        HasOutput |= scan.HasOutput;
        _outputSinceUsage = !scan.HasUsage && (_outputSinceUsage || scan.HasOutput);
        if (scan.HasUsage)
        {
            Reported = scan.Tokens;
            KeepUsageJson(scan.UsageJson.Value(payload));
        }

        if (scan.ServiceTier.IsPresent)
        {
            ServiceTier = ChatResponse.TierOf(payload, scan.ServiceTier, ServiceTier);
        }

        // Azure's first chunk, of what its filter thinks of the prompt, has an empty id.
        if (!_head.IsPresent && scan.Id.ValueLength > 2)
        {
            _head = new(payload, scan.Id, scan.Created, scan.Model);
        }

        if (scan.Kind != ChatPayloadKind.Error)
        {
            // An error may come as the end of a choice.
            _seen |= scan.Seen;
            _ended |= scan.Ended;
            _searching |= scan.Searching;
        }

        var members = new ChatMembers(scan.Id, scan.Model, scan.Usage, scan.SensitiveFinishes);
        if (scan.IsPlainText)
        {
            _template.Keep(payload, scan, members);
        }

        return new ChatChunk
        {
            // What has no choices, not even none, is no chunk: clients break on it.
            Kind = scan is { Kind: ChatPayloadKind.Other, HasChoices: false } ? ChatPayloadKind.Empty : scan.Kind,
            HasUsage = scan.HasUsage,
            HasOutput = scan.HasOutput,
            FinishReason = scan.FinishReason,
            Members = members,
        };
    }

    private void KeepUsageJson(ReadOnlySpan<byte> json)
    {
        if (_usageJson.Length < json.Length)
        {
            _usageJson = new byte[json.Length * 2];
        }

        json.CopyTo(_usageJson);
        _usageJsonLength = json.Length;
    }
}
