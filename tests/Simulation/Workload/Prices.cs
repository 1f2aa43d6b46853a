using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Tests.Simulation.Workload;

/// <summary>The catalog's one model, whose price changes under way.</summary>
internal sealed class Prices(Random random)
{
    private int _version;

    public Price Current { get; private set; } = Make(0, 100_000, 300_000, 0);

    /// <summary>Rates that leave fractions of a nano.</summary>
    public void Change() => Current = Make(++_version, random.Next(0, 400_000), random.Next(1, 900_000), random.Next(3) == 0 ? random.Next(1, 5) : 0);

    /// <summary>Every unit is sold, each kind of token at a rate of its own.</summary>
    private static Price Make(int version, long input, long output, long perCall) => new(
        $"model@{version}",
        new Rates(unit =>
            Units.CachedTokens.Contains(unit) ? input / (10 + (int)unit)
            : Units.InputTokens.Contains(unit) ? input + (input / 20 * (int)unit)
            : Units.OutputTokens.Contains(unit) ? output + (output / 40 * (unit - Unit.Output))
            : unit == Unit.Calls ? perCall * PriceArithmetic.UnitsPerRate
            : input * (int)unit),
        []);
}
