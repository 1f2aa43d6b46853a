using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Gemini;

namespace OrleansGateway.Edge.Dialects.Gemini;

/// <summary>What Google speaks: generateContent and its siblings.</summary>
internal sealed class GeminiDialect : IDialect
{
    public string Kind => ProviderKinds.Gemini;

    public string TranslatesTo => WireFormats.Gemini;

    public bool Takes(string format, Channel channel) => GeminiFormats.Has(format);

    public IUpstreamRequest? Translate(Conversation conversation, RequestFacts facts, out ApiError error)
    {
        error = default;
        if (GeminiConversationWriter.Check(conversation) is not { } refusal)
        {
            return new GeminiTranslatedRequest(conversation, facts);
        }

        error = new ApiError(ErrorKind.InvalidRequest, refusal.Message, refusal.Field, refusal.Code);
        return null;
    }

    public IAnswerReader OpenReader() => new GeminiAnswerReader(failsWithoutOutput: true) { ReadsLogprobs = true };

    public HttpRequestMessage Frame(IUpstreamRequest request, Route route, CostBound bound, BodyMemory memory)
    {
        var model = string.Join('/', GeminiRequest.PathOf(route.UpstreamModel).Split('/').Select(Uri.EscapeDataString));
        var url = UpstreamMessage.UrlOf(route, $"{model}:{GeminiFormats.ActionOf(request)}");
        var message = UpstreamMessage.Post(url, request, route, bound, memory);
        if (route.Channel.Key is { } key)
        {
            message.Headers.TryAddWithoutValidation("x-goog-api-key", key.Reveal());
        }

        return message;
    }

    public UpstreamError ReadError(int status, ReadOnlySpan<byte> body, Channel channel) =>
        GeminiErrors.Read(status, body, channel.Key?.Reveal() ?? "", channel.Provider.BaseUrl!.Host);
}
