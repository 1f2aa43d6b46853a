using System.Buffers.Binary;
using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Edge.Channels;

/// <summary>Chooses the channel for a request's next attempt: by priority, then by weight among equals.</summary>
internal sealed class ChannelChoice(ChannelHealth health, RandomSource random)
{
    /// <summary>The next route to try, or null when none is left.</summary>
    /// <param name="routes">By priority, as the catalog lists them.</param>
    /// <param name="tried">A bit for each route that was tried already; the chosen one's is set.</param>
    /// <param name="retryAfterMs">With null: until the first resting channel can be tried again, ms; 0 when there is none.</param>
    public Route? Next(ImmutableArray<Route> routes, ref ulong tried, out long retryAfterMs)
    {
        var chosen = Choose(routes, tried, resting: false, out retryAfterMs);
        if (chosen < 0)
        {
            // Rather a channel that failed a moment ago than none.
            chosen = Choose(routes, tried, resting: true, out _);
        }

        if (chosen < 0)
        {
            return null;
        }

        tried |= 1UL << chosen;
        return routes[chosen];
    }

    private int Choose(ImmutableArray<Route> routes, ulong tried, bool resting, out long retryAfterMs)
    {
        retryAfterMs = 0;
        var (chosen, chosenPriority, weights) = (-1, 0, 0L);
        for (var i = 0; i < Math.Min(routes.Length, 64); i++)
        {
            var channel = routes[i].Channel;
            if ((tried & (1UL << i)) != 0)
            {
                continue;
            }

            var restMs = health.RestsForMs(channel, out var isFirm);
            if (restMs > 0 && (!resting || isFirm))
            {
                retryAfterMs = retryAfterMs == 0 ? restMs : Math.Min(retryAfterMs, restMs);
                continue;
            }

            if (chosen >= 0 && channel.Priority != chosenPriority)
            {
                break;
            }

            // Each further candidate takes the place with the share of its weight: fair to all of them in one pass.
            weights += channel.Weight;
            if (chosen < 0 || Draw(weights) < channel.Weight)
            {
                (chosen, chosenPriority) = (i, channel.Priority);
            }
        }

        return chosen;
    }

    private long Draw(long below)
    {
        Span<byte> bytes = stackalloc byte[8];
        random.Fill(bytes);
        return below <= 0 ? 0 : (long)(BinaryPrimitives.ReadUInt64LittleEndian(bytes) % (ulong)below);
    }
}
