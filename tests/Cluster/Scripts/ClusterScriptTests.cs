using OrleansGateway.Tests.Programs;
using OrleansGateway.Tests.Programs.Scripts;
using Xunit;

namespace OrleansGateway.Tests.Cluster.Scripts;

/// <summary><c>./cluster</c> in a clone, command by command.</summary>
public sealed class ClusterScriptTests
{
    [Fact]
    public async Task Cluster_WhoseProcessesAreKilledAddedAndStopped_ServesOnAndLeavesNothing()
    {
        await using var clone = new ScriptClone(Repository.Root);
        var started = await RunAsync(clone, "./cluster");
        var request = Assert.Single(started.Split('\n'), line => line.StartsWith("curl -N ", StringComparison.Ordinal));
        await AssertServesAsync(clone, request);
        var site = Assert.Single(started.Split('\n'), line => line.StartsWith("  site ", StringComparison.Ordinal)).Split(' ')[^1];
        var link = Assert.Single(started.Split('\n'), line => line.Contains("/claim?token=", StringComparison.Ordinal));
        Assert.StartsWith(site, link, StringComparison.Ordinal);
        await AssertShowsAsync(clone, site);

        var (code, output) = await clone.RunAsync("./cluster");
        Assert.Equal(1, code);
        Assert.Contains("the cluster is running already", output, StringComparison.Ordinal);

        Assert.Contains("silo-2", NotRunning(await RunAsync(clone, "./cluster kill silo 2")));
        await AssertServesAsync(clone, request);
        Assert.Empty(NotRunning(await RunAsync(clone, "./cluster start silo 2")));
        Assert.Contains("edge-3", await RunAsync(clone, "./cluster add edge"), StringComparison.Ordinal);
        Assert.Equal(["edge-1"], NotRunning(await RunAsync(clone, "./cluster stop edge 1")));
        Assert.Equal(["edge-1", "web-1"], NotRunning(await RunAsync(clone, "./cluster stop web 1")));
        await AssertServesAsync(clone, request);
        await AssertShowsAsync(clone, site);

        await RunAsync(clone, "./cluster stop");
        Assert.Empty(clone.Processes());
        Assert.Contains("Nothing runs.", await RunAsync(clone, "./cluster stop"), StringComparison.Ordinal);
        (code, output) = await clone.RunAsync("./cluster kill silo 1");
        Assert.Equal(1, code);
        Assert.Contains("the cluster does not run", output, StringComparison.Ordinal);
    }

    /// <summary>The load balancer sends pages to the site, and the relay's paths to edges.</summary>
    private static async Task AssertShowsAsync(ScriptClone clone, string site)
    {
        Assert.Contains("<html", await RunAsync(clone, $"curl -sS {site}/models"), StringComparison.Ordinal);
        Assert.Contains("\"error\"", await RunAsync(clone, $"curl -sS {site}/v1/models"), StringComparison.Ordinal);
    }

    private static async Task<string> RunAsync(ScriptClone clone, string command)
    {
        var (code, output) = await clone.RunAsync(command);
        Assert.True(code == 0, $"{command}: {code}\n{output}");
        return output;
    }

    /// <summary>The processes without an id in the lines that end with a status.</summary>
    private static List<string> NotRunning(string output) =>
        [.. output.Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(words => words is [_, "-", ..]).Select(words => words[0])];

    /// <summary>Repeats a request, as clients do, until it is answered: for some seconds the accounts of a silo that died are nowhere.</summary>
    private static async Task AssertServesAsync(ScriptClone clone, string request)
    {
        for (var attempts = 1; ; attempts++)
        {
            var (code, answer) = await clone.RunAsync(request);
            if (code == 0 && answer.Contains("data: [DONE]", StringComparison.Ordinal))
            {
                return;
            }

            Assert.True(attempts < 120 && answer.Contains("\"error\"", StringComparison.Ordinal), $"{request}: {code}\n{answer}");
            await Task.Delay(TimeSpan.FromSeconds(0.5), TestContext.Current.CancellationToken);
        }
    }
}
