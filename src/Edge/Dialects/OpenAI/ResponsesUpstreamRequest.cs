using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI.Responses;

namespace OrleansGateway.Edge.Dialects.OpenAI;

/// <summary>A Responses request on its way to providers that take them.</summary>
internal sealed class ResponsesUpstreamRequest(ResponsesRequest request) : IUpstreamRequest
{
    /// <summary>The format of a request whose input is only to be counted.</summary>
    public const string CountFormat = WireFormats.Responses + "/input_tokens";

    public string Format => request.IsFree ? CountFormat : WireFormats.Responses;

    public bool Stream => request.Stream;

    public UpstreamBody BodyFor(Route route, CostBound bound)
    {
        var sent = request.HasForeignReasoning ? request.WithoutReasoning(isSealed: false) : request;
        var tools = bound.Unpriced.Where(static field => field.Field == "tools").Select(static field => field.Value).ToHashSet(StringComparer.Ordinal);
        var fields = bound.Unpriced.Where(static field => field.Field != "tools").Select(static field => field.Field).Concat(route.Channel.DropParams)
            .ToHashSet(StringComparer.Ordinal);
        sent = tools.Count > 0 ? sent.WithoutTools(tools) : sent;
        sent = fields.Count > 0 ? sent.Without(fields) : sent;
        return sent.ForUpstream(route.UpstreamModel, bound.LoweredCap);
    }

    public string? AddedField(Channel channel) => null;

    public IUpstreamRequest? WithoutWhatIsSealed(in UpstreamError refusal) =>
        refusal.Code == "invalid_encrypted_content" && request.HasSealedReasoning
            ? new ResponsesUpstreamRequest(request.WithoutReasoning(isSealed: true))
            : null;
}
