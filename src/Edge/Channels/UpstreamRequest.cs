using System.Net;
using System.Net.Http.Headers;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Channels;

/// <summary>Frames the request to a provider afresh: nothing of the client's headers is in it.</summary>
internal static class UpstreamRequest
{
    private static readonly MediaTypeHeaderValue Json = new("application/json");

    /// <param name="body">What is sent.</param>
    /// <param name="memory">What the body is in.</param>
    public static HttpRequestMessage Make(Route route, UpstreamBody body, BodyMemory memory, bool isStream)
    {
        var channel = route.Channel;
        var url = new Uri(channel.Provider.BaseUrl!, "chat/completions");
        var request = new HttpRequestMessage(HttpMethod.Post, url)
        {
            Content = new BodyContent(body, memory),
            Version = url.Scheme == Uri.UriSchemeHttps ? HttpVersion.Version20 : HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        request.Content.Headers.ContentType = Json;
        var headers = request.Headers;
        headers.TryAddWithoutValidation("Accept", isStream ? "text/event-stream" : "application/json");
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

    /// <summary>
    /// The pieces of a body, written one after another without being joined. Over HTTP/2 a provider may answer, and the request may
    /// end, while they are on their way: their memory is kept until the writing is over, and disposing of the content ends it.
    /// </summary>
    private sealed class BodyContent(UpstreamBody body, BodyMemory memory) : HttpContent
    {
        private readonly CancellationTokenSource _over = new();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            if (!memory.TryKeep())
            {
                throw new IOException("The request is over.");
            }

            try
            {
                using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _over.Token);
                foreach (var segment in body.Segments)
                {
                    await stream.WriteAsync(segment, ended.Token);
                }
            }
            finally
            {
                memory.Release();
            }
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override bool TryComputeLength(out long length)
        {
            length = body.Length;
            return true;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _over.Cancel();
                _over.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
