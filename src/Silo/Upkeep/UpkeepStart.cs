using Orleans;
using OrleansGateway.Grains.Contracts;

namespace OrleansGateway.Silo.Upkeep;

/// <summary>Once the silo is active: the upkeep is started, by every silo of a cluster, since none knows whether another one has.</summary>
internal sealed partial class UpkeepStart(IGrainFactory grains, TimeProvider time, ILogger<UpkeepStart> log) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        return new Repeats(time, Pause, Pause).UntilFinalAsync(_ => TryAsync(), static _ => true, static _ => true, stoppingToken);

        async Task<UpkeepStart?> TryAsync()
        {
            try
            {
                await grains.GetGrain<IUpkeepGrain>(IUpkeepGrain.Key).StartAsync();
                return this;
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogNotStarted(exception.Message);
                return null;
            }
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The ledger's upkeep is not started, and is tried again: {Message}")]
    private partial void LogNotStarted(string message);
}
