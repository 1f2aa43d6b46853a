using Microsoft.Extensions.Logging;
using OrleansGateway.Ledger;

namespace OrleansGateway.Grains.Accounts;

/// <summary>What accounts tell the operator.</summary>
internal static partial class AccountLog
{
    [LoggerMessage(1, LogLevel.Warning, "Account {AccountId}: epoch {Epoch} is stale, an edge has seen {Seen}: steps down")]
    public static partial void LogStale(this ILogger log, string accountId, long epoch, long seen);

    [LoggerMessage(2, LogLevel.Warning, "Account {AccountId}: epoch {Epoch} is fenced by {Newer}: steps down")]
    public static partial void LogFenced(this ILogger log, string accountId, long epoch, long newer);

    [LoggerMessage(3, LogLevel.Critical, "Account {AccountId}: epoch {Epoch}: a batch ended as {Outcome}: steps down and is read anew")]
    public static partial void LogBatchFailed(this ILogger log, string accountId, long epoch, BatchOutcome outcome);

    [LoggerMessage(4, LogLevel.Critical, "Account {AccountId}: epoch {Epoch} broke a rule: steps down and is read anew")]
    public static partial void LogBroken(this ILogger log, string accountId, long epoch, Exception bug);

    [LoggerMessage(5, LogLevel.Error, "Account {AccountId}: hold {HoldId} cost {Shortfall} nanos more than there was money for")]
    public static partial void LogShortfall(this ILogger log, string accountId, string holdId, long shortfall);

    [LoggerMessage(6, LogLevel.Warning, "Account {AccountId}: hold {HoldId} was not renewed: charged {Charge} nanos at its progress")]
    public static partial void LogClosedByLease(this ILogger log, string accountId, string holdId, long charge);

    [LoggerMessage(7, LogLevel.Warning, "Account {AccountId}: the ledger did not say which of {Holds} holds have their rows")]
    public static partial void LogLooksFailed(this ILogger log, string accountId, int holds, Exception error);

    [LoggerMessage(8, LogLevel.Warning, "Account {AccountId}: the ledger did not say whether an idempotency key was used before")]
    public static partial void LogIdempotencyUnread(this ILogger log, string accountId, Exception error);

    [LoggerMessage(9, LogLevel.Information, "Account {AccountId}: epoch {Epoch}: hold {HoldId} was never renewed: let go")]
    public static partial void LogLetGo(this ILogger log, string accountId, long epoch, string holdId);

    [LoggerMessage(10, LogLevel.Error, "Account {AccountId}: chargeback {Ref} took {Shortfall} nanos more than there was money for")]
    public static partial void LogChargebackShortfall(this ILogger log, string accountId, string @ref, long shortfall);
}
