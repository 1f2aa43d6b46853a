using Orleans;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Operations;

/// <summary>Calls of accounts' grains.</summary>
internal static class GrainCalls
{
    private const int AttemptsMax = 7;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    /// <summary>The account's grain.</summary>
    public static IAccountGrain Account(this IGrainFactory grains, string accountId) => grains.GetGrain<IAccountGrain>(accountId);

    /// <summary>The account as its grain holds it; null if there is none.</summary>
    public static async Task<AccountView?> FindAsync(this IGrainFactory grains, string accountId) =>
        Ids.IsAccountId(accountId) ? await grains.Account(accountId).ShowAsync() : null;

    /// <summary>Sends a message again, a bounded number of times, while an activation steps down.</summary>
    /// <returns>Null if one stepped down each time.</returns>
    public static Task<TAnswer?> RepeatAsync<TAnswer>(this TimeProvider time, Func<Task<TAnswer>> send, Func<TAnswer, bool> isRetry)
        where TAnswer : class =>
        new Repeats(time, FirstPause, LongestPause).UntilFinalAsync(
            async _ => (TAnswer?)await send(), answer => !isRetry(answer), static attempts => attempts < AttemptsMax);

    /// <summary>Changes an account or a key.</summary>
    /// <returns>Null when it is done.</returns>
    public static async Task<Failure?> ChangeAsync(this TimeProvider time, string accountId, Func<Task<ChangeAnswer>> send)
    {
        var answer = await time.RepeatAsync(send, static change => change.Outcome == ChangeOutcome.Retry);
        return answer?.Outcome switch
        {
            ChangeOutcome.Done => null,
            ChangeOutcome.UnknownAccount => Failure.UnknownAccount(accountId),
            ChangeOutcome.ClosedForGood => new Failure(FailureKind.ClosedForGood, "A closed account, or a revoked key, stays so."),
            ChangeOutcome.Invalid => new Failure(FailureKind.Invalid, answer!.Reason ?? "The settings are not valid."),
            _ => Failure.Unavailable,
        };
    }
}
