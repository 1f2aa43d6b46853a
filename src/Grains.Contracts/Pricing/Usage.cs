using Orleans;

namespace OrleansGateway.Grains.Contracts.Pricing;

/// <summary>
/// What one request used, by unit. The kinds of tokens are disjoint: <see cref="Unit.Reasoning"/> is not part of
/// <see cref="Unit.Output"/>, cached input is not part of <see cref="Unit.Input"/>.
/// </summary>
[Immutable, Alias("og.usage")]
public readonly record struct Usage
{
    private readonly PerUnit _counts;

    /// <summary>Usage of so much of each unit.</summary>
    public Usage(Func<Unit, long> count)
    {
        foreach (var unit in Units.All)
        {
            _counts[(int)unit] = count(unit);
        }
    }

    internal Usage(in PerUnit counts) => _counts = counts;

    /// <summary>Whether the provider reported nothing and the tokens are estimated from the text.</summary>
    public bool IsEstimated { get; init; }

    /// <summary>All input, tokens: what a price's tiers go by. A sum that does not fit is the greatest number.</summary>
    public long TotalInput => Sum(Units.InputTokens);

    /// <summary>All output, tokens. A sum that does not fit is the greatest number.</summary>
    public long TotalOutput => Sum(Units.OutputTokens);

    /// <summary>Whether no count is negative.</summary>
    public bool IsValid => !((ReadOnlySpan<long>)_counts).ContainsAnyInRange(long.MinValue, -1);

    /// <summary>How much of a unit.</summary>
    public long this[Unit unit]
    {
        get => _counts[(int)unit];
        init => _counts[(int)unit] = value;
    }

    /// <summary>Providers report these counts: whatever they claim, a sum never wraps around into a cheap one.</summary>
    public long Sum(UnitSet units)
    {
        var sum = 0L;
        for (var i = 0; i < Units.Count; i++)
        {
            var more = units.Contains((Unit)i) ? _counts[i] : 0;
            sum = sum > long.MaxValue - Math.Max(more, 0) ? long.MaxValue : sum + more;
        }
        return sum;
    }

    /// <summary>What is not 0.</summary>
    public override string ToString()
    {
        var usage = this;
        var counts = string.Join(", ", Units.All.Where(unit => usage[unit] != 0).Select(unit => $"{unit.Name()} {usage[unit]}"));
        return IsEstimated ? $"estimated: {counts}" : counts;
    }
}
