namespace OrleansGateway.Protocols.Exchange;

/// <summary>What a field of a request buys beside the model's tokens.</summary>
public enum FieldPrice
{
    /// <summary>Another tier of service: its value names it.</summary>
    ServiceTier,

    /// <summary>Searches that the provider makes.</summary>
    Searches,

    /// <summary>Searches of which each answer asks for one at the most: what it finds is input of the next request.</summary>
    SearchCalls,

    /// <summary>A larger window than the model's usual one: <see cref="RequestFacts.AskedWindow"/>. Only one that the model is sold with has a price.</summary>
    Window,

    /// <summary>Another tool that the provider runs. None has a price.</summary>
    HostedTool,
}

/// <summary>A field of a request that changes its price.</summary>
/// <param name="Field">Its top-level name: what has to be left out to do without.</param>
/// <param name="Path">Where it stands, for errors: <c>tools[2].type</c>.</param>
/// <param name="Value">The tier, or the kind of tool.</param>
public readonly record struct PricedField(FieldPrice Price, string Field, string Path, string Value);
