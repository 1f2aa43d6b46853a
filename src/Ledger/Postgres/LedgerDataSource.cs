using Npgsql;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>Connections to the ledger's database, set up so that commits are durable and dead clients leave no locks.</summary>
public static class LedgerDataSource
{
    /// <summary>
    /// What every session runs with. Commits wait for the disk. A session whose client is gone ends, with its locks, within
    /// 10 s (5 + 2 × 2, and 9 for unanswered data). Waits are bounded; who waited asks again. The few statements are planned
    /// once a session. Times of day are UTC's.
    /// </summary>
    private const string SessionSettings =
        "-c synchronous_commit=on"
        + " -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=2 -c tcp_user_timeout=9000"
        + " -c lock_timeout=4000 -c statement_timeout=10000 -c idle_in_transaction_session_timeout=10000"
        + " -c plan_cache_mode=force_generic_plan -c jit=off -c TimeZone=UTC";

    /// <summary>How long a statement that moves no money may take before it is cancelled, seconds.</summary>
    private const int CommandTimeoutSeconds = 5;

    /// <summary>More sessions than this would not commit more; who finds none free waits.</summary>
    private const int MaxMoneySessions = 20;

    /// <summary>Reports and exports that run at once; who comes later waits.</summary>
    internal const int MaxReports = 5;

    /// <summary>Those of reports, and as many again for lists, health and upkeep.</summary>
    private const int MaxSessions = 2 * MaxReports;

    /// <summary>Of each of the site's pools: the reports that run at once, and some for what is short.</summary>
    public const int SiteSessions = MaxReports + 3;

    /// <summary>
    /// A pool for what is no movement of money: while reports hold all of its sessions, none of the money's is missing.
    /// </summary>
    /// <param name="connectionString">An Npgsql connection string; what it says of the above is overridden.</param>
    /// <param name="sessions">The most that it has.</param>
    public static NpgsqlDataSource Create(string connectionString, int sessions = MaxSessions)
    {
        var settings = Settings(connectionString);
        settings.MaxPoolSize = sessions;
        return NpgsqlDataSource.Create(settings);
    }

    /// <summary>
    /// The pool of what commits money. Its statements have no time-out, which would cancel them: <see cref="LedgerSessions"/> gives up
    /// waiting for them. A lock is waited for a short time: who else is in the same flight waits along.
    /// </summary>
    /// <param name="connectionString">As for <see cref="Create"/>.</param>
    public static NpgsqlDataSource CreateForMoney(string connectionString)
    {
        var settings = Settings(connectionString);
        settings.MaxPoolSize = MaxMoneySessions;
        settings.Timeout = 5;
        settings.CommandTimeout = 0;
        settings.Options += " -c lock_timeout=1000";
        return NpgsqlDataSource.Create(settings);
    }

    /// <summary>
    /// A connection string for a session that is never pooled: what it holds ends with it. A server that is gone without a
    /// word is noticed after 2 s: nobody waits for the answer to a cancellation.
    /// </summary>
    internal static string Dedicated(string connectionString)
    {
        var settings = Settings(connectionString);
        settings.Pooling = false;
        settings.Timeout = 3;
        settings.CommandTimeout = 2;
        settings.CancellationTimeout = -1;
        return settings.ConnectionString;
    }

    private static NpgsqlConnectionStringBuilder Settings(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            CommandTimeout = CommandTimeoutSeconds,
            CancellationTimeout = 1000,
            MinPoolSize = 0,
            Enlist = false,
            // Nothing sets session state, so a returned session needs no reset.
            NoResetOnClose = true,
            // A refused row's values must not reach logs.
            IncludeErrorDetail = false,
        };
        if (settings.Host?.StartsWith('/') != true) // a Unix socket needs no keep-alives and refuses them
        {
            settings.TcpKeepAlive = true;
            settings.TcpKeepAliveTime = 5;
            settings.TcpKeepAliveInterval = 2;
        }

        settings.Options = string.IsNullOrEmpty(settings.Options) ? SessionSettings : $"{settings.Options} {SessionSettings}";
        return settings;
    }
}
