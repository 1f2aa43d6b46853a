using System.Buffers.Binary;
using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Edge.Channels;

/// <summary>Chooses the channel for a request's next attempt: by priority, then among equals by what it has in common with others, or by weight.</summary>
internal sealed class ChannelChoice(ChannelHealth health, RandomSource random)
{
    /// <summary>The most routes of a model that are looked at.</summary>
    public const int RoutesMax = 64;

    /// <summary>The next route to try, or null when none is left.</summary>
    /// <param name="routes">By priority, as the catalog lists them.</param>
    /// <param name="tried">A bit for each route that was tried already; the chosen one's is set.</param>
    /// <param name="retryAfterMs">With null: until the first resting channel can be tried again, ms; 0 when there is none.</param>
    /// <param name="affinity">As of <see cref="Affinity.Of"/>.</param>
    /// <param name="preferred">The channel that is chosen before all others while it does not rest; null for none.</param>
    public Route? Next(ImmutableArray<Route> routes, ref ulong tried, out long retryAfterMs, ulong affinity = 0, string? preferred = null)
    {
        var skipped = tried;
        retryAfterMs = 0;
        while (Choose(routes, skipped, affinity, preferred) is var chosen and >= 0)
        {
            if (health.TryBegin(routes[chosen]))
            {
                tried |= 1UL << chosen;
                return routes[chosen];
            }

            // Another request tries it at this moment.
            skipped |= 1UL << chosen;
        }

        // Rather a channel that rests than none: the one whose rest is over first.
        if (LeastBad(routes, tried, out retryAfterMs) is var rested and >= 0)
        {
            tried |= 1UL << rested;
            return routes[rested];
        }

        return null;
    }

    private int Choose(ImmutableArray<Route> routes, ulong skipped, ulong affinity, string? preferred)
    {
        for (var i = 0; preferred is not null && i < Math.Min(routes.Length, RoutesMax); i++)
        {
            if (routes[i].Channel.Name == preferred && MayBegin(routes[i], i, skipped))
            {
                return i;
            }
        }

        var (chosen, chosenPriority, weights, best) = (-1, 0, 0L, 0.0);
        for (var i = 0; i < Math.Min(routes.Length, RoutesMax); i++)
        {
            var channel = routes[i].Channel;
            if (!MayBegin(routes[i], i, skipped))
            {
                continue;
            }

            if (chosen >= 0 && channel.Priority != chosenPriority)
            {
                break;
            }

            if (affinity != 0)
            {
                var score = Affinity.ScoreOf(affinity, channel.Name, channel.Weight);
                (chosen, chosenPriority, best) = chosen < 0 || score > best ? (i, channel.Priority, score) : (chosen, chosenPriority, best);
                continue;
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

    private bool MayBegin(Route route, int index, ulong skipped) =>
        (skipped & (1UL << index)) == 0 && health.StateOf(route, out _) is not (RouteState.Resting or RouteState.Refused);

    private int LeastBad(ImmutableArray<Route> routes, ulong tried, out long restMs)
    {
        var (best, bestMs) = (-1, long.MaxValue);
        restMs = 0;
        for (var i = 0; i < Math.Min(routes.Length, RoutesMax); i++)
        {
            if ((tried & (1UL << i)) != 0)
            {
                continue;
            }

            var state = health.StateOf(routes[i], out var ms);
            if (state == RouteState.Refused)
            {
                restMs = restMs == 0 ? ms : Math.Min(restMs, ms);
            }
            else if (ms < bestMs)
            {
                (best, bestMs) = (i, ms);
            }
        }

        return best;
    }

    private long Draw(long below)
    {
        Span<byte> bytes = stackalloc byte[8];
        random.Fill(bytes);
        return below <= 0 ? 0 : (long)(BinaryPrimitives.ReadUInt64LittleEndian(bytes) % (ulong)below);
    }
}
