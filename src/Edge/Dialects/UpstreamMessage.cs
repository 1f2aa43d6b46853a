using System.Collections.Concurrent;
using System.Net;
using System.Runtime.CompilerServices;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Edge.Dialects;

/// <summary>What requests to all providers have in common.</summary>
internal static class UpstreamMessage
{
    /// <summary>By their base, whose catalog is not used for ever, the places that requests go to.</summary>
    private static readonly ConditionalWeakTable<Uri, ConcurrentDictionary<string, Uri>> Urls = [];

    /// <summary>A place of a route's provider. It is kept for the next request, so it is one of few.</summary>
    /// <param name="path">Below the provider's base.</param>
    public static Uri UrlOf(Route route, string path)
    {
        var url = route.Channel.Provider.BaseUrl!;
        var known = Urls.GetOrAdd(url, static _ => new ConcurrentDictionary<string, Uri>(StringComparer.Ordinal));
        return known.TryGetValue(path, out var place) ? place : known.GetOrAdd(path, new Uri(url, path));
    }

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
