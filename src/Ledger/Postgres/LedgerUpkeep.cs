using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>
/// What the ledger's tables need every hour: partitions made ahead, usage added up, what is too old removed. Each part has its own time, and
/// one that fails keeps none of the others from their work. Two runs at once do no harm.
/// </summary>
public sealed partial class LedgerUpkeep(NpgsqlDataSource dataSource, TimeProvider time, ILogger<LedgerUpkeep> log)
{
    private static readonly TimeSpan PartTimeMax = TimeSpan.FromMinutes(10);
    private static readonly Meter Meter = new("OrleansGateway.Ledger");

    private static readonly Counter<long> Parts =
        Meter.CreateCounter<long>("og.ledger.upkeep.parts", "{part}", "Parts of the hourly upkeep by their outcome");

    /// <summary>Does all of it once, and says in one line of the log what it did.</summary>
    /// <param name="callsDays">How many days, before today, usage and its hourly totals are kept.</param>
    /// <param name="outlivedAfter">How long after its admission a request may still be presented.</param>
    /// <param name="cancellationToken">Stops it; what was done stays done.</param>
    public async Task RunAsync(int callsDays, TimeSpan outlivedAfter, CancellationToken cancellationToken)
    {
        var startedAt = time.GetTimestamp();
        var now = time.GetUtcNow();
        var keptFrom = DateOnly.FromDateTime(now.UtcDateTime).AddDays(-callsDays);
        IReadOnlyList<DateOnly> counted = [];
        var (made, dropped) = (0, 0);
        var (charges, hours, keys) = (0L, 0L, 0L);

        await TryAsync("partitions", async token => made = await UsagePartitions.EnsureAsync(dataSource, now, time, token), cancellationToken);
        await TryAsync("old partitions", token => UsagePartitions.DetachBeforeAsync(dataSource, keptFrom, time, token), cancellationToken);
        await TryAsync(
            "totals",
            async token =>
            {
                var detached = await UsagePartitions.DetachedAsync(dataSource, token);
                charges = await UsageTotals.AddAsync(dataSource, detached, token);
                counted = detached;
            },
            cancellationToken);
        await TryAsync(
            "old usage",
            async token =>
            {
                // Only what is counted to the last charge: nothing gets into a partition that is detached.
                foreach (var day in counted)
                {
                    await UsagePartitions.DropAsync(dataSource, day, time, token);
                    dropped++;
                }

                hours = await UsageTotals.RemoveHoursAsync(dataSource, token);
            },
            cancellationToken);
        await TryAsync("idempotency keys", async token => keys = await IdempotencyPurge.RunAsync(dataSource, now, outlivedAfter, token), cancellationToken);
        LogDone(made, charges, dropped, keptFrom, hours, keys, time.GetElapsedTime(startedAt).TotalSeconds);
    }

    private async Task TryAsync(string part, Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        using var own = new CancellationTokenSource(PartTimeMax, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(own.Token, cancellationToken);
        try
        {
            await work(either.Token);
            Count(part, "done");
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            Count(part, "failed");
            LogFailed(part, own.IsCancellationRequested ? $"it takes more than {PartTimeMax.TotalMinutes} minutes" : exception.Message);
        }
    }

    private static void Count(string part, string outcome) =>
        Parts.Add(1, new TagList { { "part", part }, { "outcome", outcome } });

    [LoggerMessage(
        1,
        LogLevel.Information,
        "Upkeep: made {Made} partitions, counted {Charges} charges, dropped {Dropped} days of usage (kept from {KeptFrom:yyyy-MM-dd} on), removed {Hours} "
        + "hourly totals and {Keys} idempotency keys, in {Seconds:F1} s")]
    private partial void LogDone(int made, long charges, int dropped, DateOnly keptFrom, long hours, long keys, double seconds);

    [LoggerMessage(2, LogLevel.Warning, "Upkeep of {Part} failed and is tried again in an hour: {Message}")]
    private partial void LogFailed(string part, string message);
}
