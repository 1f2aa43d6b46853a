using System.Diagnostics;
using System.Text.RegularExpressions;
using OrleansGateway.Tests.Programs;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Gateway;

/// <summary>The command line of README.md, against a running service.</summary>
public sealed partial class ReadmeTests(PostgresServer server)
{
    private const string Run = "dotnet run --project src/Silo -- ";

    [Fact]
    public async Task Commands_AsTheyStand_Succeed()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var account = await gateway.CreateAccountAsync("1");
        var commands = Lines().Where(line => line.StartsWith(Run, StringComparison.Ordinal) && !line.EndsWith("VERB", StringComparison.Ordinal)).ToList();
        Assert.InRange(commands.Count, 3, 100);
        foreach (var command in commands)
        {
            var (exitCode, text) = await ShellAsync(gateway, command.Replace("ACCOUNT", account, StringComparison.Ordinal));
            Assert.True(exitCode == 0, $"{command}: {exitCode}\n{text}");
        }
    }

    [Fact]
    public async Task Verbs_OfTheOverview_AreThereWithTheirOptions()
    {
        var verbs = Lines().Where(line => Overview().IsMatch(line)).ToList();
        Assert.Equal(["account", "key", "usage", "ledger", "verify", "catalog"], verbs.Select(line => line.Split(' ')[0]));
        foreach (var line in verbs)
        {
            var verb = line.Split(' ')[0];
            string[] names = [.. SubVerb().Matches(line[verb.Length..]).Select(match => match.Groups[1].Value)];
            foreach (var name in names.DefaultIfEmpty(""))
            {
                string[] command = [verb, .. name.Length == 0 ? [] : new[] { name }, "--help"];
                var (exitCode, help, errors) = await GatewayProcess.RunAsync([], command);
                Assert.True(exitCode == 0, $"{string.Join(' ', command)}: {exitCode}\n{errors}");
                var options = name.Length == 0 ? LongOption().Matches(line).Select(match => match.Value) : [];
                Assert.All(options, option => Assert.Contains(option, help, StringComparison.Ordinal));
            }
        }
    }

    /// <summary>The indented lines of README.md.</summary>
    private static IEnumerable<string> Lines()
    {
        return File.ReadLines(Path.Combine(Repository.Root, "README.md")).Where(line => line.StartsWith("    ", StringComparison.Ordinal)).Select(line => line.Trim());
    }

    /// <summary>Runs a line in a shell as a reader would, with the built program in place of one that dotnet builds first.</summary>
    private static async Task<(int ExitCode, string Output)> ShellAsync(GatewayFixture gateway, string line)
    {
        var script = $"dotnet() {{ shift 4; command dotnet exec '{GatewayProcess.FileOf(GatewayProcess.Silo)}' \"$@\"; }}; {line}";
        var start = new ProcessStartInfo("bash", ["-c", script]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Path.GetTempPath() };
        foreach (var (name, value) in gateway.Settings)
        {
            start.Environment[name.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output + await errors);
    }

    [GeneratedRegex(@"^(account|key|usage|ledger|verify|catalog)( |$)")]
    private static partial Regex Overview();

    /// <summary>Words between bars, without what stands for a value or may be left out.</summary>
    [GeneratedRegex(@"(?:^ +|\| ?)([a-z-]+)\b(?![^\[]*\])")]
    private static partial Regex SubVerb();

    [GeneratedRegex(@"--[a-z-]+")]
    private static partial Regex LongOption();
}
