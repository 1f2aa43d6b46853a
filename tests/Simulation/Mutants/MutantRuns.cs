using System.Diagnostics;
using Xunit;

namespace OrleansGateway.Tests.Simulation.Mutants;

/// <summary>Plants mutants and has the seeds run.</summary>
internal static class MutantRuns
{
    /// <summary>After this a run hangs, however little of the cores it gets; the simulation's own rule about what is stuck comes long before.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

    /// <summary>The product's own assertions hold nothing: the auditor alone has to see what a mutant does.</summary>
    private static readonly Mutant Muted = new(
        "assertions muted", "Grains/Accounts/Invariant.cs", "        if (!condition)", "        if (rule is null)");

    private static readonly Lazy<byte[]> MutedGrains = new(static () => ProductProject.Named(Muted.Project).Compile(Muted));

    public static TheoryData<string> Names(IEnumerable<Mutant> mutants) => new(mutants.Select(static m => m.Name));

    public static async Task CatchAsync(Mutant mutant)
    {
        var since = Stopwatch.GetTimestamp();
        using var simulation = new MutatedSimulation(Compile(mutant));
        var compiled = Stopwatch.GetElapsedTime(since);
        var caught = await simulation.RunAsync(mutant.From, Mutant.Seeds, Patience, TestContext.Current.CancellationToken);
        var seconds = Stopwatch.GetElapsedTime(since).TotalSeconds;
        Console.WriteLine(
            $"{mutant.Name,-52} {(caught.Seed is { } seed ? $"seed {seed,4}: {caught.Rule}" : "not caught"),-20} "
            + $"{compiled.TotalSeconds,5:0.0} s + {seconds - compiled.TotalSeconds,5:0.0} s");
        Assert.True(caught.Rule is not null, $"'{mutant.Name}' survived {Mutant.Seeds} seeds.");
        Assert.True(mutant.Rules.Contains(caught.Rule), $"'{mutant.Name}' was caught at seed {caught.Seed} by {caught.Rule}: {caught.Message}");
    }

    private static Dictionary<string, byte[]> Compile(Mutant mutant)
    {
        var project = ProductProject.Named(mutant.Project);
        return mutant.Project == Muted.Project
            ? new() { [project.AssemblyFile] = project.Compile(mutant, Muted) }
            : new()
            {
                [project.AssemblyFile] = project.Compile(mutant),
                [ProductProject.Named(Muted.Project).AssemblyFile] = MutedGrains.Value,
            };
    }
}
