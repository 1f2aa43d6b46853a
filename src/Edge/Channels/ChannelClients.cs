using System.Collections.Concurrent;
using System.Net;
using System.Runtime.CompilerServices;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Edge.Channels;

/// <summary>
/// The connections to providers: one pool for each channel, so that none breaks another's requests. Nothing is followed, stored or unpacked
/// on the way.
/// </summary>
internal sealed class ChannelClients : IDisposable
{
    private readonly ConcurrentDictionary<(string Channel, string Host, int ConnectMs), HttpMessageInvoker> _invokers = new();

    /// <summary>What each version of a channel uses: found without making its key.</summary>
    private readonly ConditionalWeakTable<Channel, HttpMessageInvoker> _known = [];

    public HttpMessageInvoker For(Channel channel) => _known.GetOrAdd(channel, Find);

    public void Dispose()
    {
        foreach (var invoker in _invokers.Values)
        {
            invoker.Dispose();
        }
    }

    private HttpMessageInvoker Find(Channel channel) => _invokers.GetOrAdd(
        (channel.Name, channel.Provider.BaseUrl!.GetLeftPart(UriPartial.Authority), channel.Times.ConnectMs), static key => Make(key.ConnectMs));

    private static HttpMessageInvoker Make(int connectMs) => new(new SocketsHttpHandler
    {
        UseCookies = false,
        UseProxy = false,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ActivityHeadersPropagator = null,
        ConnectTimeout = TimeSpan.FromMilliseconds(connectMs),
        EnableMultipleHttp2Connections = true,
        MaxConnectionsPerServer = int.MaxValue,

        // A provider that moves to another address is found again.
        PooledConnectionLifetime = TimeSpan.FromMinutes(10),
        PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
        KeepAlivePingDelay = TimeSpan.FromSeconds(30),
        KeepAlivePingTimeout = TimeSpan.FromSeconds(15),
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,

        // An answer that is given up is not read to its end to save the connection.
        MaxResponseDrainSize = 0,
        ResponseDrainTimeout = TimeSpan.Zero,
    });
}
