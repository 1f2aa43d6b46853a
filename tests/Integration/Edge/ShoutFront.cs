using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.Sse;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>A protocol that nobody else speaks: <c>{"model":…,"say":…,"stream":…}</c>, answered with the words in capitals.</summary>
internal sealed class ShoutFront : IFront, IRelayedEndpoint
{
    public const string Endpoint = "/shout";
    public const string Format = "shout";

    public IFront Front => this;

    public string Path => Endpoint;

    public ReadOnlyMemory<byte> KeepAlive { get; } = ": still here\n\n"u8.ToArray();

    public void Map(FrontRoutes routes) => routes.Relay(this);

    public FrontError ErrorOf(in ApiError error) => new(error.Status, "sorry", null);

    public void WriteError(IBufferWriter<byte> writer, in ApiError error) =>
        writer.Write(Encoding.UTF8.GetBytes(new JsonObject { ["sorry"] = error.Message }.ToJsonString()));

    public void WriteErrorEvent(IBufferWriter<byte> writer, in ApiError error) =>
        writer.Write(Encoding.UTF8.GetBytes($"event: sorry\ndata: {error.Message}\n\n"));

    public IExchange? Read(HttpRequest httpRequest, ReadOnlyMemory<byte> body, out ApiError error)
    {
        var json = JsonNode.Parse(body.Span)!;
        error = json["say"] is null ? new ApiError(ErrorKind.InvalidRequest, "Say something.", "say") : default;
        return json["say"] is { } say ? new Exchange(new Request((string)json["model"]!, (string)say!, (bool?)json["stream"] ?? false), this) : null;
    }

    private sealed class Request : RequestFacts
    {
        public Request(string model, string say, bool stream)
        {
            (Model, Say, Stream) = (model, say, stream);
            (TextBytes, EstimatedInputTokens, MaxOutputTokens) = (say.Length, say.Length, say.Length);
        }

        public string Say { get; }

        public override string ChoicesField => "choices";

        public override string MaxOutputField => "say";
    }

    private sealed class Exchange(Request request, IStreamForm form) : IExchange, IUpstreamRequest
    {
        public RequestFacts Facts => request;

        IUpstreamRequest IExchange.Request => this;

        public IStreamForm StreamForm => form;

        public string Format => ShoutFront.Format;

        public bool Stream => request.Stream;

        public Conversation? Converse(out ApiError error)
        {
            error = new ApiError(ErrorKind.InvalidRequest, "Nobody else shouts.");
            return null;
        }

        public IAnswerWriter OpenWriter(Call call) => throw new NotSupportedException();

        public UpstreamBody BodyFor(Route route, CostBound bound) => new(Encoding.UTF8.GetBytes(request.Say));

        public string? AddedField(Channel channel) => null;

        public StreamCodec OpenStream(Call call) => new ShoutStream(call, request);

        public IWholeCodec OpenWhole(Call call) => new WholeCodec(request);
    }

    private static Metered Counted(Request request, int output) =>
        new(new TokenUsage { UncachedInput = request.Say.Length, Output = output }, output > 0);

    private sealed class WholeCodec(Request request) : IWholeCodec
    {
        private ReadOnlyMemory<byte> _answer;

        public Metered Metered => Counted(request, _answer.Length);

        public AttemptEnd Read(ReadOnlyMemory<byte> answer)
        {
            _answer = answer;
            return AttemptEnd.Completed;
        }

        public void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos) =>
            written.Write(Encoding.UTF8.GetBytes(new JsonObject { ["said"] = Encoding.UTF8.GetString(_answer.Span) }.ToJsonString()));

        public void Dispose()
        {
        }
    }

    private sealed class ShoutStream(Call call, Request request) : StreamCodec(call)
    {
        private int _output;

        public override Metered Metered => Counted(request, _output);

        public override bool HasOutput => _output > 0;

        public override long EstimatedOutputTokens => _output;

        public override long LeastOutputTokens => _output;

        public override bool AllChoicesEnded => _output == request.Say.Length;

        public override bool HasEnded => AllChoicesEnded;

        public override long HeldBytes => 0;

        public override void WriteEnd(PooledBytes events, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos) => events.Write("data: over\n\n"u8);

        public override void Dispose()
        {
        }

        protected override AnswerRead Read(in SseEvent sseEvent, PooledBytes? events)
        {
            _output++;
            if (AllChoicesEnded)
            {
                return AnswerRead.End;
            }

            if (events is not null)
            {
                sseEvent.WriteTo(events);
            }

            return AnswerRead.Part;
        }
    }
}
