using System.Buffers;
using System.Globalization;
using System.Text;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI.Responses;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A wish to have a response's input counted: by a provider that takes Responses, else by estimate.</summary>
internal sealed class ResponsesCountExchange(ResponsesRequest request, IFront front) : IExchange
{
    public RequestFacts Facts => request;

    public IUpstreamRequest Request { get; } = new ResponsesUpstreamRequest(request);

    public IStreamForm StreamForm => front;

    public bool MayBeEvents(Call call) => false;

    public ReadOnlyMemory<byte>? OwnAnswer(CostBound bound) => Encoding.ASCII.GetBytes(
        string.Create(CultureInfo.InvariantCulture, $$"""{"object":"response.input_tokens","input_tokens":{{bound.EstimatedInputTokens}}}"""));

    public Conversation? Converse(out ApiError error) => throw new InvalidOperationException("What is free is not translated.");

    public IStreamCodec OpenStream(Call call) => throw new InvalidOperationException("A count is not streamed.");

    public IWholeCodec OpenWhole(Call call) => new Codec();

    public IAnswerWriter OpenWriter(Call call) => throw new InvalidOperationException("What is free is not translated.");

    /// <summary>The provider's answer as it is.</summary>
    private sealed class Codec : IWholeCodec
    {
        private ReadOnlyMemory<byte> _answer;

        public Metered Metered => default;

        public AttemptEnd Read(ReadOnlyMemory<byte> answer)
        {
            _answer = answer;
            return answer.Span.IndexOf("\"input_tokens\""u8) >= 0 ? AttemptEnd.Completed : AttemptEnd.Unreadable;
        }

        public void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos) => written.Write(_answer.Span);

        public void Dispose()
        {
        }
    }
}
