using System.Buffers;
using System.Text;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>A Chat Completions response that was not streamed, and what it tells.</summary>
public readonly struct ChatResponse
{
    private readonly ChatMembers _members;
    private readonly ChatOutput _output;
    private readonly JsonMember _tier;
    private readonly int _usageStart;
    private readonly int _usageEnd;

    private ChatResponse(in ChatScanner scan)
    {
        Kind = scan.Kind;
        Reported = scan.HasUsage ? scan.Tokens : null;
        HasOutput = scan.HasOutput;
        SearchCalls = (int)UInt128.PopCount(scan.Searching);
        FinishReason = scan.FinishReason;
        _tier = scan.ServiceTier;
        _members = new(scan.Id, scan.Model, scan.Usage, scan.SensitiveFinishes);
        _output = new() { Text = scan.Text, Reasoning = scan.Reasoning, AudioBytes = scan.AudioBytes };
        (_usageStart, _usageEnd) = (scan.UsageJson.ValueStart, scan.UsageJson.ValueEnd);
    }

    private ChatResponse(ChatPayloadKind kind) => Kind = kind;

    /// <summary>Choices for a completion; Error or Malformed for a failed provider; Other for JSON of another kind.</summary>
    public ChatPayloadKind Kind { get; }

    /// <summary>The usage that the provider reported, null when it reported none.</summary>
    public TokenUsage? Reported { get; }

    /// <summary>The tier of service that the provider names; null when it names none.</summary>
    /// <param name="body">The body that was read.</param>
    public string? ServiceTier(ReadOnlySpan<byte> body) => _tier.IsPresent ? TierOf(body, _tier, null) : null;

    /// <summary>Whether there is any output.</summary>
    public bool HasOutput { get; }

    /// <summary>How many choices call the provider's search.</summary>
    public int SearchCalls { get; }

    /// <summary>The reason with which its last choice ended.</summary>
    public FinishReason FinishReason { get; }

    /// <summary>Reads a whole body. Blank lines before it are allowed: DeepSeek sends them while it works.</summary>
    public static ChatResponse Read(ReadOnlySpan<byte> body)
    {
        var scan = new ChatScanner(body);
        return scan.TryScan() ? new(scan) : new(ChatPayloadKind.Malformed);
    }

    /// <summary>What the request has used: as reported, and counted where the report cannot be true.</summary>
    /// <param name="estimatedInputTokens">The input, for want of a report.</param>
    public TokenUsage Usage(long estimatedInputTokens) =>
        UsageReport.Complete(Reported, _output.Estimate(estimatedInputTokens), HasOutput, outputSince: false);

    /// <summary>A tier's name without its quotes: the one that was known before, where it is the same.</summary>
    internal static string TierOf(ReadOnlySpan<byte> json, JsonMember member, string? known)
    {
        var name = member.Value(json)[1..^1];
        return known is not null && Ascii.Equals(name, known) ? known : Encoding.UTF8.GetString(name);
    }

    /// <summary>The body's usage object as it stands; empty when none was read.</summary>
    public ReadOnlySpan<byte> UsageJson(ReadOnlySpan<byte> body) => body[_usageStart.._usageEnd];

    /// <summary>Writes the body to the client, untouched but for the edits. Not for errors.</summary>
    public void WriteTo(IBufferWriter<byte> writer, ReadOnlySpan<byte> body, in ChatEdits edits) =>
        _members.Splices(body, edits).Write(body, writer);
}
