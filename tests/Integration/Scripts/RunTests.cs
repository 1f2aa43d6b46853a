using OrleansGateway.Tests.Programs;
using OrleansGateway.Tests.Programs.Scripts;
using Xunit;

namespace OrleansGateway.Tests.Integration.Scripts;

/// <summary><c>./run</c> in a clone, from its first start to its end.</summary>
public sealed class RunTests
{
    private const string IsUp = "Ctrl-C stops it.";

    [Fact]
    public async Task Run_KilledAndStartedAgain_ServesTheSameKeyAndLeavesNothing()
    {
        await using var clone = new ScriptClone(Repository.Root);
        using var first = clone.Start("exec ./run");
        var request = FirstRequest(await first.SaysAsync(IsUp));
        await AssertAnswersAsync(clone, request);
        await AssertAnswersAsync(clone, OfTheReadme(request));

        var (code, refusal) = await clone.RunAsync("./run");
        Assert.Equal(1, code);
        Assert.Contains("./run is running in this clone already", refusal, StringComparison.Ordinal);

        // The gateway dies: the rest ends with it, and says so.
        var gateway = Assert.Single(clone.Processes(), id => File.ReadAllText($"/proc/{id}/cmdline").Contains("OrleansGateway.Silo.dll", StringComparison.Ordinal));
        ScriptClone.Signal("KILL", gateway);
        Assert.Equal(1, await first.EndAsync());
        Assert.Contains($"process {gateway} has ended by itself", first.Output, StringComparison.Ordinal);
        Assert.Empty(clone.Processes());

        // The next start finds the data and the key, and Ctrl-C ends all of it.
        using var second = clone.Start("exec ./run");
        var again = FirstRequest(await second.SaysAsync(IsUp));
        Assert.Equal(KeyOf(request), KeyOf(again));
        await AssertAnswersAsync(clone, again);
        ScriptClone.Signal("INT", second.Id);
        Assert.Equal(130, await second.EndAsync());
        Assert.Empty(clone.Processes());
    }

    [Fact]
    public async Task Run_OnAPortInUse_EndsAndNamesTheSetting()
    {
        await using var clone = new ScriptClone(Repository.Root);
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();
        var port = ((System.Net.IPEndPoint)taken.LocalEndpoint).Port;
        var (code, output) = await clone.RunAsync($"GATEWAY_PORT={port} ./run");
        Assert.Equal(1, code);
        Assert.Contains($"port {port} (GATEWAY_PORT) is in use", output, StringComparison.Ordinal);
        Assert.Empty(clone.Processes());
    }

    private static string FirstRequest(string output) => Assert.Single(output.Split('\n'), line => line.StartsWith("curl -N ", StringComparison.Ordinal));

    private static string KeyOf(string request) => request[request.IndexOf("sk-og-", StringComparison.Ordinal)..].Split('"')[0];

    /// <summary>The first request of README.md, at the address and with the key of the one that was printed.</summary>
    private static string OfTheReadme(string printed)
    {
        var lines = File.ReadAllLines(Path.Combine(Repository.Root, "README.md"));
        var at = Array.FindIndex(lines, line => line.StartsWith("    curl -N http://127.0.0.1:8080/", StringComparison.Ordinal));
        var request = string.Join('\n', lines[at..].TakeWhile(line => line.Length > 0));
        var url = new Uri(printed.Split(' ')[2]);
        return $"KEY={KeyOf(printed)}\n{request.Replace("http://127.0.0.1:8080", url.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal)}";
    }

    private static async Task AssertAnswersAsync(ScriptClone clone, string request)
    {
        var (code, answer) = await clone.RunAsync(request);
        Assert.True(code == 0 && answer.Contains("data: [DONE]", StringComparison.Ordinal), $"{request}: {code}\n{answer}");
    }
}
