using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI.Responses;

namespace OrleansGateway.Edge.Dialects.OpenAI;

/// <summary>A Responses request on its way to providers that take them.</summary>
internal sealed class ResponsesUpstreamRequest : IUpstreamRequest
{
    private readonly ResponsesRequest _request;
    private readonly DroppedFields<ResponsesRequest> _dropped;

    public ResponsesUpstreamRequest(ResponsesRequest request)
    {
        // Nobody else can read what another provider has signed.
        var sent = request.HasForeignReasoning ? Read(request.WithoutReasoning(isSealed: false), request.IsFree) : request;
        _request = request;
        (Format, Stream) = (request.IsFree ? CountFormat : WireFormats.Responses, request.Stream);
        _dropped = new(sent, sent.Body, body => Read(body, request.IsFree));
    }

    /// <summary>The format of a request whose input is only to be counted.</summary>
    public const string CountFormat = WireFormats.Responses + "/input_tokens";

    public string Format { get; }

    public bool Stream { get; }

    public UpstreamBody BodyFor(Route route, CostBound bound) =>
        _dropped.For(route.Channel, bound).ForUpstream(route.UpstreamModel, bound.LoweredCap, bound.Searches);

    public string? AddedField(Channel channel) => null;

    public IUpstreamRequest? WithoutWhatIsSealed(in UpstreamError refusal) =>
        refusal.Code == "invalid_encrypted_content" && _request.HasSealedReasoning
            ? new ResponsesUpstreamRequest(Read(_request.WithoutReasoning(isSealed: true), _request.IsFree))
            : null;

    private static ResponsesRequest Read(ReadOnlyMemory<byte> body, bool isCount) => ResponsesRequest.TryRead(body, isCount, out var read, out var error)
        ? read
        : throw new InvalidOperationException($"The request cannot be read without what it can be sent without: {error.Code}.");
}
