using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.Conversations;

/// <summary>
/// A request in common, for translation from one protocol to another. In its normal form consecutive turns of one role are one turn, a user's
/// turn has its tool results first, and no text is empty.
/// </summary>
public sealed record Conversation
{
    /// <summary>Instructions, in order.</summary>
    public IReadOnlyList<TextPart> System { get; init; } = [];

    /// <summary>The turns, in order.</summary>
    public required IReadOnlyList<Turn> Turns { get; init; }

    /// <summary>The tools that the model may ask the client to call.</summary>
    public IReadOnlyList<Tool> Tools { get; init; } = [];

    /// <summary>Which tools the model may, or has to, call.</summary>
    public ToolChoice ToolChoice { get; init; } = ToolChoice.Unsaid;

    /// <summary>Whether several tools may be called at once; null when not said.</summary>
    public bool? ParallelToolCalls { get; init; }

    /// <summary>Whether the answer is to be streamed.</summary>
    public bool Stream { get; init; }

    /// <summary>Answers asked for.</summary>
    public int Choices { get; init; } = 1;

    /// <summary>The number as it was written, between 0 and 2; null when not given.</summary>
    public string? Temperature { get; init; }

    /// <summary>The number as it was written; null when not given.</summary>
    public string? TopP { get; init; }

    /// <summary>Null when not given.</summary>
    public long? TopK { get; init; }

    /// <summary>Null when not given.</summary>
    public long? Seed { get; init; }

    /// <summary>The number as it was written; null when not given.</summary>
    public string? FrequencyPenalty { get; init; }

    /// <summary>The number as it was written; null when not given.</summary>
    public string? PresencePenalty { get; init; }

    /// <summary>Texts that end the answer; none of them empty.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>What form the answer is to have; null for text.</summary>
    public AnswerFormat? Format { get; init; }

    /// <summary>How much the model is to reason; null when not said.</summary>
    public Reasoning? Reasoning { get; init; }

    /// <summary>How wordy the answer is to be: <c>low</c>, <c>medium</c>, <c>high</c>; null when not said.</summary>
    public string? Verbosity { get; init; }

    /// <summary>How many likely tokens to tell beside each of the answer's, with how likely they were; null does not ask for it.</summary>
    public int? Logprobs { get; init; }

    /// <summary>A key of what to cache; null when not given.</summary>
    public string? CacheKey { get; init; }

    /// <summary>What it uses that some protocol lacks, and where each stands in the client's request.</summary>
    public IReadOnlyList<FeatureUse> Features { get; init; } = [];

    /// <summary>The same without what a provider has signed: reasoning, and the proofs of tool calls; null where there is none.</summary>
    /// <param name="format">The provider's protocol.</param>
    public Conversation? WithoutSignatures(string format)
    {
        var isSigned = Turns.Any(turn => turn.Parts.Any(part => SignatureOf(part)?.Format == format));
        return !isSigned ? null : this with
        {
            Turns = NormalForm.Of(Turns.Select(turn => turn with
            {
                Parts =
                [
                    .. turn.Parts.Where(part => part is not ReasoningPart || SignatureOf(part)?.Format != format)
                        .Select(part => part is ToolCallPart call && call.Signature?.Format == format ? call with { Signature = null } : part),
                ],
            })),
        };

        static Signature? SignatureOf(Part part) => part switch
        {
            ReasoningPart reasoning => reasoning.Signature,
            ToolCallPart call => call.Signature,
            _ => null,
        };
    }
}

/// <summary>Whose turn it is.</summary>
public enum Role
{
    /// <summary>The user, who also brings the results of tools.</summary>
    User,

    /// <summary>The model.</summary>
    Assistant,
}

/// <summary>A turn of a conversation.</summary>
public sealed record Turn(Role Role, IReadOnlyList<Part> Parts);

/// <summary>A piece of a turn.</summary>
public abstract record Part
{
    /// <summary>How long what comes before and this may be cached, as a provider's word (<c>5m</c>, <c>1h</c>); null does not mark it.</summary>
    public string? CacheFor { get; init; }
}

/// <summary>Text.</summary>
public sealed record TextPart(string Text) : Part;

/// <summary>A picture, document or sound: inline, as base64, or by its address.</summary>
/// <param name="MediaType">Its type, <c>image/png</c>; null where only its address is known.</param>
/// <param name="Base64">Null for one by its address.</param>
public sealed record MediaPart(MediaKind Kind, string? MediaType, ReadOnlyMemory<byte>? Base64, string? Url) : Part
{
    /// <summary>The file's name; null when not given.</summary>
    public string? FileName { get; init; }

    /// <summary>How closely a picture is to be looked at: <c>low</c>, <c>high</c>, <c>auto</c>; null when not said.</summary>
    public string? Detail { get; init; }
}

/// <summary>What a file holds.</summary>
public enum MediaKind
{
    /// <summary>A picture.</summary>
    Image,

    /// <summary>A PDF or text.</summary>
    Document,

    /// <summary>Sound.</summary>
    Audio,

    /// <summary>Film.</summary>
    Video,
}

/// <summary>Something only its provider can check: what it gave with reasoning or a tool call, and wants back unchanged.</summary>
/// <param name="Format">The provider's protocol, as <see cref="WireFormats"/> names it.</param>
public sealed record Signature(string Format, string Value)
{
    private const string Mark = "og1.";

    /// <summary>As it is told to a client of another protocol, which brings it back.</summary>
    public string ForeignText => Mark + Format + "." + Value;

    /// <summary>Whether a text, as it stands in JSON, bears another protocol's mark.</summary>
    internal static bool IsForeign(ReadOnlySpan<byte> json, string own) =>
        json.StartsWith("og1."u8) && json[4..] is var rest && rest.IndexOf((byte)'.') is >= 0 and var end && !System.Text.Ascii.Equals(rest[..end], own);

    /// <summary>Reads one that a client brings back.</summary>
    /// <param name="own">The client's protocol: whose signature it is that bears no mark.</param>
    public static Signature Read(string text, string own)
    {
        ArgumentNullException.ThrowIfNull(text);
        var end = text.StartsWith(Mark, StringComparison.Ordinal) ? text.IndexOf('.', Mark.Length) : -1;
        return end < 0 ? new(own, text) : new(text[Mark.Length..end], text[(end + 1)..]);
    }
}

/// <summary>The model's reasoning.</summary>
/// <param name="Signature">Null for reasoning that nobody has signed: no provider wants that back.</param>
/// <param name="IsHidden">Whether the text is none, and all is in the signature.</param>
public sealed record ReasoningPart(string Text, Signature? Signature, bool IsHidden = false) : Part;

/// <summary>A call of a tool by the model.</summary>
/// <param name="Arguments">A JSON object.</param>
public sealed record ToolCallPart(string Id, string Name, string Arguments) : Part
{
    /// <summary>Null when it has none.</summary>
    public Signature? Signature { get; init; }
}

/// <summary>What came of a tool call.</summary>
/// <param name="Id">The call's.</param>
/// <param name="Name">The tool's, which some protocols want.</param>
/// <param name="Content">Text and media.</param>
public sealed record ToolResultPart(string Id, string Name, IReadOnlyList<Part> Content, bool IsError = false) : Part;

/// <summary>A tool that the client runs.</summary>
/// <param name="Parameters">A JSON schema of an object.</param>
public sealed record Tool(string Name, string? Description, string Parameters)
{
    /// <summary>Whether the arguments have to keep to the schema; null when not said.</summary>
    public bool? Strict { get; init; }

    /// <summary>As of <see cref="Part.CacheFor"/>.</summary>
    public string? CacheFor { get; init; }
}

/// <summary>Which tools the model may, or has to, call.</summary>
public enum ToolChoiceKind
{
    /// <summary>The model decides, and nobody said so.</summary>
    Unsaid,

    /// <summary>The model decides.</summary>
    Auto,

    /// <summary>None.</summary>
    None,

    /// <summary>At least one.</summary>
    Required,

    /// <summary>At least one of <see cref="ToolChoice.Names"/>.</summary>
    Named,
}

/// <summary>Which tools the model may, or has to, call.</summary>
public sealed record ToolChoice(ToolChoiceKind Kind, IReadOnlyList<string> Names)
{
    /// <summary>Nothing is said of it.</summary>
    public static ToolChoice Unsaid { get; } = new(ToolChoiceKind.Unsaid, []);
}

/// <summary>What form the answer is to have.</summary>
/// <param name="Schema">A JSON schema; null for any JSON object.</param>
public sealed record AnswerFormat(string? Name, string? Schema, bool? Strict, string? Description = null);

/// <summary>How much a model reasons.</summary>
public enum ReasoningEffort
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>As little as it can.</summary>
    Minimal,

    /// <summary>Little.</summary>
    Low,

    /// <summary>As usual.</summary>
    Medium,

    /// <summary>Much.</summary>
    High,

    /// <summary>More.</summary>
    ExtraHigh,

    /// <summary>As much as it can.</summary>
    Max,
}

/// <summary>How much the model is to reason.</summary>
/// <param name="Effort">Null when not said.</param>
/// <param name="BudgetTokens">The most tokens to spend on it; null when not said.</param>
/// <param name="IsShown">Whether the client wants to see it; null when not said.</param>
public sealed record Reasoning(ReasoningEffort? Effort, int? BudgetTokens = null, bool? IsShown = null);
