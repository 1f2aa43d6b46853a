using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;

namespace OrleansGateway.Web.Playground;

/// <summary>Where the site itself reaches the relay: where the settings say, or on this program's own port.</summary>
internal sealed class RelayAddress(IServer server, IOptions<SiteOptions> options)
{
    /// <summary>Without a path.</summary>
    public Uri Uri => IsOwn ? Own() : new Uri(options.Value.RelayUrl);

    /// <summary>Whether it is this program's own port, where no certificate has to prove who is there.</summary>
    public bool IsOwn => options.Value.RelayUrl.Length == 0;

    private Uri Own()
    {
        var addresses = server.Features.Get<IServerAddressesFeature>()?.Addresses ?? [];
        var address = addresses.FirstOrDefault(static one => one.StartsWith("http://", StringComparison.OrdinalIgnoreCase)) ?? addresses.First();

        // A port on all of the machine's addresses is reached on loopback.
        return new Uri(address.Replace("//+", "//127.0.0.1", StringComparison.Ordinal).Replace("//*", "//127.0.0.1", StringComparison.Ordinal)
            .Replace("//0.0.0.0", "//127.0.0.1", StringComparison.Ordinal).Replace("//[::]", "//127.0.0.1", StringComparison.Ordinal));
    }
}
