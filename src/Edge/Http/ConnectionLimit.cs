using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace OrleansGateway.Edge.Http;

/// <summary>
/// Closes what an address opens beyond its share of the connections, before a byte of it is served. Trusted proxies have no limit of their
/// own: all clients come through them.
/// </summary>
internal sealed class ConnectionLimit(ClientAddress addresses, EdgeMetrics metrics, IOptions<EdgeOptions> options)
{
    private readonly int _connectionsMax = options.Value.MaxConnectionsPerAddress;
    private readonly Lock _lock = new();
    private readonly Dictionary<(AddressFamily Family, ulong Bits), int> _open = [];

    public async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (connection.RemoteEndPoint is not IPEndPoint { Address: var address } || addresses.IsTrusted(address))
        {
            await next(connection);
            return;
        }

        var owner = Owner(address);
        if (!TryEnter(owner))
        {
            metrics.ConnectionRefused();
            return;
        }

        try
        {
            await next(connection);
        }
        finally
        {
            Leave(owner);
        }
    }

    /// <summary>Whose an address is: of IPv6, one customer of a network has at least 2⁶⁴ of them.</summary>
    private static (AddressFamily Family, ulong Bits) Owner(IPAddress address)
    {
        address = ClientAddress.Unmapped(address);
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        return (address.AddressFamily, address.AddressFamily == AddressFamily.InterNetwork
            ? BinaryPrimitives.ReadUInt32BigEndian(bytes)
            : BinaryPrimitives.ReadUInt64BigEndian(bytes));
    }

    private bool TryEnter((AddressFamily Family, ulong Bits) owner)
    {
        lock (_lock)
        {
            ref var open = ref CollectionsMarshal.GetValueRefOrAddDefault(_open, owner, out _);
            if (open == _connectionsMax)
            {
                return false;
            }

            open++;
            return true;
        }
    }

    private void Leave((AddressFamily Family, ulong Bits) owner)
    {
        lock (_lock)
        {
            if (--CollectionsMarshal.GetValueRefOrNullRef(_open, owner) == 0)
            {
                _open.Remove(owner);
            }
        }
    }
}
