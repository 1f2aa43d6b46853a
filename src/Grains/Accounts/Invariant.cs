using System.Runtime.CompilerServices;

namespace OrleansGateway.Grains.Accounts;

/// <summary>The protocol's rules, held in production too: money that does not add up stops the activation.</summary>
internal static class Invariant
{
    public static void Holds(bool condition, [CallerArgumentExpression(nameof(condition))] string? rule = null)
    {
        if (!condition)
        {
            throw new InvariantException(rule!);
        }
    }
}

internal sealed class InvariantException(string rule) : Exception($"Broken: {rule}");
