using Orleans;

namespace OrleansGateway.Silo.Upkeep;

/// <summary>Once the silo is active: the upkeep is started, by every silo of a cluster, since none knows whether another one has.</summary>
internal sealed partial class UpkeepStart(IGrainFactory grains, TimeProvider time, ILogger<UpkeepStart> log) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                await grains.GetGrain<IUpkeepGrain>(IUpkeepGrain.Key).StartAsync();
                return;
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogNotStarted(exception.Message);
            }

            await Task.Delay(Pause, time, stoppingToken);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The ledger's upkeep is not started, and is tried again: {Message}")]
    private partial void LogNotStarted(string message);
}
