using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace OrleansGateway.Tests.Simulation.Mutants;

/// <summary>The first seed that failed, and what broke; null of both if all seeds passed.</summary>
internal readonly record struct Caught(int? Seed, string? Rule, string Message);

/// <summary>A copy of this program in a folder of its own, in which some assemblies are others.</summary>
internal sealed partial class MutatedSimulation : IDisposable
{
    private const string Program = "OrleansGateway.Tests.Simulation";

    private readonly string _folder = Directory.CreateTempSubdirectory("mutant-").FullName;

    /// <param name="assemblies">Contents by file name.</param>
    public MutatedSimulation(IReadOnlyDictionary<string, byte[]> assemblies)
    {
        foreach (var original in Directory.EnumerateFiles(AppContext.BaseDirectory))
        {
            var file = Path.GetFileName(original);
            var copy = Path.Combine(_folder, file);
            if (assemblies.TryGetValue(file, out var assembly))
            {
                File.WriteAllBytes(copy, assembly);
            }
            else if (file.StartsWith(Program + ".", StringComparison.Ordinal))
            {
                // The runtime looks for the others where the program itself lies, past a link.
                File.Copy(original, copy);
            }
            else
            {
                File.CreateSymbolicLink(copy, original);
            }
        }
    }

    /// <summary>Runs seeds up to the first one that fails.</summary>
    /// <exception cref="InvalidOperationException">It ended as nothing that the command line knows, or not within <paramref name="patience"/>.</exception>
    public async Task<Caught> RunAsync(int from, int seeds, TimeSpan patience, CancellationToken cancellationToken)
    {
        var invariant = CultureInfo.InvariantCulture;
        var start = new ProcessStartInfo(
            "dotnet",
            [
                Path.Combine(_folder, Program + ".dll"),
                "--seeds", seeds.ToString(invariant), "--from", from.ToString(invariant), "--threads", "1", "--first", "--auditor-alone",
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await process.WaitForExitAsync(cancellationToken).WaitAsync(patience, cancellationToken);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new InvalidOperationException($"It did not end within {patience}:\n{await output}{await errors}");
        }

        var failed = FailedLine().Match(await output);
        return (process.ExitCode, failed.Success) switch
        {
            (0 or 2, false) => new Caught(null, null, ""),
            (1, true) => new Caught(int.Parse(failed.Groups[1].Value, invariant), failed.Groups[2].Value, failed.Groups[3].Value),
            _ => throw new InvalidOperationException($"It ended with {process.ExitCode}:\n{await output}{await errors}"),
        };
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [GeneratedRegex(@"^FAILED seed (\d+): (rule [1-8]|limits|unserved|stuck|escaped|alarm): (.*)$", RegexOptions.Multiline)]
    private static partial Regex FailedLine();
}
