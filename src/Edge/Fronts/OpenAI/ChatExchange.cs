using System.Collections.Immutable;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Fronts.OpenAI;

/// <summary>A Chat Completions request.</summary>
internal sealed class ChatExchange(ChatRequest request) : IExchange
{
    /// <summary>The request as channels get it that drop some of its fields.</summary>
    private readonly List<(ImmutableArray<string> Names, ChatRequest Request)> _without = [];

    public RequestFacts Facts => request;

    public UpstreamBody BodyFor(Route route, CostBound bound) => RequestFor(route.Channel).ForUpstream(new UpstreamChanges
    {
        Model = route.UpstreamModel,
        MaxOutputTokens = bound.LoweredCap,
        OutputLimitField = route.Channel.MaxTokensField switch
        {
            MaxTokensField.MaxTokens => OutputLimitField.MaxTokens,
            MaxTokensField.MaxCompletionTokens => OutputLimitField.MaxCompletionTokens,
            _ => OutputLimitField.None,
        },
        WithoutStreamOptions = !route.Channel.SupportsStreamUsage,
    });

    public IStreamCodec OpenStream(Call call) => new ChatStreamCodec(call, request);

    public IWholeCodec OpenWhole(Call call) => new ChatWholeCodec(call);

    private ChatRequest RequestFor(Channel channel)
    {
        if (channel.DropParams.IsEmpty)
        {
            return request;
        }

        foreach (var (names, made) in _without)
        {
            if (names.SequenceEqual(channel.DropParams))
            {
                return made;
            }
        }

        _without.Add((channel.DropParams, request.Without(channel.DropParams)));
        return _without[^1].Request;
    }
}
