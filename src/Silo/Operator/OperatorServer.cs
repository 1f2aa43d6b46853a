using System.Globalization;
using System.Net.Sockets;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using OrleansGateway.Hosting;

namespace OrleansGateway.Silo.Operator;

/// <summary>
/// A web server of the operators, apart from the host's own, so that nothing of it can be reached through the port that clients use.
/// </summary>
/// <param name="services">The gateway's.</param>
/// <param name="setting">What its addresses come from; a message about one that cannot be had names it.</param>
internal sealed class OperatorServer(IServiceProvider services, string setting) : IAsyncDisposable
{
    /// <summary>How long a stop waits for requests; the dashboard's log stream would go on for an hour.</summary>
    private static readonly TimeSpan StopMax = TimeSpan.FromSeconds(3);

    private readonly Dictionary<string, string?> _endpoints = [];
    private WebApplication? _app;

    /// <summary>Adds where it listens.</summary>
    /// <param name="certificate">The PEM files of an https address: certificate and key.</param>
    public void Listen(string url, HttpProtocols protocols, (string Certificate, string Key)? certificate = null)
    {
        // Kestrel binds them by name.
        var endpoint = string.Create(CultureInfo.InvariantCulture, $"Kestrel:Endpoints:{_endpoints.Count:D4}");
        _endpoints[$"{endpoint}:Url"] = url;
        _endpoints[$"{endpoint}:Protocols"] = protocols.ToString();
        if (certificate is { } files)
        {
            _endpoints[$"{endpoint}:Certificate:Path"] = files.Certificate;
            _endpoints[$"{endpoint}:Certificate:KeyPath"] = files.Key;
        }
    }

    /// <summary>Starts it.</summary>
    /// <returns>Its addresses, with their real ports, in the order in which they were added.</returns>
    /// <exception cref="StartUpException">An address cannot be had.</exception>
    public async Task<IReadOnlyList<string>> StartAsync(
        Action<IServiceCollection> add, Action<WebApplication> map, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        // Nothing of the environment applies to it: its addresses are set here.
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection(_endpoints);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.UseSockets(sockets => sockets.CreateBoundListenSocket = OperatorSocket.Bind);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        builder.Services.AddSingleton(services.GetRequiredService<ILoggerFactory>());
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = StopMax);
        add(builder.Services);
        _app = builder.Build();
        _app.Use(services.GetRequiredService<OperatorGuard>().HandleAsync);
        map(_app);
        try
        {
            await _app.StartAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            throw new StartUpException($"{setting}: {exception.Message}");
        }

        return [.. _app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses];
    }

    public Task StopAsync(CancellationToken cancellationToken) => _app?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    public ValueTask DisposeAsync() => _app?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <summary>The gateway's own host listens to signals, this one does not.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
