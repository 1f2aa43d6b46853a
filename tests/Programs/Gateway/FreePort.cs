using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace OrleansGateway.Tests.Programs.Gateway;

/// <summary>
/// Free ports below those that clients get: while nobody listens on one of theirs, a client that goes on connecting to it
/// can end up connected to itself, and who is to listen there then finds it taken.
/// </summary>
internal static class FreePort
{
    private static readonly ConcurrentDictionary<int, bool> Given = [];

    /// <summary>One that was not given before.</summary>
    public static int Next()
    {
        while (true)
        {
            var port = Random.Shared.Next(20_000, 32_000);
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
            }
            catch (SocketException)
            {
                continue;
            }

            if (Given.TryAdd(port, true))
            {
                return port;
            }
        }
    }

    /// <summary>An address with one.</summary>
    public static string Address() => $"http://127.0.0.1:{Next()}";
}
