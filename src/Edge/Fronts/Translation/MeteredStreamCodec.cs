using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Fronts.Translation;

/// <summary>A stream that is metered by what a protocol's reader tells of it. What becomes of its events, its heirs say.</summary>
/// <param name="next">Gets what the events say; null for nobody.</param>
internal abstract class MeteredStreamCodec(Call call, IAnswerReader reader, IAnswerEvents? next = null) : StreamCodec(call)
{
    private readonly AnswerMeter _meter = new(next);
    private TokenUsage? _reported;

    public override Metered Metered => new(_meter.Usage(reader.Reported, Call.Bound.EstimatedInputTokens), _meter.HasOutput, reader.ServiceTier);

    public override bool HasOutput => _meter.HasOutput;

    public override long EstimatedOutputTokens => _meter.EstimatedOutputTokens;

    public override long LeastOutputTokens => _meter.LeastOutputTokens(reader.Reported);

    public override bool AllChoicesEnded => _meter.AllChoicesEnded;

    /// <summary>A protocol whose last event tells the usage has no more to wait for than that.</summary>
    public override bool HasEnded => _meter.AllChoicesEnded;

    protected IAnswerReader Reader => reader;

    /// <summary>A bit for each choice that has ended.</summary>
    protected UInt128 EndedChoices => _meter.EndedChoices;

    protected override AnswerRead Read(in SseEvent sseEvent, PooledBytes? events)
    {
        var read = reader.Read(sseEvent, _meter);
        if (reader.HasJustReported ?? (reader.Reported != _reported))
        {
            _meter.Reported();
        }

        _reported = reader.Reported;
        return read;
    }
}
