using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using OrleansGateway.Hosting;
using OrleansGateway.Hosting.Cluster;

namespace OrleansGateway.Silo.Hosting;

/// <summary>
/// Looks, before a silo of a cluster listens, whether its ports are free. Orleans shares a port with another silo of the same user, and
/// then each gets a part of the other's connections.
/// </summary>
internal sealed class SiloPorts(IOptions<EndpointOptions> endpoints) : IHostedService
{
    /// <exception cref="StartUpException">A port is taken, or the address is not this machine's.</exception>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        Check(nameof(ClusterSettings.SiloPort), endpoints.Value.SiloPort);
        Check(nameof(ClusterSettings.EdgePort), endpoints.Value.GatewayPort);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void Check(string setting, int port)
    {
        var address = endpoints.Value.AdvertisedIPAddress!;
        try
        {
            using var probe = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            probe.Bind(new IPEndPoint(address, port));
            probe.Listen();
        }
        catch (SocketException refused)
        {
            var named = refused.SocketErrorCode == SocketError.AddressNotAvailable ? nameof(ClusterSettings.Address) : setting;
            throw new StartUpException($"{SettingNames.Full($"{ClusterSettings.Section}:{named}")}: {new IPEndPoint(address, port)}: {refused.Message}");
        }
    }
}
