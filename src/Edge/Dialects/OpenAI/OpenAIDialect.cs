using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.OpenAI.Translation;

namespace OrleansGateway.Edge.Dialects.OpenAI;

/// <summary>What OpenAI speaks, and everybody whose endpoint is compatible with its Chat Completions.</summary>
internal sealed class OpenAIDialect : IDialect
{
    public string Kind => ProviderKinds.OpenAI;

    public string TranslatesTo => WireFormats.Chat;

    public bool Takes(string format, Channel channel) => format switch
    {
        WireFormats.Chat => true,
        WireFormats.Responses or ResponsesUpstreamRequest.CountFormat => channel.TakesResponses,
        _ => EndpointPaths.Of(format) is not null,
    };

    public IUpstreamRequest? Translate(Conversation conversation, RequestFacts facts, out ApiError error)
    {
        // Read as a client's own, so that a channel's settings apply to it.
        var body = ChatConversation.Write(conversation, facts.Model, facts.MaxOutputTokens);
        if (ChatRequest.TryRead(body, ChatRequest.MaxChoicesLimit, out var request, out var refusal))
        {
            error = default;
            return new ChatUpstreamRequest(request);
        }

        error = new ApiError(ErrorKind.InvalidRequest, refusal.Message, Code: refusal.Code);
        return null;
    }

    public IAnswerReader OpenReader() => new ChatAnswerReader(Guid.NewGuid().ToString("N"));

    public HttpRequestMessage Frame(IUpstreamRequest request, Route route, CostBound bound, BodyMemory memory)
    {
        var channel = route.Channel;
        var path = EndpointPaths.Of(request.Format) ?? PathOf(request.Format);
        var message = UpstreamMessage.Post(UrlOf(route, path), request, route, bound, memory);
        foreach (var (name, value) in HeadersOf(channel))
        {
            message.Headers.TryAddWithoutValidation(name, value);
        }

        return message;
    }

    /// <summary>What shows a provider who asks.</summary>
    public static IEnumerable<(string Name, string Value)> HeadersOf(Channel channel)
    {
        if (channel.Key is { } key)
        {
            yield return channel.Provider.Traits.KeyHeader is { } header ? (header, key.Reveal()) : ("Authorization", "Bearer " + key.Reveal());
        }

        if (channel.Organization is { } organization)
        {
            yield return ("OpenAI-Organization", organization);
        }

        if (channel.Project is { } project)
        {
            yield return ("OpenAI-Project", project);
        }
    }

    public UpstreamError ReadError(int status, ReadOnlySpan<byte> body, Channel channel) => ReadErrorOf(channel, status, body);

    /// <summary>Where an endpoint of the route's provider is.</summary>
    public static Uri UrlOf(Route route, string path)
    {
        var provider = route.Channel.Provider;
        return provider.ApiVersion is { } version
            ? UpstreamMessage.UrlOf(
                route, $"deployments/{Uri.EscapeDataString(route.UpstreamModel)}/{path}?api-version={Uri.EscapeDataString(version)}")
            : UpstreamMessage.UrlOf(route, path);
    }

    private static string PathOf(string format) => format == WireFormats.Chat ? "chat/completions" : format;

    /// <summary>Reads an error response, or with 200 an error that came as an answer.</summary>
    public static UpstreamError ReadErrorOf(Channel channel, int status, ReadOnlySpan<byte> body) => UpstreamErrors.Read(
        status, body, channel.Key?.Reveal() ?? "", channel.Provider.BaseUrl!.Host, channel.Organization ?? "", channel.Project ?? "");
}
