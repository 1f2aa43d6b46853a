using System.Diagnostics.CodeAnalysis;

namespace OrleansGateway.Grains.Contracts;

/// <summary>
/// What was used lately, by name, in two generations: when the younger one is full the older one is forgotten, so that the bound costs no
/// bookkeeping on use. May be used by several threads at once.
/// </summary>
/// <param name="generationMax">The most in a generation: half of what is kept at most.</param>
public sealed class Recent<TValue>(int generationMax)
{
    private readonly Lock _lock = new();
    private Dictionary<string, TValue> _young = new(StringComparer.Ordinal);
    private Dictionary<string, TValue> _old = new(StringComparer.Ordinal);

    /// <summary>Finds what was added, if it is not forgotten yet.</summary>
    public bool TryGet(ReadOnlySpan<char> name, [MaybeNullWhen(false)] out TValue value)
    {
        lock (_lock)
        {
            if (_young.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out value))
            {
                return true;
            }

            if (!_old.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out value))
            {
                return false;
            }

            AddYoung(name.ToString(), value);
            return true;
        }
    }

    /// <summary>Finds what was added, or adds what <paramref name="make"/> makes, which nothing else may wait for.</summary>
    public TValue GetOrAdd<TState>(string name, TState state, Func<string, TState, TValue> make)
    {
        lock (_lock)
        {
            if (!TryGet(name, out var value))
            {
                AddYoung(name, value = make(name, state));
            }

            return value;
        }
    }

    private void AddYoung(string name, TValue value)
    {
        if (_young.Count == generationMax)
        {
            (_old, _young) = (_young, new(StringComparer.Ordinal));
        }

        _young.Add(name, value);
    }
}
