using System.Diagnostics;
using Npgsql;

namespace OrleansGateway.Tests.Programs.Postgres;

/// <summary>
/// A PostgreSQL cluster of our own, from the installed binaries: in a temporary folder, behind a Unix socket. What it confirmed outlives
/// its processes, as everywhere, but not the machine, which no test ends. It ends with this process, however that ends.
/// </summary>
public sealed class PostgresCluster : IAsyncDisposable
{
    private readonly string _binaries;
    private readonly string _folder;
    private readonly Process _warden;
    private readonly int _connectionsMax;
    private string _address;

    private PostgresCluster(string binaries, string folder, Process warden, int connectionsMax)
    {
        _binaries = binaries;
        _folder = folder;
        _warden = warden;
        _connectionsMax = connectionsMax;
        _address = folder;
    }

    /// <summary>For the superuser and the database <c>postgres</c>.</summary>
    public string ConnectionString => $"Host={_address};Username=postgres;Database=postgres";

    /// <summary>What the server says, a file that the server itself can read.</summary>
    public string LogPath => $"{_folder}/log";

    /// <param name="connectionsMax">The most sessions that it takes at once.</param>
    public static async Task<PostgresCluster> StartNewAsync(int connectionsMax = 200)
    {
        var cluster = await CreateAsync(connectionsMax);
        await RunAsync(
            $"{cluster._binaries}/initdb", "-D", $"{cluster._folder}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync");
        await cluster.StartAsync();
        return cluster;
    }

    /// <summary>Starts a copy of it that follows it, and has its commits wait for the copy from now on.</summary>
    public async Task<PostgresCluster> StartStandbyAsync()
    {
        var standby = await CreateAsync(_connectionsMax);
        await RunAsync(
            $"{_binaries}/pg_basebackup", "-h", _address, "-U", "postgres", "-D", $"{standby._folder}/data", "-c", "fast", "-R", "--no-sync");
        await standby.StartAsync();
        await ExecuteAsync("ALTER SYSTEM SET synchronous_standby_names = '*'");
        await ExecuteAsync("SELECT pg_reload_conf()");
        while (await ExecuteAsync("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") is 0L)
        {
            await Task.Delay(10);
        }

        return standby;
    }

    /// <summary>Archives its log from now on.</summary>
    public async Task ArchiveAsync()
    {
        await RunAsync("mkdir", $"{_folder}/archive");
        await ExecuteAsync("ALTER SYSTEM SET archive_mode = on");
        await ExecuteAsync($"ALTER SYSTEM SET archive_command = 'cp %p {_folder}/archive/%f'");
        await StopAsync("fast");
        await StartAsync();
    }

    /// <summary>A base backup, which is not started.</summary>
    public async Task<PostgresCluster> BackUpAsync()
    {
        var backup = await CreateAsync(_connectionsMax);
        await RunAsync(
            $"{_binaries}/pg_basebackup", "-h", _address, "-U", "postgres", "-D", $"{backup._folder}/data", "--checkpoint=fast", "--wal-method=stream",
            "--no-sync");
        return backup;
    }

    /// <summary>Starts a base backup of <paramref name="archived"/> as that was at a moment.</summary>
    public async Task RestoreAsync(PostgresCluster archived, string moment)
    {
        var last = (string)(await archived.ExecuteAsync("SELECT pg_walfile_name(pg_switch_wal())"))!;
        while (await archived.ExecuteAsync("SELECT last_archived_wal FROM pg_stat_archiver") is not string done || string.CompareOrdinal(done, last) < 0)
        {
            await Task.Delay(10);
        }

        await RunAsync(
            "sh", "-c", "printf '%s\n' \"$1\" >> \"$0/postgresql.auto.conf\"; touch \"$0/recovery.signal\"", $"{_folder}/data",
            $"""
            archive_mode = off
            restore_command = 'cp {archived._folder}/archive/%f %p'
            recovery_target_time = '{moment}'
            recovery_target_action = promote
            """);
        await StartAsync();
        while (await ExecuteAsync("SELECT pg_is_in_recovery()") is true)
        {
            await Task.Delay(10);
        }
    }

    public Task StartAsync() => RunAsync(
        $"{_binaries}/pg_ctl", "start", "-s", "-w", "-D", $"{_folder}/data", "-l", $"{_folder}/log",
        "-o", $"-c fsync=off -c listen_addresses='' -c unix_socket_directories='{_address}' -c shared_buffers=32MB -c max_connections={_connectionsMax}");

    /// <summary>Stops a standby's receiver where it is: the connection stays, and nothing is taken from it any more.</summary>
    public async Task FreezeReceiverAsync() =>
        await RunAsync("kill", "-STOP", $"{await ExecuteAsync("SELECT pid FROM pg_stat_wal_receiver")}");

    /// <summary>Kills all of its processes, and waits until they have ended.</summary>
    public Task KillAsync() => RunAsync(
        "sh", "-c",
        """
        p=$(head -n 1 "$0/data/postmaster.pid"); all="$p $(cat /proc/$p/task/$p/children)"; kill -KILL $all
        for one in $all; do while [ -e /proc/$one ] && ! grep -q '^State:.Z' /proc/$one/status; do sleep 0.01; done; done
        rm -f "$0/data/postmaster.pid" "$1/.s.PGSQL.5432" "$1/.s.PGSQL.5432.lock"
        """,
        _folder, _address);

    /// <summary>Makes a standby, with no more than it has on its disk, the server behind another's address.</summary>
    public async Task TakeOverAsync(PostgresCluster killed)
    {
        await KillAsync();
        _address = killed._address;
        await StartAsync();
        await RunAsync($"{_binaries}/pg_ctl", "promote", "-s", "-w", "-D", $"{_folder}/data");
    }

    /// <param name="mode"><c>fast</c> ends sessions and checkpoints; <c>immediate</c> is a crash.</param>
    public Task StopAsync(string mode) => RunAsync($"{_binaries}/pg_ctl", "stop", "-s", "-w", "-m", mode, "-D", $"{_folder}/data");

    /// <summary>Stops its processes where they are: connections stay, nothing answers.</summary>
    public Task FreezeAsync() => SignalAsync("STOP");

    /// <summary>Lets them go on.</summary>
    public Task ThawAsync() => SignalAsync("CONT");

    public async ValueTask DisposeAsync()
    {
        _warden.StandardInput.Close();
        await _warden.WaitForExitAsync();
        _warden.Dispose();
    }

    /// <summary>The postmaster first: it must not start others meanwhile. Those that end meanwhile need no signal.</summary>
    private Task<string> SignalAsync(string signal) => RunAsync(
        "sh", "-c", "p=$(head -n 1 \"$1/data/postmaster.pid\") && kill -$0 $p && { kill -$0 $(cat /proc/$p/task/$p/children) || true; }",
        signal, _folder);

    private static async Task<PostgresCluster> CreateAsync(int connectionsMax)
    {
        var binaries = FindBinaries();
        var folder = (await RunAsync("mktemp", "-d", "/tmp/og-pg-XXXXXX")).Trim();
        // Its input ends when this process does; then nothing of the cluster may stay.
        var warden = Start(
            redirectInput: true,
            "sh", "-c", "cat; { p=$(head -n 1 \"$1/data/postmaster.pid\"); kill -CONT $p $(cat /proc/$p/task/$p/children); \"$0/pg_ctl\" stop -s -m immediate -D \"$1/data\"; } 2>/dev/null; rm -rf \"$1\"", binaries, folder);
        return new PostgresCluster(binaries, folder, warden, connectionsMax);
    }

    private async Task<object?> ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection($"{ConnectionString};Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>The folder of the installed PostgreSQL's programs.</summary>
    public static string FindBinaries()
    {
        var installed = Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").OrderByDescending(d => int.TryParse(Path.GetFileName(d), out var v) ? v : 0)
            : Enumerable.Empty<string>();
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        return installed.Select(d => Path.Combine(d, "bin")).Concat(path).FirstOrDefault(d => File.Exists(Path.Combine(d, "initdb")))
            ?? throw new InvalidOperationException(
                "PostgreSQL's initdb is neither under /usr/lib/postgresql nor in PATH. Install PostgreSQL's server"
                + " (./test does), or name a server in ConnectionStrings__Ledger.");
    }

    /// <summary>Runs a program as a user that PostgreSQL accepts: it refuses root.</summary>
    private static Process Start(bool redirectInput, string program, params string[] arguments)
    {
        string[] command = Environment.IsPrivilegedProcess
            ? ["runuser", "-u", "postgres", "--", program, .. arguments]
            : [program, .. arguments];
        return Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = redirectInput,
            RedirectStandardOutput = !redirectInput,
            RedirectStandardError = !redirectInput,
            // The postgres user may not be able to enter ours.
            WorkingDirectory = "/",
        })!;
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Start(redirectInput: false, program, arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {await output}{await errors}");
    }
}
