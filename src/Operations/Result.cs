using System.Collections.Immutable;

namespace OrleansGateway.Operations;

/// <summary>Why nothing was done. One value a rule; the audit and the clients know them by their names in snake case.</summary>
public enum FailureKind
{
    /// <summary>The request is not valid; <see cref="Failure.Fields"/> says where.</summary>
    Invalid,

    /// <summary>The catalog has errors; <see cref="Failure.Fields"/> has all of them.</summary>
    InvalidCatalog,

    UnknownAccount,
    UnknownKey,
    UnknownAnnouncement,

    /// <summary>No catalog is published yet.</summary>
    NoCatalog,

    /// <summary>The request id was used for another request before.</summary>
    RequestIdConflict,

    /// <summary>The kind and ref have moved another amount before; nothing is moved.</summary>
    RefConflict,

    /// <summary>The amount is above what is available; nothing is moved.</summary>
    InsufficientFunds,

    /// <summary>A closed account, or a revoked key, stays so.</summary>
    ClosedForGood,

    /// <summary>The same request is being carried out.</summary>
    RequestRunning,

    /// <summary>This kind of actor may not ask for this.</summary>
    NotAllowed,

    /// <summary>Not possible at the moment, or the outcome is unknown: the same request may be sent again.</summary>
    Unavailable,
}

/// <summary>What is wrong with a field.</summary>
/// <param name="Field">By its path in the request, such as <c>limits.concurrency</c>.</param>
/// <param name="Message">A sentence for a person.</param>
public sealed record FieldProblem(string Field, string Message);

/// <summary>An expected failure.</summary>
/// <param name="Kind">The rule.</param>
/// <param name="Message">For a person.</param>
public sealed record Failure(FailureKind Kind, string Message)
{
    /// <summary>What is wrong, field by field; none where no field is to blame.</summary>
    public ImmutableArray<FieldProblem> Fields { get; init; } = [];

    /// <summary>One field is wrong.</summary>
    public static Failure Invalid(string field, string message) => Invalid([new FieldProblem(field, message)]);

    /// <summary>Fields are wrong.</summary>
    public static Failure Invalid(ImmutableArray<FieldProblem> fields)
    {
        var more = fields.Length > 1 ? $" ({fields.Length - 1} more)" : "";
        return new(FailureKind.Invalid, $"{fields[0].Field}: {fields[0].Message}{more}") { Fields = fields };
    }

    internal static Failure UnknownAccount(string accountId) => new(FailureKind.UnknownAccount, $"There is no account {Echo.Of(accountId)}.")
    {
        Fields = [new FieldProblem("account_id", "There is no such account.")],
    };

    /// <summary>No catalog is published yet.</summary>
    public static Failure NoCatalog { get; } = new(FailureKind.NoCatalog, "No catalog is published yet.");

    internal static Failure Unavailable { get; } = new(
        FailureKind.Unavailable, "It is not known to be done: something it needs is not available at the moment. Send the same request again.");
}

/// <summary>What an operation came to: a value, or a failure.</summary>
public readonly record struct Result<T>
    where T : class
{
    private Result(T? value, Failure? failure)
    {
        Value = value;
        Failure = failure;
    }

    /// <summary>Null if it failed.</summary>
    public T? Value { get; }

    /// <summary>Null unless it failed.</summary>
    public Failure? Failure { get; }

    /// <summary>It is done.</summary>
    public static implicit operator Result<T>(T value) => new(value, null);

    /// <summary>It failed.</summary>
    public static implicit operator Result<T>(Failure failure) => new(null, failure);
}
