using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Fronts.Translation;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Anthropic;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Edge.Fronts.Anthropic;

/// <summary>A wish to have a request's tokens counted: by a provider that speaks the protocol, else by estimate.</summary>
internal sealed class CountExchange(MessagesRequest request, IUpstreamRequest upstream, IFront front) : IExchange
{
    public RequestFacts Facts => request;

    public IUpstreamRequest Request => upstream;

    public IStreamForm StreamForm => front;

    public ReadOnlyMemory<byte>? OwnAnswer(CostBound bound) =>
        Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{{\"input_tokens\":{Math.Max(1, bound.EstimatedInputTokens)}}}"));

    public Conversation? Converse(out ApiError error) => throw new NotSupportedException();

    public IStreamCodec OpenStream(Call call) => new NoStream(call);

    public IWholeCodec OpenWhole(Call call) => new CountCodec(call);

    public IAnswerWriter OpenWriter(Call call) => throw new NotSupportedException();

    /// <summary>Passes a count on.</summary>
    private sealed class CountCodec(Call call) : IWholeCodec
    {
        private ReadOnlyMemory<byte> _answer;

        public Metered Metered => default;

        public AttemptEnd Read(ReadOnlyMemory<byte> answer)
        {
            _answer = answer;
            try
            {
                using var json = JsonDocument.Parse(answer);
                var root = json.RootElement;
                return root.ValueKind != JsonValueKind.Object ? AttemptEnd.Unreadable
                    : root.TryGetProperty("input_tokens", out var tokens) && tokens.ValueKind == JsonValueKind.Number ? AttemptEnd.Completed
                    : root.TryGetProperty("error", out _) ? AttemptEnd.Failed(call.Dialect.ReadError(200, answer.Span, call.Route!.Channel))
                    : AttemptEnd.Unreadable;
            }
            catch (Exception exception) when (exception is JsonException or InvalidOperationException)
            {
                // The latter is the answer to a name that escapes one half of a surrogate pair.
                return AttemptEnd.Unreadable;
            }
        }

        public void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos) => written.Write(_answer.Span);

        public void Dispose()
        {
        }
    }

    /// <summary>No count comes as a stream.</summary>
    private sealed class NoStream(Call call) : MeteredStreamCodec(call, new MessagesReader())
    {
        public override long HeldBytes => 0;

        public override void WriteEnd(PooledBytes events, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos)
        {
        }

        public override void Dispose()
        {
        }

        protected override AnswerRead Read(in SseEvent sseEvent, PooledBytes? events) => AnswerRead.Malformed;
    }
}
