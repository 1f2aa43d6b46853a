using System.Diagnostics;
using System.Text;

namespace OrleansGateway.Tests.Programs.Scripts;

/// <summary>
/// A clone of the repository in a folder of its own, whose scripts are run as a user runs them. Its programs are those that the tests were
/// built with: its builds find nothing to do.
/// </summary>
public sealed class ScriptClone : IAsyncDisposable
{
    private static readonly string[] Copied = ["run", "cluster", "build"];
    private static readonly string[] Programs = ["Silo", "Edge", "SimulatedProvider"];

    /// <summary>What scripts take from the environment, and a test must not inherit.</summary>
    private static readonly string[] Inherited = ["Gateway__", "Cluster__", "Edge__", "Site__", "ConnectionStrings__", "Telemetry__", "Logging__", "GATEWAY_PORT"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("og-clone-");

    /// <param name="repository">The root of the repository that the tests were built in.</param>
    public ScriptClone(string repository)
    {
        foreach (var entry in new DirectoryInfo(repository).EnumerateFileSystemInfos())
        {
            var here = Path.Combine(Root, entry.Name);
            if (!Copied.Contains(entry.Name))
            {
                if (entry.Name is not ("artifacts" or ".data" or ".git"))
                {
                    File.CreateSymbolicLink(here, entry.FullName);
                }
            }
            else if (entry is FileInfo file)
            {
                file.CopyTo(here);
            }
            else
            {
                Directory.CreateDirectory(here);
                foreach (var part in ((DirectoryInfo)entry).EnumerateFiles())
                {
                    part.CopyTo(Path.Combine(here, part.Name));
                }
            }
        }

        var built = Directory.CreateDirectory(Path.Combine(Root, "artifacts", "bin")).FullName;
        Directory.CreateSymbolicLink(Path.Combine(Root, "artifacts", "publish"), Path.Combine(repository, "artifacts", "publish"));
        foreach (var program in Programs)
        {
            File.WriteAllText(Path.Combine(built, $"built-{(program == "SimulatedProvider" ? "load-tests" : "src")}-{program}"), "");
        }
    }

    /// <summary>Its root folder.</summary>
    public string Root => _folder.FullName;

    /// <summary>Ends what is left of its processes, and removes all that it has made.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var id in Processes())
        {
            Signal("KILL", id);
        }

        await RunAsync("""
            . build/lib.sh
            for suffix in '' -cluster; do
                data=.data pgsuffix=$suffix
                . build/postgres.sh
                folder=$(postgres_folder)
                rm -rf "$folder" "$(socket_folder "$folder")"
            done
            """);
        _folder.Delete(recursive: true);
    }

    /// <summary>Runs lines of a shell in its root folder, to their end.</summary>
    /// <returns>How it ended, and what it said on both outputs.</returns>
    public async Task<(int ExitCode, string Output)> RunAsync(string script)
    {
        using var started = Start(script);
        var code = await started.EndAsync();
        return (code, started.Output);
    }

    /// <summary>Starts lines of a shell in its root folder.</summary>
    public StartedScript Start(string script)
    {
        // What they start in the background must not keep the outputs open: they go to a file.
        var log = Path.Combine(Root, $"output-{Guid.NewGuid():N}");
        File.WriteAllText(log, "");
        var start = new ProcessStartInfo("bash", ["-c", $"exec >'{log}' 2>&1 </dev/null; {script}"]) { WorkingDirectory = Root };
        foreach (var name in start.Environment.Keys.Where(IsInherited).ToList())
        {
            start.Environment.Remove(name);
        }

        return new StartedScript(Process.Start(start)!, log);
    }

    /// <summary>The ids of the processes of this clone: their command line or their folder names it.</summary>
    public IReadOnlyList<int> Processes() =>
        [.. Directory.EnumerateDirectories("/proc").Select(folder => int.TryParse(Path.GetFileName(folder), out var id) ? id : 0).Where(id => id > 0 && Belongs(id))];

    /// <summary>Sends a process a signal.</summary>
    /// <param name="name">As <c>kill</c> names it: INT, TERM, KILL.</param>
    public static void Signal(string name, int process)
    {
        using var kill = Process.Start(new ProcessStartInfo("kill", [$"-{name}", $"{process}"]) { RedirectStandardError = true })!;
        kill.WaitForExit();
    }

    private static bool IsInherited(string name) =>
        name.EndsWith("_API_KEY", StringComparison.Ordinal) || Inherited.Any(begin => name.StartsWith(begin, StringComparison.Ordinal));

    private bool Belongs(int id)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/cmdline").Contains(Root, StringComparison.Ordinal) ||
                File.ResolveLinkTarget($"/proc/{id}/cwd", returnFinalTarget: false)?.FullName == Root;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It has ended meanwhile.
            return false;
        }
    }
}

/// <summary>A script that runs.</summary>
public sealed class StartedScript(Process process, string log) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>Its process.</summary>
    public int Id => process.Id;

    /// <summary>What it and what it has started have said until now.</summary>
    public string Output
    {
        get
        {
            using var reader = new StreamReader(new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite), Encoding.UTF8);
            return reader.ReadToEnd();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => process.Dispose();

    /// <summary>Waits until it says something, and returns all that it has said.</summary>
    /// <exception cref="InvalidOperationException">It has ended without.</exception>
    public async Task<string> SaysAsync(string text)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            var hasEnded = process.HasExited;
            var output = Output;
            if (output.Contains(text, StringComparison.Ordinal))
            {
                return output;
            }

            if (hasEnded)
            {
                throw new InvalidOperationException($"It ended with code {process.ExitCode} and did not say '{text}':\n{output}");
            }

            await Task.Delay(50, limit.Token);
        }
    }

    /// <summary>Waits for its end, and returns its exit code.</summary>
    public async Task<int> EndAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        await process.WaitForExitAsync(limit.Token);
        return process.ExitCode;
    }
}
