using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Tests.Simulation.Workload;

/// <summary>The catalog's one model, whose price changes under way.</summary>
internal sealed class Prices(Random random)
{
    private int _version;

    public Price Current { get; private set; } = Make(0, 100_000, 300_000, 0);

    /// <summary>Rates that leave fractions of a nano.</summary>
    public void Change() => Current = Make(++_version, random.Next(0, 400_000), random.Next(1, 900_000), random.Next(3) == 0 ? random.Next(1, 5) : 0);

    private static Price Make(int version, long input, long output, long perCall) => new(
        $"model@{version}",
        new Rates { [Unit.Input] = input, [Unit.Output] = output, [Unit.Calls] = perCall * PriceArithmetic.UnitsPerRate },
        []);
}
