namespace OrleansGateway.Protocols.Exchange;

/// <summary>Why a choice of an answer ended.</summary>
public enum StopReason
{
    /// <summary>The model was done.</summary>
    Done,

    /// <summary>One of the request's stop sequences came; <see cref="AnswerEvent.Text"/> is it, where the provider tells.</summary>
    StopSequence,

    /// <summary>The output limit or the window was reached.</summary>
    Length,

    /// <summary>Tools are to be called.</summary>
    ToolCalls,

    /// <summary>The provider's filter ended it.</summary>
    ContentFilter,

    /// <summary>The provider paused a turn of its own tools: the client sends the answer back to go on.</summary>
    Paused,
}

/// <summary>What a piece of an answer is.</summary>
public enum AnswerEventKind
{
    /// <summary>Visible text.</summary>
    Text,

    /// <summary>The model's refusal, text.</summary>
    Refusal,

    /// <summary>Reasoning, text.</summary>
    Reasoning,

    /// <summary>What proves the reasoning before it, or the tool call before it, to its provider: <see cref="AnswerEvent.Text"/>.</summary>
    Signature,

    /// <summary>Reasoning that only its provider can read.</summary>
    HiddenReasoning,

    /// <summary>A tool call begins: <see cref="AnswerEvent.Id"/> (empty where the provider gives none) and <see cref="AnswerEvent.Name"/>.</summary>
    ToolStart,

    /// <summary>A piece of a tool call's arguments: JSON, itself escaped as a string's content.</summary>
    ToolArguments,

    /// <summary>A whole picture: base64 and <see cref="AnswerEvent.MediaType"/>.</summary>
    Image,

    /// <summary>
    /// How likely the tokens of the text that comes next were: what stands between the brackets of a list of theirs as Chat Completions has it.
    /// </summary>
    Logprobs,

    /// <summary>Output of a kind that no other protocol has, such as what a provider's own tool found.</summary>
    Other,

    /// <summary>A choice ended, for <see cref="AnswerEvent.Stop"/>.</summary>
    ChoiceEnd,
}

/// <summary>
/// A piece of an answer, whichever protocol it came in. Its spans are contents of JSON strings, as they stand between the quotes with their
/// escapes, so that they are copied from one protocol to another, but for <see cref="AnswerEventKind.Logprobs"/>; they live for the call that they are given to.
/// </summary>
public readonly ref struct AnswerEvent
{
    /// <summary>What it is.</summary>
    public AnswerEventKind Kind { get; init; }

    /// <summary>Of which choice, from 0.</summary>
    public int Choice { get; init; }

    /// <summary>Of which of the choice's tool calls, from 0 in the order in which they began.</summary>
    public int Tool { get; init; }

    /// <summary>The text, arguments, signature or base64.</summary>
    public ReadOnlySpan<byte> Text { get; init; }

    /// <summary>The tool call's id.</summary>
    public ReadOnlySpan<byte> Id { get; init; }

    /// <summary>The tool's name.</summary>
    public ReadOnlySpan<byte> Name { get; init; }

    /// <summary>The picture's type.</summary>
    public ReadOnlySpan<byte> MediaType { get; init; }

    /// <summary>Why the choice ended.</summary>
    public StopReason Stop { get; init; }
}

/// <summary>Takes the pieces of an answer in their order.</summary>
public interface IAnswerEvents
{
    /// <summary>Takes the next.</summary>
    void Take(in AnswerEvent answerEvent);
}
