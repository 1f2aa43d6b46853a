using System.Globalization;
using System.Text;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Dialects.Gemini;
using OrleansGateway.Edge.Fronts.Translation;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Gemini;

namespace OrleansGateway.Edge.Fronts.Gemini;

/// <summary>A request to one of the methods of Gemini's models.</summary>
internal sealed class GeminiExchange(GeminiRequest request, GeminiFront front, GeminiFraming framing) : IExchange
{
    public RequestFacts Facts => request;

    public IUpstreamRequest Request { get; } = new GeminiUpstreamRequest(request);

    public IStreamForm StreamForm { get; } = framing.IsArray ? new GeminiArrayForm(front, framing) : front;

    /// <summary>Where no provider counts as Gemini does, tokens are estimated.</summary>
    public ReadOnlyMemory<byte>? OwnAnswer(CostBound bound) =>
        request.IsFree ? Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{{\"totalTokens\":{bound.EstimatedInputTokens}}}")) : null;

    public Conversation? Converse(out ApiError error)
    {
        if (request.Method != GeminiMethod.Generate)
        {
            error = new ApiError(
                ErrorKind.InvalidRequest,
                $"{GeminiFormats.NameOf(request.Method)} is not available with the model '{request.Model}': its provider has nothing like it.",
                "model",
                "unsupported_value");
            return null;
        }

        var conversation = GeminiConversationReader.Read(request, out var refusal);
        error = conversation is null ? new ApiError(ErrorKind.InvalidRequest, refusal.Message, refusal.Field, refusal.Code) : default;
        return conversation;
    }

    public StreamCodec OpenStream(Call call) =>
        request.Method != GeminiMethod.Generate ? new TranslatedStreamCodec(call, new GeminiNumbersReader(), Writer(call))
        : request.Stream ? new GeminiStreamCodec(call, new GeminiAnswerReader(), framing, Writer(call))
        : new TranslatedStreamCodec(call, new GeminiAnswerReader { ReadsLogprobs = true }, Writer(call));

    public IWholeCodec OpenWhole(Call call) => request.Method != GeminiMethod.Generate
        ? new GeminiNumbersCodec(call, request.IsFree)
        : new GeminiWholeCodec(call, new GeminiAnswerReader(), request.Stream ? framing : null, Writer(call));

    public IAnswerWriter OpenWriter(Call call) => Writer(call);

    private GeminiAnswerWriter Writer(Call call) =>
        new(request.Stream ? framing : null, request.Model, call.Running.RequestId, call.Dialect.TranslatesTo);
}
