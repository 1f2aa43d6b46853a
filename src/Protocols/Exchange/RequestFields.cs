using System.Collections.Frozen;
using System.Collections.Immutable;

namespace OrleansGateway.Protocols.Exchange;

/// <summary>What becomes of a request's field on its way to a provider that speaks the same protocol.</summary>
public enum FieldHandling
{
    /// <summary>It bounds the cost, and goes on as it is but for what the channel wants otherwise.</summary>
    Bounds,

    /// <summary>It buys what has a price of its own; where the price is missing, the channel's <c>unpriced</c> decides.</summary>
    Priced,

    /// <summary>It does not change the price, or only through the tokens that are reported, and goes on as it is.</summary>
    PassedOn,

    /// <summary>It is refused, with a 400 that names it.</summary>
    Refused,
}

/// <summary>A field of a protocol's requests.</summary>
/// <param name="Says">What the cost has to do with it.</param>
public sealed record RequestField(string Name, FieldHandling Handling, string Says);

/// <summary>
/// The top-level fields of a protocol's requests that the relay knows. What is not among them goes to providers that take unknown fields
/// alone.
/// </summary>
/// <param name="all">All, as <c>docs/fields.md</c> shows them.</param>
public sealed class RequestFields(ImmutableArray<RequestField> all)
{
    private readonly FrozenDictionary<string, FieldHandling> _handling = all.ToFrozenDictionary(
        static field => field.Name, static field => field.Handling, StringComparer.Ordinal);

    /// <summary>All, as <c>docs/fields.md</c> shows them.</summary>
    public ImmutableArray<RequestField> All => all;

    /// <summary>What becomes of a field; null of one that is unknown.</summary>
    public FieldHandling? Of(string name) => _handling.TryGetValue(name, out var handling) ? handling : null;

    /// <summary>Fields that go on as they are.</summary>
    public static IEnumerable<RequestField> Passed(string says, params string[] names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return names.Select(name => new RequestField(name, FieldHandling.PassedOn, says));
    }
}
