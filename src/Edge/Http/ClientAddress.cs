using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.HttpOverrides;
using IPNetwork = System.Net.IPNetwork;

namespace OrleansGateway.Edge.Http;

/// <summary>
/// Tells a client's address. <c>X-Forwarded-For</c> is believed only as far as configured proxies vouch for it: the server's own middleware
/// reads it from the right, up to the first address that is not one of theirs.
/// </summary>
internal sealed class ClientAddress(IEnumerable<string> trustedProxies) : IStartupFilter
{
    private readonly IPNetwork[] _trusted = [.. trustedProxies.Select(Network)];

    public static string Of(HttpContext context) => Unmapped(context.Connection.RemoteIpAddress ?? IPAddress.None).ToString();

    /// <summary>Whether it is a proxy's.</summary>
    public bool IsTrusted(IPAddress address)
    {
        address = Unmapped(address);
        return _trusted.Any(network => network.Contains(address));
    }

    /// <summary>Puts the middleware before everything else, where there is a proxy to believe.</summary>
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        if (_trusted.Length > 0)
        {
            var options = new ForwardedHeadersOptions
            {
                ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
                ForwardLimit = null,
            };
            options.KnownIPNetworks.Clear();
            options.KnownProxies.Clear();
            foreach (var network in _trusted)
            {
                options.KnownIPNetworks.Add(network);
            }

            app.UseForwardedHeaders(options);
        }

        next(app);
    };

    /// <summary>An IPv4 address as itself, however a socket of both kinds wrote it.</summary>
    public static IPAddress Unmapped(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private static IPNetwork Network(string text) =>
        IPNetwork.TryParse(text, out var network) ? network : Single(IPAddress.Parse(text));

    private static IPNetwork Single(IPAddress address) =>
        new(address, address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128);
}
