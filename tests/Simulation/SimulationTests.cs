using System.Diagnostics;
using System.Globalization;
using OrleansGateway.Tests.Simulation.Running;
using Xunit;

namespace OrleansGateway.Tests.Simulation;

/// <summary>The protocol's rules under seeds and seeds of faults.</summary>
public sealed class SimulationTests
{
    private const int SeedsUsual = 2000;

    [Fact]
    public void Rules_UnderAllFaults_Hold()
    {
        var seeds = int.TryParse(Environment.GetEnvironmentVariable("SIMULATION_SEEDS"), CultureInfo.InvariantCulture, out var more) ? more : SeedsUsual;

        var summary = SeedRuns.Run(Enumerable.Range(1, seeds).Select(static seed => new SeedPlan(seed)), Environment.ProcessorCount, stopsAtFirst: false);

        Console.WriteLine(summary);
        Assert.True(summary.Failed.Count == 0, string.Join('\n', summary.Failed.Take(3).Select(Cli.Explain)));
        Assert.InRange(summary.RequestsLeast, 200, int.MaxValue);
        Assert.InRange(summary.FaultsLeast, SeedPlan.FaultsWanted, int.MaxValue);
        Assert.Empty(summary.NeverReached);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(17)]
    public async Task Trace_OfASeedInAnotherProcess_IsTheSameToTheByte(int seed)
    {
        var here = SeedRun.Run(new SeedPlan(seed), keepsTrace: true);
        using var process = Process.Start(new ProcessStartInfo("dotnet")
        {
            ArgumentList = { typeof(SimulationTests).Assembly.Location, "--seeds", "1", "--from", $"{seed}", "--trace" },
            RedirectStandardOutput = true,
        })!;

        var there = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);

        Assert.NotEmpty(here.Trace);
        Assert.StartsWith(here.Trace, there, StringComparison.Ordinal);
        Assert.Contains($"{here.Digest:x16}", there[here.Trace.Length..], StringComparison.Ordinal);
    }

    [Fact]
    public void Traces_OfTwoSeeds_Differ() =>
        Assert.NotEqual(SeedRun.Run(new SeedPlan(1)).Digest, SeedRun.Run(new SeedPlan(2)).Digest);
}
