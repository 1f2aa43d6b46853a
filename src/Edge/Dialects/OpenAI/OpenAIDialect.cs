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
        var message = UpstreamMessage.Post(new Uri(channel.Provider.BaseUrl!, path), request, route, bound, memory);
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

    private static string PathOf(string format) => format == WireFormats.Chat ? "chat/completions" : format;

    /// <summary>Reads an error response, or with 200 an error that came as an answer.</summary>
    public static UpstreamError ReadErrorOf(Channel channel, int status, ReadOnlySpan<byte> body) => UpstreamErrors.Read(
        status, body, channel.Key?.Reveal() ?? "", channel.Provider.BaseUrl!.Host, channel.Organization ?? "", channel.Project ?? "");
}
