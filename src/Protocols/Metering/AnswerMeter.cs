using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.Metering;

/// <summary>Counts an answer on its way.</summary>
/// <param name="next">Gets the same pieces; null for none.</param>
public sealed class AnswerMeter(IAnswerEvents? next = null) : IAnswerEvents
{
    private TokenEstimate _text;
    private TokenEstimate _reasoning;
    private UInt128 _seen;
    private UInt128 _ended;
    private bool _outputSinceReport;

    /// <summary>Whether any output came.</summary>
    public bool HasOutput { get; private set; }

    /// <summary>Output tokens so far, by the text that came.</summary>
    public long EstimatedOutputTokens => _text.Tokens + _reasoning.Tokens;

    /// <summary>Whether all choices that have begun have ended.</summary>
    public bool AllChoicesEnded => _ended != 0 && _ended == _seen;

    /// <summary>A bit for each choice that has ended.</summary>
    public UInt128 EndedChoices => _ended;

    /// <inheritdoc/>
    public void Take(in AnswerEvent answerEvent)
    {
        var choice = UInt128.One << answerEvent.Choice;
        _seen |= choice;
        switch (answerEvent.Kind)
        {
            case AnswerEventKind.ChoiceEnd:
                _ended |= choice;
                break;
            case AnswerEventKind.Reasoning:
                _reasoning.AddJson(answerEvent.Text);
                NoteOutput(answerEvent.Text);
                break;
            case AnswerEventKind.Text or AnswerEventKind.Refusal or AnswerEventKind.ToolArguments:
                _text.AddJson(answerEvent.Text);
                NoteOutput(answerEvent.Text);
                break;
            case AnswerEventKind.ToolStart:
                _text.AddJson(answerEvent.Name);
                NoteOutput(answerEvent.Name);
                break;
            case AnswerEventKind.Image or AnswerEventKind.HiddenReasoning or AnswerEventKind.Other:
                NoteOutput(answerEvent.Text);
                break;
            default:
                break;
        }

        next?.Take(answerEvent);
    }

    /// <summary>Says that the provider has just reported what was used so far.</summary>
    public void Reported() => _outputSinceReport = false;

    /// <summary>Output tokens so far at the least: as reported, or where every token were a long word.</summary>
    public long LeastOutputTokens(TokenUsage? reported) =>
        Math.Max(reported?.TotalOutput ?? 0, TokenEstimate.LeastTokens(_text.Bytes + _reasoning.Bytes));

    /// <summary>What the request has used: as reported, and counted where the report cannot be all.</summary>
    /// <param name="reported">The provider's last report; null when it made none.</param>
    /// <param name="estimatedInputTokens">The input, for want of a report.</param>
    public TokenUsage Usage(TokenUsage? reported, long estimatedInputTokens) => UsageReport.Complete(
        reported,
        new TokenUsage { UncachedInput = estimatedInputTokens, Output = _text.Tokens, Reasoning = _reasoning.Tokens, IsEstimated = true },
        HasOutput,
        _outputSinceReport);

    private void NoteOutput(ReadOnlySpan<byte> text)
    {
        HasOutput |= !text.IsEmpty;
        _outputSinceReport |= !text.IsEmpty;
    }
}
