using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>How a provider is spoken to that shouts.</summary>
internal sealed class ShoutDialect : IDialect
{
    public string Kind => "shout";

    public string TranslatesTo => ShoutFront.Format;

    public bool Takes(string format, Channel channel) => format == ShoutFront.Format;

    public IUpstreamRequest? Translate(Conversation conversation, RequestFacts facts, out ApiError error) => throw new NotSupportedException();

    public IAnswerReader OpenReader() => throw new NotSupportedException();

    public HttpRequestMessage Frame(IUpstreamRequest request, Route route, CostBound bound, BodyMemory memory) =>
        new(HttpMethod.Post, new Uri(route.Channel.Provider.BaseUrl!, request.Stream ? "letters" : "words"))
        {
            Content = new BodyContent(request.BodyFor(route, bound), memory),
        };

    public UpstreamError ReadError(int status, ReadOnlySpan<byte> body, Channel channel) => new(UpstreamFailure.BadRequest, status, "It is hoarse.");
}
