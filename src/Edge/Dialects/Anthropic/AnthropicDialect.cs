using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Anthropic;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Dialects.Anthropic;

/// <summary>What Anthropic speaks, and everybody whose endpoint is compatible with its Messages.</summary>
internal sealed class AnthropicDialect : IDialect
{
    public const string VersionHeader = "anthropic-version";

    /// <summary>A format that this dialect shares with its front: a request whose tokens are to be counted.</summary>
    public const string CountFormat = "messages/count_tokens";

    private const string VersionDefault = "2023-06-01";

    public string Kind => ProviderKinds.Anthropic;

    public string TranslatesTo => WireFormats.Messages;

    public bool Takes(string format, Channel channel) => format is WireFormats.Messages or CountFormat;

    public IUpstreamRequest? Translate(Conversation conversation, RequestFacts facts, out ApiError error)
    {
        if (MessagesBody.Refuse(conversation) is { } wrong)
        {
            error = new ApiError(ErrorKind.InvalidRequest, wrong, null, "unsupported_value");
            return null;
        }

        error = default;
        return new TranslatedMessages(conversation, facts);
    }

    public IAnswerReader OpenReader() => new MessagesReader();

    public HttpRequestMessage Frame(IUpstreamRequest request, Route route, CostBound bound, BodyMemory memory)
    {
        var channel = route.Channel;
        var message = UpstreamMessage.Post(UrlOf(route, request.Format), request, route, bound, memory);
        if (!message.Headers.Contains(VersionHeader))
        {
            message.Headers.TryAddWithoutValidation(VersionHeader, VersionDefault);
        }

        if (channel.Key?.Reveal() is { } key)
        {
            // A token of a subscription goes another way than a key.
            var (name, value) = key.StartsWith("sk-ant-oat", StringComparison.Ordinal) ? ("Authorization", "Bearer " + key) : ("x-api-key", key);
            message.Headers.TryAddWithoutValidation(name, value);
        }

        return message;
    }

    public UpstreamError ReadError(int status, ReadOnlySpan<byte> body, Channel channel)
    {
        var error = UpstreamErrors.Read(status, body, channel.Key?.Reveal() ?? "", channel.Provider.BaseUrl!.Host);
        if (error.Status != 400 || error.Message is not { } message)
        {
            return error;
        }

        // Only a message's start is the provider's own: further on it may quote the client.
        return message.StartsWith("You have reached your specified API usage limits", StringComparison.OrdinalIgnoreCase)
                ? error with { Failure = UpstreamFailure.OutOfFunds, IsNamed = true }
            : message.StartsWith("prompt is too long", StringComparison.OrdinalIgnoreCase)
                ? error with { Code = "context_length_exceeded" }
            : error;
    }

    /// <summary>The address that a base address stands for: with or without its version.</summary>
    private static Uri UrlOf(Route route, string format) => UpstreamMessage.UrlOf(
        route,
        (route.Channel.Provider.BaseUrl!.AbsolutePath.EndsWith("/v1/", StringComparison.Ordinal) ? "" : "v1/") + (format == CountFormat ? CountFormat : "messages"));
}
