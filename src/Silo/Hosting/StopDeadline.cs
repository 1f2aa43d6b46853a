using Microsoft.Extensions.Options;
using OrleansGateway.Silo.Configuration;

namespace OrleansGateway.Silo.Hosting;

/// <summary>At a stop, cuts the connections of requests that run for longer than they are given.</summary>
internal sealed partial class StopDeadline(
    ClientConnections clients,
    IOptions<GatewayOptions> options,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    ILogger<StopDeadline> log) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
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

    [LoggerMessage(1, LogLevel.Information, "Stopping: nothing new is taken, running requests have {Seconds} s")]
    private partial void LogStopping(int seconds);

    [LoggerMessage(2, LogLevel.Warning, "{Connections} connections are cut, since their requests did not end in time")]
    private partial void LogCut(int connections);
}
