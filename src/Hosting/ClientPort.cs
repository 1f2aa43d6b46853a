using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace OrleansGateway.Hosting;

/// <summary>Tells where clients reach the gateway, and when it stops.</summary>
internal sealed partial class ClientPort(
    IServer server,
    IOptions<GatewayOptions> options,
    IHostApplicationLifetime lifetime,
    ILogger<ClientPort> log) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        lifetime.ApplicationStarted.Register(() =>
            LogListening(string.Join(", ", server.Features.GetRequiredFeature<IServerAddressesFeature>().Addresses)));
        lifetime.ApplicationStopping.Register(() => LogStopping(options.Value.StopSeconds));
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(3, LogLevel.Information, "Clients reach the gateway at {Addresses}")]
    private partial void LogListening(string addresses);

    [LoggerMessage(1, LogLevel.Information, "Stopping: nothing new is taken, running requests have {Seconds} s")]
    private partial void LogStopping(int seconds);
}
