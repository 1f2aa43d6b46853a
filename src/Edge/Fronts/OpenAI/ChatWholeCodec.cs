using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Metering;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A Chat Completions answer of a provider that speaks the same: it passes through, changed only where it must be.</summary>
internal sealed class ChatWholeCodec(Call call) : IWholeCodec
{
    private ChatResponse _response;
    private string? _tier;

    public Metered Metered => new(_response.Usage(call.Bound.EstimatedInputTokens), _response.HasOutput, _tier);

    public AttemptEnd Read(ReadOnlySpan<byte> answer)
    {
        _response = ChatResponse.Read(answer);
        _tier = _response.ServiceTier(answer);
        return _response.Kind switch
        {
            ChatPayloadKind.Choices => AttemptEnd.Completed,
            ChatPayloadKind.Error => AttemptEnd.Failed(OpenAIDialect.ReadErrorOf(call.Route!.Channel, 200, answer)),
            _ => AttemptEnd.Unreadable,
        };
    }

    public ReadOnlyMemory<byte> Write(ReadOnlyMemory<byte> answer, in TokenUsage usage, long chargedNanos, PooledBytes edited)
    {
        var edits = ChatEdits.Of(call.Facts.Model);
        using var usageJson = new PooledBytes(256);
        long? cost = call.Admitted.ShowCost ? chargedNanos : null;
        if (_response.Reported is not null && (cost is not null || usage.IsEstimated || ChatUsageJson.TellsCost(_response.UsageJson(answer.Span))))
        {
            if (usage.IsEstimated)
            {
                ChatUsageJson.Write(usageJson, usage, cost);
            }
            else
            {
                ChatUsageJson.Write(usageJson, _response.UsageJson(answer.Span), cost);
            }

            edits = edits with { Usage = UsageEdit.Replace, UsageJson = usageJson.Memory };
        }

        _response.WriteTo(edited, answer.Span, edits);
        return edited.Memory;
    }
}
