using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace OrleansGateway.Web.Accounts;

/// <summary>What waits in the database until somebody has done it.</summary>
public abstract class LeasedRow
{
    /// <summary>When it may be begun: later than now while somebody is at it.</summary>
    public DateTimeOffset NextTryAt { get; set; }

    /// <summary>How often it was begun. Each try has its own number, which is all that tells one holder of the row from the next.</summary>
    public int Tries { get; set; }
}

/// <summary>
/// Does what rows ask for, one after another; of several processes each takes others. A row is taken for a while: that of a process which
/// dies is another's after it. What fails is tried again after a pause, and given up after so many tries.
/// </summary>
internal abstract partial class LeasedRows<TRow>(IServiceScopeFactory scopes, ISiteHost host, TimeProvider time, ILogger log) : BackgroundService
    where TRow : LeasedRow
{
    /// <summary>How long a row is one process' own.</summary>
    protected static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);

    protected IServiceScopeFactory Scopes => scopes;

    protected TimeProvider Time => time;

    protected abstract TimeSpan LookEvery { get; }

    protected abstract int TriesMax { get; }

    /// <summary>Takes the row that has waited longest until {0}, if it may be begun at {1}.</summary>
    protected abstract string TakeSql { get; }

    /// <summary>The row, for as long as it is this try's.</summary>
    protected abstract IQueryable<TRow> Mine(PeopleContext people, TRow row);

    protected abstract Task DoAsync(IServiceProvider services, PeopleContext people, TRow row, CancellationToken cancellationToken);

    /// <summary>Removes it, undone.</summary>
    protected abstract Task GiveUpAsync(IServiceProvider services, PeopleContext people, TRow row, CancellationToken cancellationToken);

    /// <summary>How long what failed waits for its next try.</summary>
    protected abstract TimeSpan PauseAfter(int tries);

    protected abstract void LogFailure(TRow row, Exception exception, bool isLast);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                while (host.IsReady && await DoNextAsync(stoppingToken))
                {
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogAway(log, typeof(TRow).Name, exception.Message);
            }
        }
    }

    /// <returns>Whether there was one.</returns>
    internal async Task<bool> DoNextAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var people = scope.ServiceProvider.GetRequiredService<PeopleContext>();
        var now = time.GetUtcNow();
        var taken = await people.Set<TRow>().FromSqlRaw(TakeSql, now + Lease, now).AsNoTracking().ToListAsync(cancellationToken);
        if (taken is not [var row])
        {
            return false;
        }

        if (row.Tries > TriesMax)
        {
            // A process that died was at its last try.
            await GiveUpAsync(scope.ServiceProvider, people, row, cancellationToken);
            return true;
        }

        try
        {
            await DoAsync(scope.ServiceProvider, people, row, cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            var isLast = row.Tries == TriesMax;
            LogFailure(row, exception, isLast);

            // What the failed try has begun to save is not saved with this.
            await using var after = scopes.CreateAsyncScope();
            var peopleAfter = after.ServiceProvider.GetRequiredService<PeopleContext>();
            var again = time.GetUtcNow() + PauseAfter(row.Tries);
            await (isLast
                ? GiveUpAsync(after.ServiceProvider, peopleAfter, row, cancellationToken)
                : Mine(peopleAfter, row).ExecuteUpdateAsync(set => set.SetProperty(one => one.NextTryAt, again), cancellationToken));
        }

        return true;
    }

    [LoggerMessage(1402, LogLevel.Warning, "Rows that wait ({Kind}) cannot be read at the moment: {Message}")]
    private static partial void LogAway(ILogger log, string kind, string message);
}
