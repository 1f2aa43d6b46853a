using System.Diagnostics;

namespace OrleansGateway.Tests.Simulation.Running;

/// <summary>Runs many seeds, one on a thread at a time.</summary>
internal static class SeedRuns
{
    /// <param name="stopsAtFirst">Whether a broken rule ends the whole.</param>
    public static SeedSummary Run(IEnumerable<SeedPlan> plans, int threads, bool stopsAtFirst)
    {
        var summary = new SeedSummary();
        var clock = Stopwatch.StartNew();
        using var queue = plans.GetEnumerator();
        var workers = Enumerable.Range(0, threads).Select(_ => new Thread(Work)).ToList();
        workers.ForEach(static worker => worker.Start());
        workers.ForEach(static worker => worker.Join());
        summary.Seconds = clock.Elapsed.TotalSeconds;
        return summary;

        void Work()
        {
            while (Next() is { } plan)
            {
                var result = SeedRun.Run(plan);
                lock (summary)
                {
                    summary.Add(result);
                }
            }
        }

        SeedPlan? Next()
        {
            lock (summary)
            {
                return (stopsAtFirst && summary.Failed.Count > 0) || !queue.MoveNext() ? null : queue.Current;
            }
        }
    }

    /// <summary>The smallest case found that still breaks the same rule: first with fewer requests, then with fewer faults and accounts.</summary>
    public static SeedPlan Shrink(SeedResult failed)
    {
        var best = failed.Plan with { Requests = failed.Requests, Faults = failed.Faults.Sum() };
        int[] sizes = [0, 1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 130, 180, 250];
        best = Smallest(sizes.Select(size => best with { Requests = size }));
        best = Smallest(sizes.Select(size => best with { Faults = size }));
        best = Smallest(Enumerable.Range(1, best.Accounts).Select(accounts => best with { Accounts = accounts }));
        best = Smallest(sizes.Select(size => best with { Faults = size }));
        return Smallest(sizes.Select(size => best with { Requests = size }));

        SeedPlan Smallest(IEnumerable<SeedPlan> smaller) => smaller
            .TakeWhile(plan => plan != best && plan.Requests <= best.Requests && plan.Faults <= best.Faults)
            .FirstOrDefault(plan => SeedRun.Run(plan).Broken?.Rule == failed.Broken!.Value.Rule) ?? best;
    }
}
