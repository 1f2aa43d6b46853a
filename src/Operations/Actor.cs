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
    /// <summary>Of a person: the account that they belong to; null where there is none.</summary>
    public string? AccountId { get; init; }

    /// <summary>Why nothing that an operator may ask is answered or done; null if it is.</summary>
    internal Failure? Refusal => Kind == ActorKind.Person ? new(FailureKind.NotAllowed, "Only operators may do this.") : null;

    /// <summary>The same of what people may do and ask of their own account; of others they learn nothing, not even whether they exist.</summary>
    internal Failure? RefusalFor(string? accountId) => AccountId is not null && AccountId == accountId ? null : Refusal;
}
