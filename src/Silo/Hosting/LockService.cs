using Npgsql;
using OrleansGateway.Hosting;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;

namespace OrleansGateway.Silo.Hosting;

/// <summary>
/// Waits for the database lock, brings the schema up to date once it has it, and ends the process when another, with which it cannot
/// be shared, has had it for a lease.
/// </summary>
internal sealed partial class LockService(
    DatabaseLock databaseLock,
    NpgsqlDataSource ledger,
    IHostApplicationLifetime lifetime,
    ILogger<LockService> log,
    TimeProvider time,
    Grains.Accounts.AccountOptions accounts,
    ClientConnections clients) : IHostedService, IDatabaseLock, IReadinessCheck, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _lock = Task.CompletedTask;
    private Task _watch = Task.CompletedTask;
    private volatile bool _isMigrated;

    /// <summary>Whether accounts may be activated: the lock is held, on a schema that this build knows.</summary>
    public bool IsHeld => _isMigrated && databaseLock.IsHeld;

    /// <inheritdoc/>
    public bool IsExclusive => databaseLock.IsExclusive;

    /// <inheritdoc/>
    public bool MayAdmit => _isMigrated && databaseLock.MayAdmit;

    /// <inheritdoc/>
    public int TimesTaken => databaseLock.TimesTaken;

    /// <summary>Waits for the lock and the schema.</summary>
    public Task WaitUntilHeldAsync(CancellationToken cancellationToken) => _ready.Task.WaitAsync(cancellationToken);

    public ValueTask<string?> ReasonAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult(IsHeld ? null : "waiting for the database lock: another gateway runs on this database, or it is out of reach");

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _lock = databaseLock.RunAsync(_stopping.Token);
        _watch = WatchAsync(_stopping.Token);
        return Task.CompletedTask;
    }

    /// <summary>The last of all services to stop: what the others commit, they commit under the lock.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_lock, _watch);
    }

    public void Dispose() => _stopping.Dispose();

    private async Task WatchAsync(CancellationToken stopping)
    {
        try
        {
            await TakeAsync(stopping);
            await LoseAsync(stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
        catch (SchemaTooNewException newer)
        {
            LogTooNew(SettingNames.Full(SettingNames.Ledger), newer.Message);
            Fail(null);
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
    }

    private async Task TakeAsync(CancellationToken stopping)
    {
        var taking = databaseLock.AcquireAsync(stopping);
        if (await Task.WhenAny(taking, Task.Delay(TimeSpan.FromSeconds(3), time, stopping)) != taking)
        {
            LogWaiting();
        }

        await taking;
        await LedgerMigrator.ApplyAsync(ledger, stopping);

        // A migration may last, and another may have had the lock meanwhile.
        await databaseLock.AcquireAsync(stopping);
        _isMigrated = true;
        _ready.TrySetResult();
        LogHeld();
    }

    /// <summary>Ends when another gateway has had the lock for a lease. A database that is away is waited for: nothing is dropped.</summary>
    private async Task LoseAsync(CancellationToken stopping)
    {
        databaseLock.Changed += isHeld =>
        {
            if (!stopping.IsCancellationRequested)
            {
                LogChanged(isHeld ? "is held again" : "is lost");
            }
        };
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
        while (await timer.WaitForNextTickAsync(stopping))
        {
            if (databaseLock.TakenFor > accounts.Lease)
            {
                // Without the lock nothing that still runs can be settled: there is nothing to wait for.
                LogLost(clients.CutAll());
                Fail(null);
                return;
            }
        }
    }

    private void Fail(Exception? exception)
    {
        if (exception is not null)
        {
            LogFailed(SettingNames.Full(SettingNames.Ledger), exception);
        }

        Environment.ExitCode = 1;
        lifetime.StopApplication();
    }

    [LoggerMessage(1, LogLevel.Information, "Waiting for the database lock: another gateway runs on this database")]
    private partial void LogWaiting();

    [LoggerMessage(2, LogLevel.Information, "The database lock is held and the ledger's schema is up to date")]
    private partial void LogHeld();

    [LoggerMessage(3, LogLevel.Warning, "The database lock {What}")]
    private partial void LogChanged(string what);

    [LoggerMessage(4, LogLevel.Critical, "Another gateway has had the database lock for a lease: {Connections} connections are cut, the gateway stops")]
    private partial void LogLost(int connections);

    [LoggerMessage(6, LogLevel.Critical, "{Setting}: {Message}")]
    private partial void LogTooNew(string setting, string message);

    [LoggerMessage(5, LogLevel.Critical, "{Setting}: the database cannot be used")]
    private partial void LogFailed(string setting, Exception exception);
}
