using OrleansGateway.Edge.Fronts.Translation;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI.Responses;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A whole response for a client that asked for one: it passes through, changed only where it must be.</summary>
internal sealed class ResponsesWholeCodec(Call call, ResponsesAnswerReader reader, ResponsesProgress progress) : MeteredWholeCodec(call, reader)
{
    /// <summary>A response that is kept is kept whole.</summary>
    public override bool MayGoOn => progress.Keeping is null;

    public override void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos)
    {
        var cost = Call.ShownCost(chargedNanos);
        if (outcome != AttemptOutcome.Completed)
        {
            progress.WriteCutResponse(written, usage, cost);
            return;
        }

        using var usageJson = new PooledBytes(256);
        ResponsesUsage.Write(usageJson, reader, Answer.Span, usage, cost);
        reader.WriteResponse(written, Answer.Span, progress.ModelJson, usageJson.Memory);
    }
}
