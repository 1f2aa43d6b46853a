using System.Diagnostics;
using Xunit;

namespace OrleansGateway.Tests.Simulation.Mutants;

/// <summary>Plants mutants and has the seeds run.</summary>
internal static class MutantRuns
{
    /// <summary>After this a run hangs; the simulation's own rule about what is stuck comes long before.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public static TheoryData<string> Names(IEnumerable<Mutant> mutants) => new(mutants.Select(static m => m.Name));

    public static async Task CatchAsync(Mutant mutant)
    {
        var since = Stopwatch.GetTimestamp();
        var project = ProductProject.Named(mutant.Project);
        using var simulation = new MutatedSimulation(new Dictionary<string, byte[]> { [project.AssemblyFile] = project.Compile(mutant) });
        var compiled = Stopwatch.GetElapsedTime(since);
        var caught = await simulation.RunAsync(Mutant.Seeds, Patience, TestContext.Current.CancellationToken);
        var seconds = Stopwatch.GetElapsedTime(since).TotalSeconds;
        Console.WriteLine(
            $"{mutant.Name,-52} {(caught.Seed is { } seed ? $"seed {seed,4}: {caught.Rule}" : "not caught"),-20} "
            + $"{compiled.TotalSeconds,5:0.0} s + {seconds - compiled.TotalSeconds,5:0.0} s");
        Assert.True(caught.Rule is not null, $"'{mutant.Name}' survived {Mutant.Seeds} seeds.");
        Assert.True(mutant.Rules.Contains(caught.Rule), $"'{mutant.Name}' was caught at seed {caught.Seed} by {caught.Rule}: {caught.Message}");
    }
}
