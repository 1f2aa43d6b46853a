using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Fronts.Translation;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Anthropic;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Edge.Fronts.Anthropic;

/// <summary>A Messages request.</summary>
internal sealed class MessagesExchange(MessagesRequest request, IUpstreamRequest upstream, IFront front) : IExchange
{
    public RequestFacts Facts => request;

    public IUpstreamRequest Request => upstream;

    public IStreamForm StreamForm => front;

    public Conversation? Converse(out ApiError error)
    {
        if (MessagesParser.TryParse(request.Body, out var conversation, out var wrong))
        {
            error = default;
            return conversation;
        }

        error = new ApiError(ErrorKind.InvalidRequest, wrong.Message, wrong.Param, wrong.Code);
        return null;
    }

    public StreamCodec OpenStream(Call call) => request.Stream
        ? new MessagesStreamCodec(call, NewReader(), request.Model)
        : new TranslatedStreamCodec(call, NewReader(), OpenWriter(call));

    public IWholeCodec OpenWhole(Call call) => request.Stream
        ? new TranslatedWholeCodec(call, NewReader(), OpenWriter(call))
        : new MessagesWholeCodec(call, NewReader());

    public IAnswerWriter OpenWriter(Call call) => new MessagesWriter(
        request.Model, IdOf(call), request.Stream, call.IsOwnProtocol ? WireFormats.Messages : call.Dialect.TranslatesTo, call.Bound.EstimatedInputTokens);

    /// <summary>The id of an answer that has none of its provider.</summary>
    public static string IdOf(Call call) => "msg_" + call.Running.RequestId;

    private MessagesReader NewReader() => new(request.AsksSpeed);
}
