using System.Net;
using System.Net.Http.Headers;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Dialects.OpenAI;

/// <summary>What OpenAI speaks, and everybody whose endpoint is compatible with its Chat Completions.</summary>
internal sealed class OpenAIDialect : IDialect
{
    private static readonly MediaTypeHeaderValue Json = new("application/json");

    public string Kind => ProviderKinds.OpenAI;

    public HttpRequestMessage Frame(IExchange exchange, Route route, CostBound bound, BodyMemory memory)
    {
        var channel = route.Channel;
        var url = new Uri(channel.Provider.BaseUrl!, "chat/completions");
        var request = new HttpRequestMessage(HttpMethod.Post, url)
        {
            Content = new BodyContent(exchange.BodyFor(route, bound), memory),
            Version = url.Scheme == Uri.UriSchemeHttps ? HttpVersion.Version20 : HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        request.Content.Headers.ContentType = Json;
        var headers = request.Headers;
        headers.TryAddWithoutValidation("Accept", exchange.Facts.Stream ? "text/event-stream" : "application/json");
        headers.TryAddWithoutValidation("User-Agent", "OrleansGateway");
        if (channel.Key is { } key)
        {
            headers.TryAddWithoutValidation("Authorization", "Bearer " + key.Reveal());
        }

        if (channel.Organization is { } organization)
        {
            headers.TryAddWithoutValidation("OpenAI-Organization", organization);
        }

        if (channel.Project is { } project)
        {
            headers.TryAddWithoutValidation("OpenAI-Project", project);
        }

        return request;
    }

    public UpstreamError ReadError(int status, ReadOnlySpan<byte> body, Channel channel) => ReadErrorOf(channel, status, body);

    /// <summary>Reads an error response, or with 200 an error that came as an answer.</summary>
    public static UpstreamError ReadErrorOf(Channel channel, int status, ReadOnlySpan<byte> body) => UpstreamErrors.Read(
        status, body, channel.Key?.Reveal() ?? "", channel.Provider.BaseUrl!.Host, channel.Organization ?? "", channel.Project ?? "");
}
