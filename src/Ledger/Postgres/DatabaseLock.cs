using Npgsql;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>
/// The session advisory lock on the gateway's database. A gateway on one machine holds it for itself; silos of a cluster
/// share it, which keeps the two from running at once. It waits for the lock, watches the session that holds it, and once
/// that is lost tries to get it back. The lock is convenience; the epoch is what keeps money safe.
/// </summary>
public sealed class DatabaseLock : IDatabaseLock
{
    private const long Key = 0x6F67_0003;

    /// <summary>How often the lock is asked for, and its session looked at.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly string _connectionString;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isHeld;
    private volatile bool _wasHeld;
    private bool _wasLost;
    private volatile Taken? _takenAt;
    private volatile int _timesTaken;

    /// <param name="connectionString">The ledger's database.</param>
    /// <param name="isExclusive">Whether nobody may hold it beside this one.</param>
    /// <param name="time">Measures the intervals.</param>
    public DatabaseLock(string connectionString, bool isExclusive, TimeProvider time)
    {
        IsExclusive = isExclusive;
        _connectionString = LedgerDataSource.Dedicated(connectionString);
        _time = time;
    }

    /// <summary>Raised by <see cref="RunAsync"/> after each change, with the new state. Handlers do not throw.</summary>
    public event Action<bool>? Changed;

    /// <inheritdoc/>
    public bool IsHeld => _isHeld;

    /// <inheritdoc/>
    public bool IsExclusive { get; }

    /// <inheritdoc/>
    public bool MayAdmit => _wasHeld && _takenAt is null;

    /// <inheritdoc/>
    public int TimesTaken => _timesTaken;

    /// <summary>For how long another session has held the lock that was ours. Zero while it is ours, and while the database is away.</summary>
    public TimeSpan TakenFor => _takenAt is { } takenAt ? _time.GetElapsedTime(takenAt.Timestamp) : TimeSpan.Zero;

    /// <summary>Waits until the lock is held; <see cref="RunAsync"/> must be running.</summary>
    public Task AcquireAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return _held.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Gets the lock, keeps it, gets it back; lets go of it when cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await using var connection = new NpgsqlConnection(_connectionString);
                await connection.OpenAsync(cancellationToken);
                await HoldAsync(connection, cancellationToken);
            }
            catch (Exception e) when (e is NpgsqlException or OperationCanceledException)
            {
                // The session is gone or could not be had; or we stop.
            }

            if (_wasLost)
            {
                // Whether another has it already is asked at once.
                _wasLost = false;
                continue;
            }

            await Task.Delay(Interval, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Ends only by an exception: the session's, or cancellation.</summary>
    private async Task HoldAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var ask = new NpgsqlCommand($"SELECT pg_try_advisory_lock{(IsExclusive ? "" : "_shared")}({Key})", connection);
        // The lock lives as long as its session does.
        await using var look = new NpgsqlCommand("SELECT 1", connection);
        try
        {
            while (true)
            {
                if (_isHeld)
                {
                    await look.ExecuteScalarAsync(cancellationToken);
                }
                else
                {
                    var isOurs = (bool)(await ask.ExecuteScalarAsync(cancellationToken))!;
                    _timesTaken += isOurs ? 1 : 0;
                    _takenAt = isOurs || !_wasHeld ? null : _takenAt ?? new Taken(_time.GetTimestamp());
                    Set(isOurs);
                }

                await Task.Delay(Interval, _time, cancellationToken);
            }
        }
        finally
        {
            _wasLost = _isHeld;
            Set(held: false);
        }
    }

    private sealed record Taken(long Timestamp);

    private void Set(bool held)
    {
        lock (_gate)
        {
            if (held == _isHeld)
            {
                return;
            }

            _isHeld = held;
            if (held)
            {
                _wasHeld = true;
                _held.SetResult();
            }
            else
            {
                _held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }

        Changed?.Invoke(held);
    }
}
