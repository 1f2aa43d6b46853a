using System.Net;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Edge.Dialects;

/// <summary>What requests to all providers have in common.</summary>
internal static class UpstreamMessage
{
    /// <summary>A request with its body and its own headers, without the channel's key.</summary>
    public static HttpRequestMessage Post(Uri url, IUpstreamRequest request, Route route, CostBound bound, BodyMemory memory)
    {
        var message = new HttpRequestMessage(HttpMethod.Post, url)
        {
            Content = new BodyContent(request.BodyFor(route, bound), memory),
            Version = url.Scheme == Uri.UriSchemeHttps ? HttpVersion.Version20 : HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        message.Content.Headers.TryAddWithoutValidation("Content-Type", request.ContentType);
        message.Headers.TryAddWithoutValidation("Accept", request.Accept);
        message.Headers.TryAddWithoutValidation("User-Agent", "OrleansGateway");
        foreach (var (name, value) in request.HeadersFor(bound))
        {
            message.Headers.TryAddWithoutValidation(name, value);
        }

        return message;
    }
}
