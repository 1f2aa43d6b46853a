using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using OrleansGateway.Silo.Configuration;

namespace OrleansGateway.Silo.Hosting;

/// <summary>Tells where clients reach the gateway; at a stop, cuts the connections of requests that run for longer than they are given.</summary>
internal sealed partial class ClientPort(
    ClientConnections clients,
    IServer server,
    IOptions<GatewayOptions> options,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    ILogger<ClientPort> log) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        lifetime.ApplicationStarted.Register(() =>
            LogListening(string.Join(", ", server.Features.GetRequiredFeature<IServerAddressesFeature>().Addresses)));
        lifetime.ApplicationStopping.Register(() => _ = CutLaterAsync());
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task CutLaterAsync()
    {
        LogStopping(options.Value.StopSeconds);
        await Task.Delay(TimeSpan.FromSeconds(options.Value.StopSeconds), time);
        var cut = clients.CutAll();
        if (cut > 0)
        {
            LogCut(cut);
        }
    }

    [LoggerMessage(3, LogLevel.Information, "Clients reach the gateway at {Addresses}")]
    private partial void LogListening(string addresses);

    [LoggerMessage(1, LogLevel.Information, "Stopping: nothing new is taken, running requests have {Seconds} s")]
    private partial void LogStopping(int seconds);

    [LoggerMessage(2, LogLevel.Warning, "{Connections} connections are cut, since their requests did not end in time")]
    private partial void LogCut(int connections);
}
