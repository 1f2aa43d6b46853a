using Npgsql;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>
/// Changes of tables beside running flights. Whoever waits for a table's lock has all flights that come after wait behind it; so it waits
/// for 50 ms only, lets them go on, and tries again.
/// </summary>
internal static class BriefLocks
{
    /// <summary>Sets the wait for each lock of a transaction.</summary>
    public const string Setting = "SET LOCAL lock_timeout = '50ms'";

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    /// <summary>Does <paramref name="work"/>, a transaction under <see cref="Setting"/>, until it has got its locks.</summary>
    /// <param name="patience">After that it is not tried again.</param>
    /// <param name="time">Measures the pauses.</param>
    /// <param name="work">May be done in part: what it did is rolled back.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="PostgresException">It has not got its locks (55P03), or something else is wrong.</exception>
    public static async Task<T> TryAsync<T>(TimeSpan patience, TimeProvider time, Func<Task<T>> work, CancellationToken cancellationToken)
    {
        var startedAt = time.GetTimestamp();
        for (var pause = FirstPause; ; pause = TimeSpan.FromTicks(long.Min(pause.Ticks * 2, LongestPause.Ticks)))
        {
            try
            {
                return await work();
            }
            catch (PostgresException refused)
                when (refused.SqlState == PostgresErrorCodes.LockNotAvailable && time.GetElapsedTime(startedAt) < patience)
            {
                await Task.Delay(pause, time, cancellationToken);
            }
        }
    }
}
