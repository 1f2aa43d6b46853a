using System.Diagnostics;

namespace OrleansGateway.Tests.Integration.Postgres;

/// <summary>
/// A PostgreSQL cluster of our own, from the installed binaries: in a temporary folder, behind a Unix socket, durable like a
/// real one. It ends with this process, however that ends.
/// </summary>
public sealed class PostgresCluster : IAsyncDisposable
{
    private readonly string _binaries;
    private readonly string _folder;
    private readonly Process _warden;
    private readonly int _connectionsMax;

    private PostgresCluster(string binaries, string folder, Process warden, int connectionsMax)
    {
        _binaries = binaries;
        _folder = folder;
        _warden = warden;
        _connectionsMax = connectionsMax;
    }

    /// <summary>For the superuser and the database <c>postgres</c>.</summary>
    public string ConnectionString => $"Host={_folder};Username=postgres;Database=postgres";

    /// <param name="connectionsMax">The most sessions that it takes at once.</param>
    public static async Task<PostgresCluster> StartNewAsync(int connectionsMax = 200)
    {
        var binaries = FindBinaries();
        var folder = (await RunAsync("mktemp", "-d", "/tmp/og-pg-XXXXXX")).Trim();
        // Its input ends when this process does; then nothing of the cluster may stay.
        var warden = Start(
            redirectInput: true,
            "sh", "-c", "cat; kill -CONT \"$(head -n 1 \"$1/data/postmaster.pid\")\"; \"$0/pg_ctl\" stop -s -m immediate -D \"$1/data\"; rm -rf \"$1\"", binaries, folder);
        var cluster = new PostgresCluster(binaries, folder, warden, connectionsMax);
        await RunAsync(
            $"{binaries}/initdb", "-D", $"{folder}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync");
        await cluster.StartAsync();
        return cluster;
    }

    public Task StartAsync() => RunAsync(
        $"{_binaries}/pg_ctl", "start", "-s", "-w", "-D", $"{_folder}/data", "-l", $"{_folder}/log",
        "-o", $"-c listen_addresses='' -c unix_socket_directories='{_folder}' -c shared_buffers=32MB -c max_connections={_connectionsMax}");

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

    private static string FindBinaries()
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
