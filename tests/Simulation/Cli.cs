namespace OrleansGateway.Tests.Simulation;

internal static class Cli
{
    public static int Run(string[] args)
    {
        int Arg(string n, int d) => Array.IndexOf(args, n) is >= 0 and var i ? int.Parse(args[i + 1], System.Globalization.CultureInfo.InvariantCulture) : d;
        var from = Arg("--from", 1);
        var n = Arg("--seeds", 1);
        var trace = args.Contains("--trace");
        var rare = new Audit.RareStates();
        var failed = 0;
        long steps = 0, reqs = 0;
        var t = Environment.TickCount64;
        for (var seed = from; seed < from + n; seed++)
        {
            if (args.Contains("-v")) Console.Error.WriteLine(seed);
            var r = SeedRun.Run(new SeedPlan(seed, Arg("--accounts", 4), Arg("--requests", 200), Arg("--faults", int.MaxValue)), trace);
            rare.Add(r.Rare);
            steps += r.Steps;
            reqs += r.Requests;
            if (trace) Console.WriteLine(r.Trace);
            if (r.Broken is { } b) { failed++; Console.WriteLine($"FAILED seed {seed}: {b.Rule}: {b.What}"); }
            if (n < 5) Console.WriteLine($"{seed}: {r.Requests} requests, {r.Faults.Sum()} faults, {r.Steps} steps, {r.Time}, {r.Digest:x}");
        }
        Console.WriteLine($"{n} seeds, {failed} failed, {reqs} requests, {steps} steps, {Environment.TickCount64 - t} ms");
        foreach (var s in Audit.RareStates.All) Console.WriteLine($"  {s} {rare[s]}");
        return failed > 0 ? 1 : 0;
    }
}
