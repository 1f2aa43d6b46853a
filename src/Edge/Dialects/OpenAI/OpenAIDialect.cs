using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Dialects.OpenAI;

/// <summary>What OpenAI speaks, and everybody whose endpoint is compatible with its Chat Completions.</summary>
internal sealed class OpenAIDialect : IDialect
{
    public string Kind => ProviderKinds.OpenAI;

    public string TranslatesTo => WireFormats.Chat;

    public bool Takes(string format, Channel channel) => format == WireFormats.Chat || EndpointPaths.Of(format) is not null;

    public IUpstreamRequest? Translate(Conversation conversation, RequestFacts facts, out ApiError error) => throw new NotImplementedException();

    public IAnswerReader OpenReader() => throw new NotImplementedException();

    public HttpRequestMessage Frame(IUpstreamRequest request, Route route, CostBound bound, BodyMemory memory)
    {
        var channel = route.Channel;
        var message = UpstreamMessage.Post(new Uri(channel.Provider.BaseUrl!, EndpointPaths.Of(request.Format) ?? "chat/completions"), request, route, bound, memory);
        if (channel.Key is { } key)
        {
            message.Headers.TryAddWithoutValidation("Authorization", "Bearer " + key.Reveal());
        }

        if (channel.Organization is { } organization)
        {
            message.Headers.TryAddWithoutValidation("OpenAI-Organization", organization);
        }

        if (channel.Project is { } project)
        {
            message.Headers.TryAddWithoutValidation("OpenAI-Project", project);
        }

        return message;
    }

    public UpstreamError ReadError(int status, ReadOnlySpan<byte> body, Channel channel) => ReadErrorOf(channel, status, body);

    /// <summary>Reads an error response, or with 200 an error that came as an answer.</summary>
    public static UpstreamError ReadErrorOf(Channel channel, int status, ReadOnlySpan<byte> body) => UpstreamErrors.Read(
        status, body, channel.Key?.Reveal() ?? "", channel.Provider.BaseUrl!.Host, channel.Organization ?? "", channel.Project ?? "");
}
