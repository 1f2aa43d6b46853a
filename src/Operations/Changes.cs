using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Ledger.Postgres;

namespace OrleansGateway.Operations;

/// <summary>A change that an actor asks for.</summary>
/// <typeparam name="T">The subject as it is after the change: what is answered, now and to a repeat.</typeparam>
internal sealed record Change<T>
    where T : class
{
    /// <summary>Such as <c>account.create</c>.</summary>
    public required string Action { get; init; }

    /// <summary>Why an actor may not ask for it; null if they may. Unless it says otherwise, it is for operators.</summary>
    public Func<Actor, Failure?> RefusalOf { get; init; } = static actor => actor.Refusal;

    /// <summary>The account that it is about; null if there need not be one.</summary>
    public string? AccountId { get; init; }

    /// <summary>What it is about; of a repeat, the first one's holds.</summary>
    public required string Subject { get; init; }

    /// <summary>All that was asked for, without secrets: a repeat is one that asks for the same.</summary>
    public required object Request { get; init; }

    /// <summary>The subject as it is before; an empty one if there is none.</summary>
    public required Func<string, Task<Result<Before>>> Read { get; init; }

    /// <summary>Carries it out. May be called again after a call that nobody knows the end of.</summary>
    public required Func<string, Task<Result<T>>> Act { get; init; }
}

/// <summary>The subject before a change; null if there was none.</summary>
internal sealed record Before(object? State);

/// <summary>
/// Carries out changes once a request id and writes the audit: the intent before, the outcome after. What has neither a value nor a
/// refusal leaves an intent without an outcome, which the audit shows as unknown and the same request carries out again.
/// </summary>
public sealed class Changes(AuditLog audit)
{
    private const string Done = "done";

    /// <inheritdoc cref="AuditLog.IsPausedByOwnerAsync"/>
    internal Task<bool> IsPausedByOwnerAsync(string accountId) => audit.IsPausedByOwnerAsync(accountId, CancellationToken.None);

    internal async Task<Result<T>> RunAsync<T>(Actor actor, string requestId, Change<T> change, CancellationToken cancellationToken)
        where T : class
    {
        if (change.RefusalOf(actor) is { } notAllowed)
        {
            return notAllowed;
        }

        if (change.AccountId is { } accountId && !Ids.IsAccountId(accountId))
        {
            return Failure.UnknownAccount(accountId);
        }

        // 1. Nobody else carries out the same request.
        var caller = new AuditCaller(OperationJson.Name(actor.Kind), actor.Id, requestId, actor.Address);
        await using var session = await audit.OpenAsync(caller, cancellationToken);
        if (session is null)
        {
            return new Failure(FailureKind.RequestRunning, "The same request is being carried out: send it again for its answer.");
        }

        // 2. A repeat is given the first answer.
        var request = OperationJson.Write(change.Request);
        var earlier = await session.FindAsync(change.Action, request, cancellationToken);
        if (earlier is { IsSame: false } or { Outcome: not null })
        {
            return Repeat<T>(earlier);
        }

        // 3. The intent is written, with the subject as it is.
        var subject = earlier?.Subject ?? change.Subject;
        if (!await session.LockSubjectAsync(subject, cancellationToken))
        {
            return Failure.Unavailable;
        }

        var before = await change.Read(subject);
        if (before.Failure is { } refusal)
        {
            return refusal;
        }

        var intent = earlier?.IntentId ?? await session.IntendAsync(
            change.Action, subject, request, before.Value!.State is { } state ? OperationJson.Write(state) : null, cancellationToken);
        if (earlier is not null)
        {
            await session.RetryAsync(intent, cancellationToken);
        }

        // 4. From here on whoever asked may be gone: it is carried out, and what became of it is written.
        var result = await change.Act(subject);
        if (result.Failure is not { Kind: FailureKind.Unavailable })
        {
            await session.EndAsync(
                intent,
                result.Failure is { } failure ? OperationJson.Name(failure.Kind) : Done,
                result.Value is null ? null : OperationJson.Write(result.Value),
                result.Failure is null ? null : OperationJson.Write(result.Failure));
        }

        return result;
    }

    private static Result<T> Repeat<T>(AuditedChange earlier)
        where T : class => earlier switch
        {
            { IsSame: false } => new Failure(FailureKind.RequestIdConflict, "The request_id was used for another request before; nothing is changed.")
            {
                Fields = [new FieldProblem("request_id", "It was used for another request before.")],
            },
            { After: { } after } => OperationJson.Read<T>(after),
            { Failure: { } failure } => OperationJson.Read<Failure>(failure),
            _ => throw new InvalidOperationException($"The audit's outcome {earlier.Outcome} has neither an answer nor a failure."),
        };
}
