using Microsoft.Extensions.Logging;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Edge.Accounting;

/// <summary>How every message to a grain is tried: one attempt waits a bounded time, pauses between attempts grow.</summary>
internal sealed partial class GrainCalls(TimeProvider time, AccountingOptions options, ILogger logger)
{
    private readonly Repeats _repeats = new(time, options.RepeatFirst, options.RepeatMax);

    public TimeProvider Time => time;

    public AccountingOptions Options => options;

    /// <summary>The answer, or the default if none came in time: the message may or may not have arrived.</summary>
    /// <param name="subject">What the message is about, for the log: a hold, or the account of many.</param>
    public async Task<TAnswer?> AskAsync<TRequest, TAnswer>(
        Account account, TRequest request, Func<IAccountGrain, TRequest, Task<TAnswer>> ask, string message, string subject)
    {
        try
        {
            return await ask(account.Grain, request).WaitAsync(options.AttemptTimeout, time);
        }
        catch (Exception exception)
        {
            // Whatever kept the answer away (a stopping silo, a failed activation, the time-out), the message is repeated.
            LogUnanswered(logger, message, subject, exception.GetType().Name);
            return default;
        }
    }

    /// <summary>Repeats a message until an answer is final, or until it is no use any more: then null.</summary>
    /// <param name="attempt">One attempt, told how many there were before it. Its answer is null if none came.</param>
    /// <param name="mayRepeat">Whether another attempt is of use.</param>
    public Task<TAnswer?> RepeatAsync<TAnswer>(Func<int, Task<TAnswer?>> attempt, Func<TAnswer, bool> isFinal, Func<bool> mayRepeat)
        where TAnswer : class =>
        _repeats.UntilFinalAsync(attempt, isFinal, _ => mayRepeat());

    /// <summary>Repeats a message until an answer is final, for as long as that takes.</summary>
    /// <param name="attempt">One attempt, told how many there were before it. Its answer is null if none came.</param>
    public async Task<TAnswer> RepeatAsync<TAnswer>(Func<int, Task<TAnswer?>> attempt, Func<TAnswer, bool> isFinal)
        where TAnswer : class =>
        (await RepeatAsync(attempt, isFinal, static () => true))!;

    public long ElapsedMs(long since) => (long)time.GetElapsedTime(since).TotalMilliseconds;

    [LoggerMessage(1000, LogLevel.Warning, "No answer to {Message} of {Subject}: {Reason}")]
    private static partial void LogUnanswered(ILogger logger, string message, string subject, string reason);
}
