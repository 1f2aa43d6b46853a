using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI.Responses;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A whole response for a client that asked for one: it passes through, changed only where it must be.</summary>
internal sealed class ResponsesWholeCodec(Call call, ResponsesProgress progress) : IWholeCodec
{
    private readonly ResponsesAnswerReader _reader = new() { Keeping = progress.Keeping };
    private readonly AnswerMeter _meter = new();
    private ReadOnlyMemory<byte> _answer;

    public Metered Metered => new(_meter.Usage(_reader.Reported, call.Bound.EstimatedInputTokens), _meter.HasOutput, _reader.ServiceTier);

    public AttemptEnd Read(ReadOnlyMemory<byte> answer)
    {
        _answer = answer;
        var read = _reader.ReadWhole(answer.Span, _meter);
        _meter.Reported();
        return read switch
        {
            AnswerRead.End => AttemptEnd.Completed,
            AnswerRead.Error => AttemptEnd.Failed(call.Dialect.ReadError(200, answer.Span, call.Route!.Channel)),
            _ => AttemptEnd.Unreadable,
        };
    }

    public void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos)
    {
        long? cost = call.Admitted.ShowCost ? chargedNanos : null;
        if (outcome != AttemptOutcome.Completed)
        {
            progress.WriteCutResponse(written, usage, cost);
            return;
        }

        using var usageJson = new PooledBytes(256);
        ResponsesUsage.Write(usageJson, _reader, _answer.Span, usage, cost);
        _reader.WriteResponse(written, _answer.Span, progress.ModelJson, usageJson.Memory);
    }

    public void Dispose()
    {
    }
}
