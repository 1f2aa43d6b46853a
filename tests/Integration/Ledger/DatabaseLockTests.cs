using System.Diagnostics;
using System.Threading.Channels;
using Npgsql;
using OrleansGateway.Ledger.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Ledger;

public sealed class DatabaseLockTests(LedgerDatabase database) : IClassFixture<LedgerDatabase>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Run_BackendEnded_LosesTheLockAndGetsItBack()
    {
        await using var gateway = new Gateway(database.ConnectionString);
        await gateway.Lock.AcquireAsync(Token);
        Assert.True(await gateway.NextAsync());
        Assert.True(gateway.Lock.MayAdmit);

        Assert.True(await database.ScalarAsync<bool>($"SELECT pg_terminate_backend({await HolderAsync()})"));
        Assert.False(await gateway.NextAsync());
        Assert.True(await gateway.NextAsync());
        Assert.True(gateway.Lock.IsHeld);
        Assert.Equal(TimeSpan.Zero, gateway.Lock.TakenFor);
    }

    [Fact]
    public async Task Run_AnotherTookTheLock_MayNotAdmitUntilItIsBack()
    {
        await using var first = new Gateway(database.ConnectionString);
        await first.Lock.AcquireAsync(Token);
        Assert.True(await first.NextAsync());

        // Stands in line for the lock, so that it is this session's as soon as the gateway's ends.
        await using var other = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database.ConnectionString) { Pooling = false }.ConnectionString);
        await other.OpenAsync(Token);
        await using var take = new NpgsqlCommand("SELECT pg_advisory_lock(1869021187)", other);
        var taking = take.ExecuteNonQueryAsync(Token);
        var holder = await HolderAsync();
        while (!await database.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"))
        {
            Token.ThrowIfCancellationRequested();
        }

        Assert.True(await database.ScalarAsync<bool>($"SELECT pg_terminate_backend({holder})"));
        await taking;
        Assert.False(await first.NextAsync());
        await WaitUntilAsync(() => first.Lock.TakenFor > TimeSpan.Zero);
        Assert.False(first.Lock.MayAdmit);
        await other.CloseAsync();
        Assert.True(await first.NextAsync());
        Assert.True(first.Lock.MayAdmit);
        Assert.Equal(TimeSpan.Zero, first.Lock.TakenFor);
    }

    [Fact]
    public async Task Run_SilosOfACluster_ShareTheLockAndKeepAGatewayOut()
    {
        var first = new Gateway(database.ConnectionString, isExclusive: false);
        var second = new Gateway(database.ConnectionString, isExclusive: false);
        await first.Lock.AcquireAsync(Token);
        await second.Lock.AcquireAsync(Token);
        await using var alone = new Gateway(database.ConnectionString);
        await alone.HasAskedAsync(database);
        Assert.False(alone.Lock.IsHeld);

        await first.DisposeAsync();
        Assert.False(alone.Lock.IsHeld);
        await second.DisposeAsync();
        await alone.Lock.AcquireAsync(Token);

        await using var third = new Gateway(database.ConnectionString, isExclusive: false);
        await third.HasAskedAsync(database);
        Assert.False(third.Lock.IsHeld);
    }

    [Fact]
    public async Task Run_SecondGateway_WaitsUntilTheFirstStops()
    {
        var first = new Gateway(database.ConnectionString);
        await first.Lock.AcquireAsync(Token);
        await using var second = new Gateway(database.ConnectionString);
        await second.HasAskedAsync(database);
        Assert.False(second.Lock.IsHeld);
        Assert.False(second.Lock.MayAdmit);

        await first.DisposeAsync();
        Assert.False(first.Lock.IsHeld);
        await second.Lock.AcquireAsync(Token);
        Assert.True(second.Lock.IsHeld);
    }

    [Fact]
    public async Task Run_BackendThatNoLongerAnswers_LosesTheLock()
    {
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable("ConnectionStrings__Ledger") is null, "Stops a process of a server of our own.");
        await using var gateway = new Gateway(database.ConnectionString);
        await gateway.Lock.AcquireAsync(Token);
        Assert.True(await gateway.NextAsync());
        var holder = await HolderAsync();
        await SignalAsync("STOP", holder);
        try
        {
            Assert.False(await gateway.NextAsync());
            Assert.False(gateway.Lock.IsHeld);
        }
        finally
        {
            await SignalAsync("CONT", holder);
        }

        Assert.True(await gateway.NextAsync());
    }

    [Fact]
    public async Task Acquire_Cancelled_StopsWaiting()
    {
        await using var holder = new Gateway(database.ConnectionString);
        await holder.Lock.AcquireAsync(Token);
        await using var waiting = new Gateway(database.ConnectionString);
        using var stop = new CancellationTokenSource();
        var acquiring = waiting.Lock.AcquireAsync(stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => acquiring);
    }

    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private Task<int> HolderAsync() => database.ScalarAsync<int>(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())");

    private static async Task SignalAsync(string signal, int process)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{process}"]);
        await kill.WaitForExitAsync(Token);
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>A running lock, and the changes it reports.</summary>
    private sealed class Gateway : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Channel<bool> _changes = Channel.CreateUnbounded<bool>();
        private readonly string _name = $"gateway {Guid.NewGuid():N}";
        private readonly Task _running;

        public Gateway(string connectionString, bool isExclusive = true)
        {
            Lock = new DatabaseLock(
                new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = _name }.ConnectionString, isExclusive, TimeProvider.System);
            Lock.Changed += held => _changes.Writer.TryWrite(held);
            _running = Lock.RunAsync(_stop.Token);
        }

        public DatabaseLock Lock { get; }

        public async Task<bool> NextAsync() => await _changes.Reader.ReadAsync(Token);

        public async Task HasAskedAsync(LedgerDatabase database)
        {
            while (await database.ScalarAsync<long>(
                $"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{_name}' AND state = 'idle' AND query LIKE '%pg_try_advisory_lock%'") == 0)
            {
                Token.ThrowIfCancellationRequested();
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (!_stop.IsCancellationRequested)
            {
                await _stop.CancelAsync();
                await _running;
            }
        }
    }
}
