using System.CommandLine;

namespace OrleansGateway.Tests.Simulation.Running;

/// <summary>Runs seeds from the command line: exits with 1 if a rule was broken, with 2 if the seeds left out what they must reach.</summary>
internal static class Cli
{
    public static readonly Option<int> Seeds = new("--seeds") { Description = "how many seeds", Required = true };

    private const int TraceLinesMax = 150;

    private static readonly Option<int> From = new("--from") { Description = "the first seed", DefaultValueFactory = static _ => 1 };
    private static readonly Option<int> Accounts = new("--accounts") { Description = "customers of each seed", DefaultValueFactory = static _ => 4 };
    private static readonly Option<int> Requests = new("--requests") { Description = "the least number of requests", DefaultValueFactory = static _ => 200 };
    private static readonly Option<int> Faults = new("--faults") { Description = "the most faults", DefaultValueFactory = static _ => int.MaxValue };
    private static readonly Option<int> Threads = new("--threads")
    {
        Description = "seeds that run at once",
        DefaultValueFactory = static _ => Environment.ProcessorCount,
    };

    private static readonly Option<bool> First = new("--first") { Description = "stop at the first seed that fails, and do not look for a smaller case" };
    private static readonly Option<bool> AuditorAlone = new("--auditor-alone") { Description = "alarms of the product's own break nothing" };
    private static readonly Option<bool> WithTrace = new("--trace") { Description = "print what happened, whole" };

    public static int Run(string[] args)
    {
        var command = new RootCommand("Runs seeds of the simulation and says which rule, if any, one of them breaks.")
        {
            Seeds, From, Accounts, Requests, Faults, Threads, First, AuditorAlone, WithTrace,
        };
        command.SetAction(Run);
        return command.Parse(args).Invoke();
    }

    /// <summary>The command that repeats one case.</summary>
    public static string Replay(SeedPlan plan)
    {
        var faults = plan.Faults == int.MaxValue ? "" : $" --faults {plan.Faults}";
        return $"dotnet run -c Release --project tests/Simulation -- --seeds 1 --from {plan.Seed} --accounts {plan.Accounts} --requests {plan.Requests}{faults} --trace";
    }

    /// <summary>Tells all of a failure: the seed, the rule, the smallest case, its trace and how to repeat it.</summary>
    public static string Explain(SeedResult failed)
    {
        var small = SeedRun.Run(SeedRuns.Shrink(failed), keepsTrace: true);
        var lines = small.Trace.Split('\n');
        return $"""
            {Headline(failed)}
            repeat: {Replay(failed.Plan)}
            smallest case: {small.Requests} requests, {small.Faults.Sum()} faults, {small.Plan.Accounts} accounts: {small.Broken?.Rule}: {small.Broken?.What}
            {string.Join('\n', lines.TakeLast(TraceLinesMax))}
            repeat it: {Replay(small.Plan)}
            """;
    }

    private static string Headline(SeedResult failed) =>
        $"FAILED seed {failed.Plan.Seed}: {failed.Broken!.Value.Rule}: {failed.Broken.Value.What.ReplaceLineEndings(" ")}";

    private static int Run(ParseResult arguments)
    {
        var plans = Enumerable.Range(arguments.GetValue(From), arguments.GetValue(Seeds)).Select(seed => new SeedPlan(
            seed, arguments.GetValue(Accounts), arguments.GetValue(Requests), arguments.GetValue(Faults), !arguments.GetValue(AuditorAlone)));
        if (arguments.GetValue(WithTrace))
        {
            return plans.Aggregate(0, static (code, plan) => code | Trace(plan));
        }

        var summary = SeedRuns.Run(plans, arguments.GetValue(Threads), arguments.GetValue(First));
        foreach (var failed in summary.Failed)
        {
            Console.WriteLine(arguments.GetValue(First) ? Headline(failed) : Explain(failed));
        }

        Console.WriteLine(summary);
        foreach (var state in summary.NeverReached)
        {
            Console.WriteLine($"never reached: {state}");
        }

        return summary.Failed.Count > 0 ? 1 : summary.NeverReached.Any() ? 2 : 0;
    }

    private static int Trace(SeedPlan plan)
    {
        var result = SeedRun.Run(plan, keepsTrace: true);
        Console.Write(result.Trace);
        Console.WriteLine($"seed {plan.Seed}: {result.Requests} requests, {result.Faults.Sum()} faults, {result.Steps} steps, {result.Digest:x16}");
        if (result.Broken is not null)
        {
            Console.WriteLine(Headline(result));
        }

        return result.Broken is null ? 0 : 1;
    }
}
