using System.Runtime.CompilerServices;

namespace OrleansGateway.Grains.Contracts.Pricing;

/// <summary>Some units.</summary>
[CollectionBuilder(typeof(UnitSet), nameof(Of))]
public readonly record struct UnitSet
{
    private readonly uint _bits;

    private UnitSet(uint bits) => _bits = bits;

    /// <summary>These units.</summary>
    public static UnitSet Of(params ReadOnlySpan<Unit> units)
    {
        var bits = 0u;
        foreach (var unit in units)
        {
            bits |= 1u << (int)unit;
        }
        return new UnitSet(bits);
    }

    /// <summary>Those of either.</summary>
    public static UnitSet operator |(UnitSet one, UnitSet other) => new(one._bits | other._bits);

    /// <summary>Those of both.</summary>
    public static UnitSet operator &(UnitSet one, UnitSet other) => new(one._bits & other._bits);

    /// <summary>Those of the one that the other has not.</summary>
    public static UnitSet operator -(UnitSet one, UnitSet other) => new(one._bits & ~other._bits);

    /// <summary>Whether the unit is one of them.</summary>
    public bool Contains(Unit unit) => (_bits & (1u << (int)unit)) != 0;

    /// <summary>In the order of their values.</summary>
    public IEnumerator<Unit> GetEnumerator() => Units.All.Where(Contains).GetEnumerator();

    /// <summary>Their names.</summary>
    public override string ToString() => string.Join(", ", Units.All.Where(Contains).Select(unit => unit.Name()));
}
