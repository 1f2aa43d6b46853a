using System.Diagnostics;
using System.Runtime.InteropServices;
using Xunit;

namespace OrleansGateway.Tests.Programs.Gateway;

/// <summary>One of the built programs in a process of its own, with what it writes. It ends with this process, however that ends.</summary>
internal sealed class GatewayProcess : IAsyncDisposable
{
    public const int SigTerm = 15;
    public const int SigInt = 2;
    public const int SigKill = 9;
    public const int SigHup = 1;
    public const int SigStop = 19;
    public const int SigCont = 18;

    /// <summary>The gateway's program, or that of a cluster's silos.</summary>
    public const string Silo = "Silo";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly Process _warden;
    private readonly List<string> _lines = [];
    private readonly List<(Func<string, bool> IsIt, TaskCompletionSource<string> Found)> _waiting = [];
    private readonly Task _reading;

    private GatewayProcess(Process process, Process warden)
    {
        _process = process;
        _warden = warden;
        _reading = Task.WhenAll(ReadAsync(process.StandardOutput), ReadAsync(process.StandardError));
    }

    /// <summary>All that it has written so far.</summary>
    public string Output
    {
        get
        {
            lock (_lines)
            {
                return string.Join('\n', _lines);
            }
        }
    }

    /// <param name="program">The program's project.</param>
    /// <param name="settings">The only settings that it finds, named as in a file.</param>
    public static GatewayProcess Start(string program, IEnumerable<KeyValuePair<string, string?>> settings, params string[] arguments)
    {
        var process = System.Diagnostics.Process.Start(StartInfo(program, settings, arguments))!;
        var warden = System.Diagnostics.Process.Start(
            new ProcessStartInfo("sh", ["-c", $"cat; kill -KILL {process.Id}"]) { RedirectStandardInput = true, RedirectStandardError = true })!;
        return new GatewayProcess(process, warden);
    }

    /// <summary>The process.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasEnded => _process.HasExited;

    /// <summary>Starts a verb whose output the test reads.</summary>
    public static Process StartVerb(IEnumerable<KeyValuePair<string, string?>> settings, params string[] arguments) =>
        System.Diagnostics.Process.Start(StartInfo(Silo, settings, arguments))!;

    /// <summary>Runs a verb to its end.</summary>
    public static async Task<(int ExitCode, string Output, string Errors)> RunAsync(
        IEnumerable<KeyValuePair<string, string?>> settings, params string[] arguments)
    {
        using var process = StartVerb(settings, arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Patience);
        return (process.ExitCode, (await output).TrimEnd(), (await errors).TrimEnd());
    }

    /// <summary>The first line with this text, as soon as there is one.</summary>
    public async Task<string> LineAsync(string text)
    {
        var found = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lines)
        {
            if (_lines.Find(line => line.Contains(text, StringComparison.Ordinal)) is { } line)
            {
                return line;
            }

            _waiting.Add((written => written.Contains(text, StringComparison.Ordinal), found));
        }

        var first = await Task.WhenAny(found.Task, _reading, Task.Delay(Patience));
        Assert.True(first == found.Task, $"The program did not write '{text}', but:\n{Output}");
        return await found.Task;
    }

    /// <summary>The file of a built program: that of .../publish/PROGRAM/CONFIGURATION/ which belongs to .../bin/TESTS/CONFIGURATION/.</summary>
    public static string FileOf(string program)
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory);
        return Path.Combine(own.Parent!.Parent!.Parent!.FullName, "publish", program, own.Name, $"OrleansGateway.{program}.dll");
    }

    public void Signal(int signal) => Signal(_process, signal);

    public static void Signal(Process process, int signal) => Assert.Equal(0, Kill(process.Id, signal));

    /// <returns>The exit code.</returns>
    public async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Patience);
        await _reading;
        return _process.ExitCode;
    }

    /// <summary>Kills it if it still runs.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _warden.Kill();
        _warden.Dispose();
        await _reading;
        _process.Dispose();
    }

    private static ProcessStartInfo StartInfo(string program, IEnumerable<KeyValuePair<string, string?>> settings, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", ["exec", FileOf(program), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        foreach (var name in start.Environment.Keys.Where(name => name.Contains("__", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        // Most live for seconds, in which profiles are only made and never used.
        start.Environment["DOTNET_TieredPGO"] = "0";
        foreach (var (name, value) in settings)
        {
            start.Environment[name.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        return start;
    }

    private async Task ReadAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (_lines)
            {
                _lines.Add(line);
                foreach (var (isIt, found) in _waiting)
                {
                    if (isIt(line))
                    {
                        found.TrySetResult(line);
                    }
                }
            }
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);
}
