namespace OrleansGateway.Operations;

/// <summary>What kind of actor asks.</summary>
public enum ActorKind
{
    /// <summary>Who has the operator's token.</summary>
    Operator,

    /// <summary>Who is signed in.</summary>
    Person,

    /// <summary>The gateway itself.</summary>
    System,
}

/// <summary>Who asks.</summary>
/// <param name="Kind">With <paramref name="Id"/>, whose request ids are meant: two actors may use the same.</param>
/// <param name="Id">1–128 characters.</param>
/// <param name="Address">Whence, for the audit: a network address, or what else tells it. 1–200 characters.</param>
public sealed record Actor(ActorKind Kind, string Id, string Address)
{
    /// <summary>Why nothing that an operator may ask is answered or done; null if it is.</summary>
    internal Failure? Refusal => Kind == ActorKind.Person ? new(FailureKind.NotAllowed, "Only operators may do this.") : null;
}
