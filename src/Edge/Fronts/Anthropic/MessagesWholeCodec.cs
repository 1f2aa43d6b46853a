using OrleansGateway.Edge.Fronts.Translation;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Anthropic;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Fronts.Anthropic;

/// <summary>A whole answer for a client that asked for one: it passes through, changed only where it must be.</summary>
internal sealed class MessagesWholeCodec(Call call, MessagesReader reader) : MeteredWholeCodec(call, reader)
{
    public override bool MayGoOn => true;

    public override void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos) =>
        MessagesWhole.Write(written, reader, Answer.Span, Call.Facts.Model, usage);
}
