using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Npgsql;
using Npgsql.Internal;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>
/// Runs what commits money. Nothing of it is ever cancelled, neither by a token nor by a command's time-out: PostgreSQL, told to
/// cancel a commit that waits for its synchronous standby, says that it is committed. A session that does not answer in time is
/// abandoned instead: it goes on unheard. It keeps its place in the pool, which bounds how many there are, until the server has
/// answered, or does not know it any more.
/// </summary>
/// <param name="money">Without a command time-out.</param>
/// <param name="others">Sessions by which the server is asked after abandoned ones.</param>
internal sealed class LedgerSessions(NpgsqlDataSource money, NpgsqlDataSource others, TimeProvider time)
{
    /// <summary>How long an answer may take before it counts as lost. More than a wait for a lock.</summary>
    private static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan AskEvery = TimeSpan.FromSeconds(5);

    /// <exception cref="LedgerLostException">No session could be had, or it did not answer in time.</exception>
    public async Task<T> RunAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        return await WaitAsync(connection, () => WorkAsync(connection, work), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>As <see cref="RunAsync"/>, on an open session of the caller's, who closes it once <paramref name="work"/> is over.</summary>
    /// <exception cref="LedgerLostException">It did not answer in time.</exception>
    public async Task<T> WaitAsync<T>(NpgsqlConnection connection, Func<Task<T>> work, CancellationToken cancellationToken)
    {
        var serverProcess = connection.ProcessID;
        var working = work();
        try
        {
            return await working.WaitAsync(AnswerMax, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException) when (!working.IsCompleted)
        {
            _ = WatchAsync(connection, serverProcess, working);
            throw new LedgerLostException("a session does not answer and is abandoned");
        }
        catch (OperationCanceledException) when (!working.IsCompleted)
        {
            _ = WatchAsync(connection, serverProcess, working);
            throw;
        }
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await money.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception refused) when (refused is not OperationCanceledException)
        {
            // Whatever the reason, it has nothing to do with what was to be done.
            throw new LedgerLostException(refused.Message, refused);
        }
    }

    private static async Task<T> WorkAsync<T>(NpgsqlConnection connection, Func<NpgsqlConnection, Task<T>> work)
    {
        await using (connection)
        {
            return await work(connection).ConfigureAwait(false);
        }
    }

    /// <summary>Sees an abandoned session to its end: a server that is gone, or has failed over, never answers it.</summary>
    private async Task WatchAsync(NpgsqlConnection connection, int serverProcess, Task working)
    {
        while (await Task.WhenAny(working, Task.Delay(AskEvery, time)).ConfigureAwait(false) != working)
        {
            if (await IsOverAsync(serverProcess).ConfigureAwait(false))
            {
                Close(connection);
            }
        }

        await working.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Whether the server that is there now runs nothing for a session.</summary>
    private async Task<bool> IsOverAsync(int serverProcess)
    {
        const string Sql = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND state = 'active')";
        try
        {
            await using var command = others.CreateCommand(Sql);
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = serverProcess });
            return (bool)(await command.ExecuteScalarAsync().ConfigureAwait(false))!;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

#pragma warning disable NPG9001 // Npgsql closes a session under its statement only after it asked the server to cancel that.
    private static void Close(NpgsqlConnection connection)
    {
        if (Connector(connection) is { } connector)
        {
            Socket(connector)?.Dispose();
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Connector")]
    private static extern NpgsqlConnector? Connector(NpgsqlConnection connection);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_socket")]
    private static extern ref Socket? Socket(NpgsqlConnector connector);
#pragma warning restore NPG9001
}
