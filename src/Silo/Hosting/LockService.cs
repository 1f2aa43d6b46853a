using Npgsql;
using OrleansGateway.Hosting;
using OrleansGateway.Ledger;
using OrleansGateway.Ledger.Postgres;

namespace OrleansGateway.Silo.Hosting;

/// <summary>
/// Waits for the gateway lock, brings the schema up to date once it has it, and ends the process when another, with which it cannot
/// be shared, has had it for a lease.
/// </summary>
internal sealed partial class LockService(
    GatewayLock gatewayLock,
    NpgsqlDataSource ledger,
    IHostApplicationLifetime lifetime,
    ILogger<LockService> log,
    TimeProvider time,
    Grains.Accounts.AccountOptions accounts,
    ClientConnections clients) : IHostedService, IGatewayLock, IReadinessCheck, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _lock = Task.CompletedTask;
    private Task _watch = Task.CompletedTask;
    private volatile bool _isMigrated;

    /// <summary>Whether accounts may be activated: the lock is held, on a schema that this build knows.</summary>
    public bool IsHeld => _isMigrated && gatewayLock.IsHeld;

    /// <inheritdoc/>
    public bool IsExclusive => gatewayLock.IsExclusive;

    /// <inheritdoc/>
    public bool MayAdmit => _isMigrated && gatewayLock.MayAdmit;

    /// <summary>Waits for the lock and the schema.</summary>
    /// <returns>False if they are not had in time.</returns>
    public async Task<bool> WaitUntilHeldAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        try
        {
            await _ready.Task.WaitAsync(patience, time, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    public ValueTask<string?> ReasonAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult(IsHeld ? null : "waiting for the gateway lock: another gateway runs on this database, or it is out of reach");

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _lock = gatewayLock.RunAsync(_stopping.Token);
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
        catch (Exception exception)
        {
            _ready.TrySetException(exception);
            Fail(exception);
        }
    }

    private async Task TakeAsync(CancellationToken stopping)
    {
        var taking = gatewayLock.AcquireAsync(stopping);
        if (await Task.WhenAny(taking, Task.Delay(TimeSpan.FromSeconds(3), time, stopping)) != taking)
        {
            LogWaiting();
        }

        await taking;
        await LedgerMigrator.ApplyAsync(ledger, stopping);
        _isMigrated = true;
        _ready.TrySetResult();
        LogHeld();
    }

    /// <summary>Ends when another gateway has had the lock for a lease. A database that is away is waited for: nothing is dropped.</summary>
    private async Task LoseAsync(CancellationToken stopping)
    {
        gatewayLock.Changed += isHeld =>
        {
            if (!stopping.IsCancellationRequested)
            {
                LogChanged(isHeld ? "is held again" : "is lost");
            }
        };
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
        while (await timer.WaitForNextTickAsync(stopping))
        {
            if (gatewayLock.TakenFor > accounts.Lease)
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
            LogFailed(exception);
        }

        Environment.ExitCode = 1;
        lifetime.StopApplication();
    }

    [LoggerMessage(1, LogLevel.Information, "Waiting for the gateway lock: another gateway runs on this database")]
    private partial void LogWaiting();

    [LoggerMessage(2, LogLevel.Information, "The gateway lock is held and the ledger's schema is up to date")]
    private partial void LogHeld();

    [LoggerMessage(3, LogLevel.Warning, "The gateway lock {What}")]
    private partial void LogChanged(string what);

    [LoggerMessage(4, LogLevel.Critical, "Another gateway has had the gateway lock for a lease: {Connections} connections are cut, the gateway stops")]
    private partial void LogLost(int connections);

    [LoggerMessage(5, LogLevel.Critical, "The ledger's database cannot be used")]
    private partial void LogFailed(Exception exception);
}
