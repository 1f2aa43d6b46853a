using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;

namespace OrleansGateway.Edge.Http;

/// <summary>
/// Finds a client's address. <c>X-Forwarded-For</c> is believed only as far as configured proxies vouch for it: read from
/// the right, the first address that is not one of them is the client's.
/// </summary>
internal sealed class ClientAddress(IEnumerable<string> trustedProxies)
{
    private readonly IPNetwork[] _trusted = [.. trustedProxies.Select(Network)];

    public string Of(HttpContext context)
    {
        var address = Unmapped(context.Connection.RemoteIpAddress ?? IPAddress.None);
        if (_trusted.Length == 0 || !IsTrusted(address))
        {
            return address.ToString();
        }

        var hops = context.Request.Headers["X-Forwarded-For"].ToString();
        for (var end = hops.Length; end > 0;)
        {
            var start = hops.LastIndexOf(',', end - 1) + 1;
            if (!TryParse(hops.AsSpan(start, end - start).Trim(), out var hop))
            {
                break;
            }

            address = hop;
            if (!IsTrusted(address))
            {
                break;
            }

            end = start - 1;
        }

        return address.ToString();
    }

    /// <summary>Whether it is a proxy's.</summary>
    public bool IsTrusted(IPAddress address)
    {
        address = Unmapped(address);
        foreach (var network in _trusted)
        {
            if (network.Contains(address))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>An IPv4 address as itself, however a socket of both kinds wrote it.</summary>
    public static IPAddress Unmapped(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private static IPNetwork Network(string text) =>
        IPNetwork.TryParse(text, out var network) ? network : Single(IPAddress.Parse(text));

    private static IPNetwork Single(IPAddress address) =>
        new(address, address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128);

    /// <summary>Reads an address, with or without a port.</summary>
    private static bool TryParse(ReadOnlySpan<char> text, out IPAddress address)
    {
        address = IPAddress.None;
        if (!IPEndPoint.TryParse(text, out var endPoint))
        {
            return false;
        }

        address = Unmapped(endPoint.Address);
        return true;
    }
}
