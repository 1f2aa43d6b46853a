using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A whole answer for a client that asked for one: it passes through, changed only where it must be.</summary>
internal sealed class ChatWholeCodec(Call call, ChatRequest request) : IWholeCodec
{
    private readonly PooledBytes _mended = new(0);
    private readonly PooledBytes _sealed = new(0);
    private ReadOnlyMemory<byte> _answer;
    private ChatResponse _response;
    private string? _tier;

    public Metered Metered => new(
        WithSearches(call, request, _response.Usage(call.Bound.EstimatedInputTokens), _response.SearchCalls), _response.HasOutput, _tier);

    public bool MayGoOn => !call.Facts.HasAudioOutput && call.Route!.Channel is var channel
        && !(channel.Mend && call.Facts.ToolCount > 0) && !channel.Provider.Traits.HasOwnFinishReasons;

    /// <summary>
    /// The usage with the searches that were called for, which no usage object tells of. Where another tool may have searched and its provider does
    /// not tell how often, once besides.
    /// </summary>
    public static TokenUsage WithSearches(Call call, ChatRequest request, in TokenUsage usage, int calls) =>
        request.SearchesByCall ? usage with { Searches = (usage.Searches ?? Math.Min(call.Bound.Searches, 1)) + calls } : usage;

    public AttemptEnd Read(ReadOnlyMemory<byte> answer)
    {
        var isMended = call.Route!.Channel.Mend && new ChatMender(call.Running.RequestId).Mend(answer.Span, _mended);
        _answer = isMended ? _mended.Memory : answer;
        if (request.HasAudioOutput && ChatSounds.Replace(_answer.Span, call.SealId, _sealed))
        {
            _answer = _sealed.Memory;
        }

        _response = ChatResponse.Read(_answer.Span);
        _tier = _response.ServiceTier(_answer.Span);
        return _response.Kind switch
        {
            ChatPayloadKind.Choices => AttemptEnd.Completed,
            ChatPayloadKind.Error => AttemptEnd.Failed(OpenAIDialect.ReadErrorOf(call.Route!.Channel, 200, answer.Span)),
            _ => AttemptEnd.Unreadable,
        };
    }

    public void Write(PooledBytes written, AttemptOutcome outcome, in TokenUsage usage, long chargedNanos)
    {
        var edits = ChatEdits.Of(call.Facts.Model);
        using var usageJson = new PooledBytes(256);
        var cost = call.ShownCost(chargedNanos);
        var isOurs = _response.Reported is null || usage.IsEstimated || !ChatUsageJson.IsOne(_response.UsageJson(_answer.Span));
        if (isOurs || cost is not null || UsageCost.IsTold(_response.UsageJson(_answer.Span)))
        {
            if (isOurs)
            {
                ChatUsageJson.Write(usageJson, usage, cost);
            }
            else
            {
                UsageCost.Write(usageJson, _response.UsageJson(_answer.Span), cost);
            }

            edits = edits with { Usage = UsageEdit.Replace, UsageJson = usageJson.Memory };
        }

        _response.WriteTo(written, _answer.Span, edits);
    }

    public void Dispose()
    {
        _mended.Dispose();
        _sealed.Dispose();
    }
}
