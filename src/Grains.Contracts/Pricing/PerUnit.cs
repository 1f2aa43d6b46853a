using System.Runtime.CompilerServices;

namespace OrleansGateway.Grains.Contracts.Pricing;

/// <summary>A number for each unit, without a place of its own in memory.</summary>
[InlineArray(Units.Count)]
internal struct PerUnit : IEquatable<PerUnit>
{
    private long _first;

    public readonly bool Equals(PerUnit other) => ((ReadOnlySpan<long>)this).SequenceEqual(other);

    public override readonly bool Equals(object? obj) => obj is PerUnit other && Equals(other);

    public override readonly int GetHashCode()
    {
        var hash = 0;
        foreach (var number in this)
        {
            hash = (hash * 31) + number.GetHashCode();
        }
        return hash;
    }
}
