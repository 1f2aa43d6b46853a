using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Gemini;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Fronts.Gemini;

/// <summary>The answer of a method that tells numbers, and passes through: a count of tokens, or embeddings, which use input alone.</summary>
internal sealed class GeminiNumbersCodec(Call call, bool isFree) : IWholeCodec
{
    private ReadOnlyMemory<byte> _answer;
    private TokenUsage? _reported;

    public Metered Metered => new(
        isFree ? default : _reported ?? new TokenUsage { UncachedInput = call.Bound.EstimatedInputTokens, IsEstimated = true }, !_answer.IsEmpty);

    public bool MayGoOn => true;

    public AttemptEnd Read(ReadOnlyMemory<byte> answer)
    {
        switch (GeminiNumbersReader.Read(answer.Span, out var usage))
        {
            case AnswerRead.End:
                (_answer, _reported) = (answer, usage);
                return AttemptEnd.Completed;
            case AnswerRead.Error:
                return AttemptEnd.Failed(call.Dialect.ReadError(200, answer.Span, call.Route!.Channel));
            default:
                return AttemptEnd.Unreadable;
        }
    }

    public void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos) => GeminiNumbersReader.Write(written, _answer.Span);

    public void Dispose()
    {
    }
}
