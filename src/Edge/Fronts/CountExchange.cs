using System.Buffers;
using System.Text;
using System.Text.Json;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;

namespace OrleansGateway.Edge.Fronts;

/// <summary>A wish to have a request's input tokens counted: by a provider that speaks the protocol, else by estimate.</summary>
/// <param name="own">Writes an estimate as an answer, JSON.</param>
internal sealed class CountExchange(RequestFacts facts, IUpstreamRequest request, IFront front, Func<long, string> own) : IExchange
{
    public RequestFacts Facts => facts;

    public IUpstreamRequest Request => request;

    public IStreamForm StreamForm => front;

    public bool MayBeEvents(Call call) => false;

    public ReadOnlyMemory<byte>? OwnAnswer(CostBound bound) => Encoding.ASCII.GetBytes(own(bound.EstimatedInputTokens));

    public Conversation? Converse(out ApiError error) => throw new InvalidOperationException("What is free is not translated.");

    public StreamCodec OpenStream(Call call) => throw new InvalidOperationException("A count is not streamed.");

    public IWholeCodec OpenWhole(Call call) => new Codec(call);

    public IAnswerWriter OpenWriter(Call call) => throw new InvalidOperationException("What is free is not translated.");

    /// <summary>The provider's answer as it is.</summary>
    private sealed class Codec(Call call) : IWholeCodec
    {
        private ReadOnlyMemory<byte> _answer;

        public Metered Metered => default;

        public AttemptEnd Read(ReadOnlyMemory<byte> answer)
        {
            _answer = answer;
            try
            {
                return ReadRoot(answer.Span);
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

        private AttemptEnd ReadRoot(ReadOnlySpan<byte> answer)
        {
            var reader = new Utf8JsonReader(answer);
            var (hasCount, hasError, isObject) = (false, false, reader.Read() && reader.TokenType == JsonTokenType.StartObject);
            while (isObject && reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var (isCount, isError) = (reader.ValueTextEquals("input_tokens"u8), reader.ValueTextEquals("error"u8));
                reader.Read();
                hasCount |= isCount && reader.TokenType == JsonTokenType.Number;
                hasError |= isError && reader.TokenType != JsonTokenType.Null;
                reader.Skip();
            }

            return !isObject || reader.Read() ? AttemptEnd.Unreadable
                : hasCount ? AttemptEnd.Completed
                : hasError ? AttemptEnd.Failed(call.Dialect.ReadError(200, answer, call.Route!.Channel))
                : AttemptEnd.Unreadable;
        }
    }
}
