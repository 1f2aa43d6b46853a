namespace OrleansGateway.Tests.Simulation;

/// <summary>One case: everything else follows from the seed. Fewer accounts, requests and faults make a smaller one.</summary>
/// <param name="Seed">Decides all choices.</param>
/// <param name="Accounts">How many customers there are.</param>
/// <param name="Requests">The least number of requests; more are made while faults are missing.</param>
/// <param name="Faults">The most faults; no more happen after them.</param>
/// <param name="HearsAlarms">Whether an alarm of the product's own breaks the run, too; otherwise the auditor has to see for itself.</param>
internal sealed record SeedPlan(int Seed, int Accounts = 4, int Requests = 200, int Faults = int.MaxValue, bool HearsAlarms = true)
{
    /// <summary>A run with all the faults it likes goes on until it had so many.</summary>
    public const int FaultsWanted = 20;

    /// <summary>An independent source of choices for one part of the simulation.</summary>
    public Random Random(int part) => new(unchecked((int)((((uint)Seed * 2654435761u) ^ ((uint)part * 40503u)) * 2246822519u >> 1)));
}
