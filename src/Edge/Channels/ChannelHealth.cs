using System.Collections.Concurrent;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Edge.Channels;

/// <summary>
/// Which channels rest, by name. A short rest only puts a channel behind the others; one that the provider asked for, or that
/// waiting will not cure soon, takes it out until it is over. A channel whose key the catalog changed starts afresh.
/// </summary>
internal sealed class ChannelHealth(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, Rest> _rests = new(StringComparer.Ordinal);

    /// <summary>Lets a channel rest.</summary>
    /// <param name="isFirm">Whether the channel is not even tried when there is no other.</param>
    public void LetRest(Channel channel, long ms, bool isFirm)
    {
        if (ms > 0)
        {
            _rests[channel.Name] = new Rest(channel.Key, time.GetUtcNow().AddMilliseconds(ms), isFirm);
        }
    }

    /// <summary>Ends a rest: the channel has answered.</summary>
    public void Recovered(Channel channel)
    {
        if (!_rests.IsEmpty)
        {
            _rests.TryRemove(channel.Name, out _);
        }
    }

    /// <summary>How long a channel rests yet, ms; 0 when it does not.</summary>
    public long RestsForMs(Channel channel, out bool isFirm)
    {
        isFirm = false;
        if (_rests.IsEmpty || !_rests.TryGetValue(channel.Name, out var rest))
        {
            return 0;
        }

        var ms = (long)Math.Ceiling((rest.Until - time.GetUtcNow()).TotalMilliseconds);
        if (ms <= 0 || !ReferenceEquals(rest.Key, channel.Key))
        {
            _rests.TryRemove(KeyValuePair.Create(channel.Name, rest));
            return 0;
        }

        isFirm = rest.IsFirm;
        return ms;
    }

    private sealed record Rest(ProviderKey? Key, DateTimeOffset Until, bool IsFirm);
}
