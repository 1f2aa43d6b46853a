using Npgsql;
using OrleansGateway.Grains.Accounts;
using OrleansGateway.Ledger.Postgres;

namespace OrleansGateway.Silo.Hosting;

/// <summary>Every hour, once the lock is held: partitions of usage are made ahead, idempotency keys that are over removed.</summary>
internal sealed partial class Upkeep(
    LockService gatewayLock, NpgsqlDataSource ledger, AccountOptions accounts, TimeProvider time, ILogger<Upkeep> log) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await gatewayLock.WaitUntilHeldAsync(Timeout.InfiniteTimeSpan, stoppingToken);
        using var timer = new PeriodicTimer(Every, time);
        do
        {
            try
            {
                await UsagePartitions.EnsureAsync(ledger, time.GetUtcNow(), stoppingToken);
                await IdempotencyPurge.RunAsync(ledger, time.GetUtcNow(), accounts.TicketAgeMax, stoppingToken);
            }
            catch (Exception exception) when (exception is NpgsqlException or TimeoutException)
            {
                // Partitions are made ahead, so an hour without the database does no harm.
                LogFailed(exception.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(1, LogLevel.Warning, "The ledger's upkeep failed and is tried again in an hour: {Message}")]
    private partial void LogFailed(string message);
}
