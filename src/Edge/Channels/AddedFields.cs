using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Edge.Channels;

/// <summary>
/// Remembers which channels refuse what the gateway itself puts into requests, the wish for a stream's usage, and tells the operator of each
/// once. Another version of the catalog makes channels that are asked anew.
/// </summary>
internal sealed partial class AddedFields(ILogger<AddedFields> logger)
{
    private readonly ConcurrentDictionary<string, Channel> _refusing = new();

    /// <summary>Whether there has ever been one: a dictionary is slow to say that it is empty.</summary>
    private volatile bool _hasRefusing;

    /// <summary>The route for a request's next try: without what its channel is known to refuse.</summary>
    public Route RouteFor(Route route) =>
        _hasRefusing && _refusing.TryGetValue(route.Channel.Name, out var channel) && ReferenceEquals(channel, route.Channel) ? Without(route) : route;

    /// <summary>The same route to a channel that is not sent what only we want.</summary>
    public static Route Without(Route route) => route with { Channel = route.Channel with { SupportsStreamUsage = false } };

    /// <summary>A channel has refused a request with the field, and answered the same request without it.</summary>
    public void Refused(Route route, string field)
    {
        _hasRefusing = true;
        var (name, channel) = (route.Channel.Name, route.Channel);
        var isNew = _refusing.TryGetValue(name, out var before)
            ? !ReferenceEquals(before, channel) && _refusing.TryUpdate(name, channel, before)
            : _refusing.TryAdd(name, channel);
        if (isNew)
        {
            LogRefused(logger, name, field);
        }
    }

    [LoggerMessage(
        1210,
        LogLevel.Warning,
        "Channel {Channel} refuses {Field}: its streams are asked for without it, and metered where they tell no usage. If it stays so, set supports_stream_usage to false")]
    private static partial void LogRefused(ILogger logger, string channel, string field);
}
