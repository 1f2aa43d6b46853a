using OrleansGateway.Edge.Fronts.Translation;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Gemini;
using OrleansGateway.Protocols.Json;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Fronts.Gemini;

/// <summary>One response, which passes through under the model's name as it was asked for. It is a stream as well, of one.</summary>
/// <param name="framing">Of a client that asked for a stream; null for one that did not.</param>
/// <param name="end">Writes what a client gets whose money does not cover the response.</param>
internal sealed class GeminiWholeCodec(Call call, GeminiAnswerReader reader, GeminiFraming? framing, GeminiAnswerWriter end)
    : MeteredWholeCodec(call, reader)
{
    public override bool MayGoOn => framing is null;

    public override void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos)
    {
        if (outcome != AttemptOutcome.Completed)
        {
            end.WriteCut(written, isFirst: true, Enumerable.Range(0, Call.Facts.Choices), Call.Totals(outcome, usage, chargedNanos));
            return;
        }

        framing?.WriteStart(written, isFirst: true);
        reader.WriteRead(written, Answer.Span, JsonBytes.Quote(Call.Facts.Model), inOneLine: framing is { IsArray: false }, usage);
        framing?.WriteStop(written);
        framing?.WriteEnd(written, isFirst: false);
    }
}
